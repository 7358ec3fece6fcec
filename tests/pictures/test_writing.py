"""Pictures written by bands are what independent readers read, of the usual size, and whole or not there."""

import io
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import kornia_rs.io
import numpy as np
import pytest
import skimage.data
import tifffile
from PIL import Image

from aldsr.data import DataError
from aldsr.data.images import Samples
from aldsr.pictures import write_picture, writing
from aldsr.pictures.deflate import map_in_threads
from tests.data.test_images import SRGB, deep_noise, noise


def write(path: Path, format: str, pixels: Samples, *cuts: int, icc: bytes | None = None) -> None:
    """Write a picture in bands, cut before these rows."""
    write_picture(path, format, np.split(pixels, cuts), shape=pixels.shape, dtype=pixels.dtype, icc=icc)


def photograph() -> Samples:
    return np.ascontiguousarray(skimage.data.astronaut()[:203, 100:350])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("format", ["png", "tiff"])
def test_8_bits_are_read_by_pillow(tmp_path: Path, format: str, channels: int) -> None:
    pixels = noise(150, 9, channels)
    write(tmp_path / "a", format, pixels, 1, 71, 135, 138)
    with Image.open(tmp_path / "a") as image:
        assert image.format == format.upper()
        assert image.mode == ("L", "LA", "RGB", "RGBA")[channels - 1]
        np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_are_read_by_others(tmp_path: Path, channels: int) -> None:
    pixels = deep_noise(150, 1000, channels)
    write(tmp_path / "a.tif", "tiff", pixels, 66, 67)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif").reshape(pixels.shape), pixels)
    if mode := {1: "mono", 3: "rgb", 4: "rgba"}.get(channels):
        write(tmp_path / "a.png", "png", pixels, 66)
        read = np.asarray(kornia_rs.io.read_image_png_u16(str(tmp_path / "a.png"), mode))
        np.testing.assert_array_equal(read.reshape(pixels.shape), pixels)


@pytest.mark.parametrize(("format", "channels"), [("jpeg", 1), ("jpeg", 3), ("webp", 3), ("webp", 4)])
def test_jpeg_and_webp_are_near(tmp_path: Path, format: str, channels: int) -> None:
    pixels = np.concatenate((photograph(), np.full((203, 250, 1), 90, np.uint8)), -1)[..., :channels]
    write(tmp_path / "a", format, pixels, 100)
    write(tmp_path / "b", format, pixels.astype(np.uint16) * 257, 100)
    with Image.open(tmp_path / "a") as image:
        assert image.format == format.upper()
        assert np.abs(np.asarray(image).reshape(pixels.shape).astype(int) - pixels).mean() < 2.5
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("format", ["png", "tiff", "jpeg", "webp"])
def test_the_colour_profile_is_written(tmp_path: Path, format: str) -> None:
    write(tmp_path / "a", format, noise(8, 9, 3), icc=SRGB)
    with Image.open(tmp_path / "a") as image:
        assert image.info["icc_profile"] == SRGB


def test_a_png_is_not_larger_than_pillows(tmp_path: Path) -> None:
    pixels, theirs = photograph(), io.BytesIO()
    write(tmp_path / "a.png", "png", pixels)
    Image.fromarray(pixels).save(theirs, "PNG")
    assert (tmp_path / "a.png").stat().st_size < 1.02 * len(theirs.getvalue())


@pytest.mark.parametrize(("format", "channels"), [("png", 3), ("png", 4), ("tiff", 3)])
def test_parts_compressed_in_threads_are_one_file_whatever_the_bands(
    tmp_path: Path, format: str, channels: int
) -> None:
    pixels = np.tile(np.concatenate((photograph(), photograph()[..., :1]), -1)[..., :channels], (8, 4, 1))
    pixels[500:600] = noise(100, 1000, channels)
    for name, cuts, ahead in (("a", [1, 700, 701, 1300], False), ("b", range(240, len(pixels), 240), True)):
        form = {"shape": pixels.shape, "dtype": pixels.dtype, "icc": None}
        write_picture(tmp_path / name, format, np.split(pixels, list(cuts)), **form, ahead=ahead)  # type: ignore[arg-type]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with Image.open(tmp_path / "a") as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
    if format == "png":
        parts = (tmp_path / "a").read_bytes()[:-8].split(b"IDAT")[1:]
        assert len(parts) > 4
        rows = zlib.decompress(b"".join(part[:-8] for part in parts))  # which holds their checksum against them
        assert len(rows) == pixels.size + len(pixels)


def test_a_pattern_that_repeats_stays_small(tmp_path: Path) -> None:
    write(tmp_path / "a.png", "png", np.tile(noise(16, 16, 3), (20, 20, 1)))
    assert (tmp_path / "a.png").stat().st_size < 320 * 320 * 3 / 20


def test_a_band_is_computed_while_the_last_one_is_compressed() -> None:
    computed = threading.Event()

    def bands() -> Iterator[list[int]]:
        yield [1, 2, 3]
        computed.set()
        yield [4]

    assert list(map_in_threads(lambda item: computed.wait(60) and -item, bands(), ahead=True)) == [-1, -2, -3, -4]


def test_what_fails_in_a_thread_stops_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "deflate", Mock(side_effect=MemoryError))
    monkeypatch.setattr(writing, "PART", 1)
    bands = (noise(64, 9, 3) if start < 2 else pytest.fail("computed") for start in range(9))
    with pytest.raises(MemoryError):
        write_picture(tmp_path / "a", "png", bands, shape=(576, 9, 3), dtype=np.dtype("uint8"), icc=None, ahead=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["png", "tiff", "jpeg", "webp"])
def test_nothing_is_left_of_a_picture_that_breaks_off(tmp_path: Path, format: str) -> None:
    def breaking() -> Iterator[Samples]:
        yield noise(8, 9, 3)
        raise KeyboardInterrupt

    (tmp_path / "a").write_text("earlier")
    with pytest.raises(KeyboardInterrupt):
        write_picture(tmp_path / "a", format, breaking(), shape=(16, 9, 3), dtype=np.dtype("uint8"), icc=None)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "earlier"


@pytest.mark.parametrize(
    ("format", "shape", "words"),
    [
        ("jpeg", (16, 9, 4), "--format"),
        ("webp", (1, 16384, 3), "16384x1"),
        ("jpeg", (65501, 1, 3), "1x65501"),
    ],
)
def test_what_a_format_cannot_hold_is_said_at_once(tmp_path: Path, format: str, shape: Any, words: str) -> None:
    bands = map(pytest.fail, ["computed"])
    with pytest.raises(DataError, match=words):
        write_picture(tmp_path / "a", format, bands, shape=shape, dtype=np.dtype("uint8"), icc=None)
    assert list(tmp_path.iterdir()) == []
