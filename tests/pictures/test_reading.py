"""Picture files of any kind keep what an upscaled picture has to keep: bits, gray, alpha, profile, the right way up."""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from aldsr.data import DataError
from aldsr.pictures import read_picture
from tests.data.test_images import UPRIGHT, deep_noise, deep_png, noise, orientation

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def refuse(path: Path, words: str = "", **options: Any) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{words}"):
        read_picture(path, **options)


def check_samples(path: Path, expected: NDArray[np.generic]) -> None:
    """Check all samples of a file against (H, W, C), of which the last channel is alpha if C is 2 or 4."""
    picture = read_picture(path)
    parts = [part for part in (picture.colour, picture.alpha) if part is not None]
    assert len(parts) == 2 - expected.shape[-1] % 2
    assert {part.dtype for part in parts} == {expected.dtype}
    np.testing.assert_array_equal(np.concatenate(parts, -1), expected)


@pytest.mark.parametrize(
    ("suffix", "channels"),
    [("png", 1), ("png", 2), ("png", 3), ("png", 4), ("tif", 1), ("tif", 3), ("tif", 4), ("webp", 3), ("webp", 4)],
)
def test_8_bits_are_kept(tmp_path: Path, suffix: str, channels: int) -> None:
    pixels = noise(7, 9, channels)
    Image.fromarray(pixels.squeeze()).save(tmp_path / f"a.{suffix}", lossless=True, exact=True)
    check_samples(tmp_path / f"a.{suffix}", pixels)


@pytest.mark.parametrize("transparency", [None, 3, bytes(range(0, 160, 10))])
def test_a_palette_becomes_its_colours(tmp_path: Path, transparency: int | bytes | None) -> None:
    colours, index = noise(16, 3, seed=1), noise(7, 9) % 16
    image = Image.fromarray(index).convert("L")
    image.putpalette(colours.tobytes())
    options: dict[str, Any] = {} if transparency is None else {"transparency": transparency}
    image.save(tmp_path / "a.png", **options)
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.colour, colours[index])
    table = {None: None, 3: np.where(np.arange(16) == 3, 0, 255)}.get(transparency, np.arange(0, 160, 10))  # type: ignore[arg-type]
    if table is None:
        assert picture.alpha is None
    else:
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha[..., 0], table[index])


@pytest.mark.parametrize(("channels", "colour_type"), [(1, 0), (2, 4), (3, 2), (4, 6)])
def test_16_bits_of_a_png_are_kept(tmp_path: Path, channels: int, colour_type: int) -> None:
    pixels = deep_noise(17, 19, channels)
    (tmp_path / "a.png").write_bytes(deep_png(pixels, colour_type))
    check_samples(tmp_path / "a.png", pixels)


@pytest.mark.parametrize(("channels", "colour_type"), [(1, 0), (3, 2)])
def test_one_transparent_colour_of_a_16_bit_png_becomes_alpha(tmp_path: Path, channels: int, colour_type: int) -> None:
    pixels = deep_noise(5, 6, channels)
    (tmp_path / "a.png").write_bytes(deep_png(pixels, colour_type, (b"tRNS", pixels[2, 3].astype(">u2").tobytes())))
    alpha = np.full((5, 6, 1), 65535, np.uint16)
    alpha[2, 3] = 0
    check_samples(tmp_path / "a.png", np.concatenate((pixels, alpha), -1))


@pytest.mark.parametrize(
    "options",
    [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"tile": (16, 16)}, {"planarconfig": "separate"}],
    ids=["plain", "big-endian", "compressed", "tiled", "planar"],
)
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bits_of_a_tiff_are_kept(tmp_path: Path, options: dict[str, Any], channels: int) -> None:
    pixels = deep_noise(17, 19, channels)
    stored = pixels.transpose(2, 0, 1) if "planarconfig" in options else pixels
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **options, **extra)
    check_samples(tmp_path / "a.tif", pixels)


def lzw(data: bytes) -> bytes:
    """LZW without its dictionary: codes of 9 bits, begun anew before they would have to grow."""
    codes = [code for start in range(0, len(data), 250) for code in (256, *data[start : start + 250])]
    bits = "".join(f"{code:09b}" for code in (*codes, 257))
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize(("channels", "kind"), [(3, "rgb"), (1, "minisblack"), (1, "miniswhite")])
def test_16_bits_of_an_lzw_tiff_are_kept(tmp_path: Path, channels: int, kind: Any) -> None:
    """tifffile reads LZW by a package that it comes without, and so cannot write it either."""
    pixels = deep_noise(17, 19, channels)
    shape = pixels.shape if channels == 3 else (17, 19)
    form: dict[str, Any] = {"shape": shape, "dtype": "uint16", "photometric": kind, "rowsperstrip": 17}
    tifffile.imwrite(tmp_path / "a.tif", iter([lzw(pixels.tobytes())]), **form, compression="zlib", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(5)
    check_samples(tmp_path / "a.tif", 65535 - pixels if kind == "miniswhite" else pixels)


def test_16_bit_alpha_that_is_multiplied_in_is_taken_out(tmp_path: Path) -> None:
    alpha = np.array([[65535, 32768, 1, 0]], np.uint16)
    colour = np.full((1, 4, 3), 50000, np.uint16)
    stored = np.concatenate(((colour * (alpha[..., None] / 65535)).astype(np.uint16), alpha[..., None]), axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(tmp_path / "a.tif")
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha[..., 0], alpha)
    assert np.abs(picture.colour[:, :2].astype(int) - 50000).max() <= 2


def test_cmyk_becomes_rgb_without_its_profile(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (40, 80, 120, 60)).save(tmp_path / "a.jpg", quality=100, icc_profile=SRGB)
    picture = read_picture(tmp_path / "a.jpg")
    expected = [(255 - ink) * (255 - 60) / 255 for ink in (40, 80, 120)]
    assert np.abs(picture.colour - np.array(expected)).max() <= 4


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


@pytest.mark.parametrize("value", UPRIGHT)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_exif_orientation_is_applied(tmp_path: Path, value: int, suffix: str) -> None:
    stored = noise(7, 9, 3)
    Image.fromarray(stored).save(tmp_path / f"a.{suffix}", exif=orientation(value))
    np.testing.assert_array_equal(read_picture(tmp_path / f"a.{suffix}").colour, UPRIGHT[value](stored))


def test_exif_orientation_of_16_bits_is_applied(tmp_path: Path) -> None:
    stored = deep_noise(7, 9, 3)
    exif = orientation(6).tobytes().removeprefix(b"Exif\0\0")
    (tmp_path / "a.png").write_bytes(deep_png(stored, 2, (b"eXIf", exif)))
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extratags=[(0x0112, "H", 1, 6, True)])
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(read_picture(tmp_path / name).colour, UPRIGHT[6](stored))


@pytest.mark.parametrize("suffix", ["gif", "png", "tif"])
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
        picture = read_picture(tmp_path / name)
        assert picture.size == (16, 16)
        assert np.abs(picture.colour.astype(int) - 16).max() <= 1


def huge_bmp() -> bytes:
    """A file whose header promises 30000x30000 pixels."""
    file = BytesIO()
    Image.new("L", (8, 8)).save(file, "BMP")
    content = bytearray(file.getvalue())
    content[18:26] = (30_000).to_bytes(4, "little") * 2
    return bytes(content)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: Image.fromarray(noise(4, 4).astype(np.float32)).save(path, "TIFF"),
        lambda path: Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(path, "TIFF"),
        lambda path: path.write_bytes(deep_png(deep_noise(40, 40, 2), 4)[:2000]),
        lambda path: path.write_bytes(huge_bmp()),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("text"),
        lambda path: None,
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, write: Callable[[Path], object]) -> None:
    write(tmp_path / "a.png")
    refuse(tmp_path / "a.png")


def test_the_limit_of_pixels_is_an_option(tmp_path: Path) -> None:
    Image.fromarray(noise(7, 9)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", max_pixels=63).size == (9, 7)
    refuse(tmp_path / "a.png", "--max-pixels", max_pixels=62)
