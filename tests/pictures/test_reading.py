"""A picture to upscale is read with its colour profile, and refused if it holds several or too many pixels."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from aldsr.data import DataError
from aldsr.pictures import read_picture
from tests.data.test_images import SRGB, noise, orientation


def refuse(path: Path, words: str = "", **options: Any) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{words}"):
        read_picture(path, **options)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_the_colour_profile_is_kept(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / f"a.{suffix}", icc_profile=SRGB)
    assert read_picture(tmp_path / f"a.{suffix}").icc == SRGB
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / f"b.{suffix}")
    assert read_picture(tmp_path / f"b.{suffix}").icc is None


def test_a_profile_of_other_colours_is_dropped_and_damaged_exif_ignored(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(8, 8)).save(path, icc_profile=SRGB, exif=orientation(6).tobytes()[:-9])
    assert read_picture(path).icc is None


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_several_frames_are_refused(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(noise(5, 4, 3, seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    refuse(tmp_path / f"a.{suffix}", "3 frames")


def test_of_a_phones_picture_and_of_a_tiff_with_previews_the_main_one_counts(tmp_path: Path) -> None:
    large, small = (Image.fromarray(np.full((side, side, 3), side, np.uint8)) for side in (16, 8))
    large.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[small], quality=100)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(np.asarray(large), photometric="rgb")
        file.write(np.asarray(small), photometric="rgb", subfiletype=1)
    for name in ("a.jpg", "a.tif"):
        samples = read_picture(tmp_path / name).samples
        assert samples.shape == (16, 16, 3)
        assert np.abs(samples.astype(int) - 16).max() <= 1


def test_the_limit_of_pixels_is_an_option_and_holds_for_what_a_header_promises(tmp_path: Path) -> None:
    Image.fromarray(noise(7, 9)).save(tmp_path / "a.bmp")
    assert read_picture(tmp_path / "a.bmp", max_pixels=63).samples.shape == (7, 9, 1)
    refuse(tmp_path / "a.bmp", "--max-pixels", max_pixels=62)
    content = bytearray((tmp_path / "a.bmp").read_bytes())
    content[18:26] = (30_000).to_bytes(4, "little") * 2
    (tmp_path / "a.bmp").write_bytes(content)
    refuse(tmp_path / "a.bmp", "--max-pixels")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("text")
    for name in ("text.png", "none.png"):
        refuse(tmp_path / name)
