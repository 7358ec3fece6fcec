"""Files of all kinds keep their samples, upright, and become RGB of 8 bits; others are refused in one sentence."""

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kornia_rs.io
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from aldsr.data.images import (
    DataError,
    Samples,
    image_files,
    image_size,
    is_gray,
    open_image,
    read_image,
    read_samples,
    round_to_8_bits,
)

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def deep_noise(*shape: int, seed: int = 0) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(0, 65536, shape, dtype=np.uint16)


def deep_png(pixels: NDArray[np.uint16], colour_type: int, *extra: tuple[bytes, bytes]) -> bytes:
    """A 16-bit PNG file, unfiltered, with extra chunks before the pixels: the variants no library here writes."""
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


UPRIGHT: dict[int, Callable[[NDArray], NDArray]] = {  # what a viewer does to the stored pixels
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def samples_of(path: Path) -> Samples:
    with open_image(path) as image:
        return read_samples(path, image)


def check(path: Path, expected: NDArray) -> None:
    """Check samples, (H, W, C), of which the last channel is alpha if C is 2 or 4; and what is made or told of them."""
    samples, rgb = samples_of(path), read_image(path)
    assert (samples.dtype, rgb.dtype) == (expected.dtype, np.uint8)
    np.testing.assert_array_equal(samples, expected)
    colour = expected[..., :3] if expected.shape[-1] > 2 else expected[..., [0, 0, 0]]
    np.testing.assert_array_equal(rgb, colour if colour.dtype == np.uint8 else np.rint(colour / 257))
    assert image_size(path) == expected.shape[1::-1]
    assert is_gray(path) is (expected.shape[-1] < 3)


@pytest.mark.parametrize("kind", ["png1", "png2", "png3", "png4", "bmp3", "tif1", "tif3", "tif4", "webp3", "webp4"])
def test_8_bits_are_kept(tmp_path: Path, kind: str) -> None:
    suffix, pixels = kind[:-1], noise(7, 9, int(kind[-1]))
    Image.fromarray(pixels.squeeze()).save(tmp_path / f"a.{suffix}", lossless=True, exact=True)
    check(tmp_path / f"a.{suffix}", pixels)


def test_bits_are_gray_and_three_equal_channels_are_not(tmp_path: Path) -> None:
    bits = noise(7, 9, 1) > 127
    Image.fromarray(bits.squeeze()).save(tmp_path / "bits.png")
    check(tmp_path / "bits.png", bits.astype(np.uint8) * 255)
    Image.new("RGB", (9, 7)).save(tmp_path / "black.png")
    check(tmp_path / "black.png", np.zeros((7, 9, 3), np.uint8))


@pytest.mark.parametrize("transparency", [None, 3, bytes(range(0, 160, 10))])
def test_a_palette_becomes_its_colours(tmp_path: Path, transparency: int | bytes | None) -> None:
    colours, index = noise(16, 3, seed=1), noise(7, 9) % 16
    image = Image.fromarray(index).convert("L")
    image.putpalette(colours.tobytes())
    image.save(tmp_path / "a.png", **({} if transparency is None else {"transparency": transparency}))
    if isinstance(transparency, bytes):
        colours = np.column_stack((colours, list(transparency)))
    elif transparency is not None:
        colours = np.column_stack((colours, np.where(np.arange(16) == transparency, 0, 255)))
    check(tmp_path / "a.png", colours[index].astype(np.uint8))


@pytest.mark.parametrize(
    ("channels", "colour_type", "key"),
    [(1, 0, False), (2, 4, False), (3, 2, False), (4, 6, False), (1, 0, True), (3, 2, True)],
)
def test_16_bits_of_a_png_are_kept_and_one_colour_may_be_transparent(
    tmp_path: Path, channels: int, colour_type: int, key: bool
) -> None:
    pixels = deep_noise(17, 19, channels)
    extra = [(b"tRNS", pixels[2, 3].astype(">u2").tobytes())] if key else []
    (tmp_path / "a.png").write_bytes(deep_png(pixels, colour_type, *extra))
    alpha = np.full((17, 19, int(key)), 65535, np.uint16)
    alpha[2, 3] = 0
    check(tmp_path / "a.png", np.concatenate((pixels, alpha), -1))


def save_16_bit_tiff(path: Path, pixels: NDArray[np.uint16], **options: Any) -> None:
    form: dict[str, Any] = {"photometric": "rgb" if pixels.shape[-1] > 2 else "minisblack"}
    form |= {"extrasamples": ["unassalpha"]} if pixels.shape[-1] == 4 else {}
    stored = pixels.transpose(2, 0, 1) if "planarconfig" in options else pixels.squeeze()
    tifffile.imwrite(path, stored, **form | options)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("option", [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=str)
def test_16_bits_of_a_tiff_are_kept(tmp_path: Path, option: dict[str, Any], channels: int) -> None:
    pixels = deep_noise(17, 19, channels)
    save_16_bit_tiff(tmp_path / "a.tif", pixels, **option)
    check(tmp_path / "a.tif", pixels)
    if channels > 1:
        save_16_bit_tiff(tmp_path / "planar.tif", pixels, planarconfig="separate", **option)
        check(tmp_path / "planar.tif", pixels)


def test_black_may_be_the_largest_value_of_a_tiff(tmp_path: Path) -> None:
    for name, pixels in (("a.tif", noise(7, 9, 1)), ("deep.tif", deep_noise(7, 9, 1))):
        save_16_bit_tiff(tmp_path / name, np.invert(pixels), photometric="miniswhite")
        check(tmp_path / name, pixels)


def lzw(data: bytes) -> bytes:
    """LZW without its dictionary: codes of 9 bits, begun anew before they would have to grow."""
    codes = [code for start in range(0, len(data), 250) for code in (256, *data[start : start + 250])]
    bits = "".join(f"{code:09b}" for code in (*codes, 257))
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize(("channels", "kind"), [(3, "rgb"), (1, "minisblack")])
def test_16_bits_of_an_lzw_tiff_are_kept(tmp_path: Path, channels: int, kind: Any) -> None:
    """tifffile reads LZW by a package that it comes without, and so cannot write it either."""
    pixels = deep_noise(17, 19, channels)
    form: dict[str, Any] = {"shape": pixels.squeeze().shape, "dtype": "uint16", "photometric": kind, "rowsperstrip": 17}
    tifffile.imwrite(tmp_path / "a.tif", iter([lzw(pixels.tobytes())]), **form, compression="zlib", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(5)
    check(tmp_path / "a.tif", pixels)


def test_16_bit_alpha_that_is_multiplied_in_is_taken_out(tmp_path: Path) -> None:
    alpha = np.array([[65535, 32768, 1, 0]], np.uint16)[..., None]
    stored = np.concatenate((np.repeat(50000 * (alpha / 65535), 3, -1).astype(np.uint16), alpha), axis=-1)
    save_16_bit_tiff(tmp_path / "a.tif", stored, extrasamples=["assocalpha"])
    samples = samples_of(tmp_path / "a.tif")
    np.testing.assert_array_equal(samples[..., 3:], alpha)
    assert np.abs(samples[:, :2, :3].astype(int) - 50000).max() <= 2


def test_16_bit_cmyk_is_no_rgb(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 5, 4), (65535, 0, 0, 0), np.uint16), photometric="separated")
    check(tmp_path / "a.tif", np.full((4, 5, 3), (0, 255, 255), np.uint8))


def test_16_bits_are_rounded_to_8() -> None:
    every = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(round_to_8_bits(every), np.rint(every / 257))


def test_jpeg_is_near(tmp_path: Path) -> None:
    y, x = np.mgrid[:16, :24]
    pixels = np.stack([y * 8, x * 8, 128 + y - x], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=100, subsampling=0)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - pixels).max() <= 4
    ink = (40, 80, 120, 60)
    Image.new("CMYK", (16, 16), ink).save(tmp_path / "cmyk.jpg", quality=100, icc_profile=SRGB)  # not its profile
    expected = [(255 - colour) * (255 - ink[3]) / 255 for colour in ink[:3]]
    assert np.abs(read_image(tmp_path / "cmyk.jpg") - np.array(expected)).max() <= 4
    assert not is_gray(tmp_path / "cmyk.jpg")


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (5, 4), (200, 10, 30)), Image.new("RGB", (5, 4), (0, 250, 90))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    check(tmp_path / "a.gif", np.full((4, 5, 3), (200, 10, 30), np.uint8))


@pytest.mark.parametrize(("suffix", "channels"), [("png", 3), ("webp", 3), ("tif", 3), ("tif", 1)])
@pytest.mark.parametrize("value", [*UPRIGHT, 0, 9])
def test_exif_orientation_is_applied(tmp_path: Path, suffix: str, channels: int, value: int) -> None:
    stored = noise(7, 9, channels)
    Image.fromarray(stored.squeeze()).save(tmp_path / f"a.{suffix}", exif=orientation(value), lossless=True)
    check(tmp_path / f"a.{suffix}", UPRIGHT.get(value, UPRIGHT[1])(stored))


@pytest.mark.parametrize(("channels", "colour_type"), [(1, 0), (3, 2)])
def test_exif_orientation_of_16_bits_is_applied(tmp_path: Path, channels: int, colour_type: int) -> None:
    stored = deep_noise(7, 9, channels)
    exif = orientation(6).tobytes().removeprefix(b"Exif\0\0")
    (tmp_path / "a.png").write_bytes(deep_png(stored, colour_type, (b"eXIf", exif)))
    save_16_bit_tiff(tmp_path / "a.tif", stored, extratags=[(0x0112, "H", 1, 6, True)])
    for name in ("a.png", "a.tif"):
        check(tmp_path / name, UPRIGHT[6](stored))


def test_size_is_known_from_the_header(tmp_path: Path) -> None:
    Image.fromarray(noise(64, 48, 3)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:700])
    assert image_size(tmp_path / "a.jpg") == (48, 64)


# What cannot be read


@pytest.mark.parametrize("read", [read_image, image_size, is_gray])
def test_missing_and_broken_files_are_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(DataError, match=r"/none\.png: no such file"):
        read(tmp_path / "none.png")
    for content in (b"", b"no image at all\n", b"\x89PNG\r\n\x1a\n\0\0"):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(DataError, match=r"/a\.png: "):
            read(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "rgb.png", "la.png", "deep.tif"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "rgb.png":
        kornia_rs.io.write_image_png_u16(str(path), deep_noise(64, 64, 3), "rgb")
    elif name == "la.png":
        path.write_bytes(deep_png(deep_noise(64, 64, 2), 4))
    elif name == "deep.tif":
        save_16_bit_tiff(path, deep_noise(64, 64, 3))
    else:
        Image.fromarray(noise(64, 64, 3)).save(path)
    content = path.read_bytes()
    for kept in (0.3, 0.9):
        path.write_bytes(content[: int(kept * len(content))])
        with pytest.raises(DataError, match=re.escape(str(path))):
            read_image(path)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [(np.zeros((4, 5), np.float32), "floating"), (np.full((4, 4), 70_000, np.int32), "70000")],
)
def test_values_of_more_than_16_bits_are_refused(tmp_path: Path, pixels: NDArray, reason: str) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=rf"/a\.tif: .*{reason}"):
        read_image(tmp_path / "a.tif")


def test_image_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.tif", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    assert [path.name for path in image_files(str(tmp_path))] == ["a.jpg", "b.PNG", "c.tif"]
    (tmp_path / "empty").mkdir()
    for folder in ("none", "notes.txt", "empty"):
        with pytest.raises(DataError, match=f"/{folder}: "):
            image_files(tmp_path / folder)
