"""Image files of all kinds become RGB, uint8, upright; files that cannot are refused in one sentence."""

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
from PIL import Image

from aldsr.data.images import DataError, image_files, image_size, is_gray, read_image

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint16]


def noise(*shape: int, seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def deep_noise(*shape: int, seed: int = 0) -> Words:
    return np.random.default_rng(seed).integers(0, 65536, shape, dtype=np.uint16)


def rounded(deep: Words) -> Bytes:
    return np.rint(deep / 257).astype(np.uint8)


def gray_as_rgb(gray: Bytes) -> Bytes:
    return np.stack([gray] * 3, axis=-1)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def deep_png(pixels: Words, colour_type: int, *extra: tuple[bytes, bytes]) -> bytes:
    """A 16-bit PNG file, unfiltered, with extra chunks before the pixels: the variants no library here writes."""
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


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


def save_palette(path: Path) -> NDArray:
    colours, index = noise(16, 3, seed=1), noise(7, 9) % 16
    image = Image.fromarray(index).convert("L")
    image.putpalette(colours.tobytes())
    image.save(path, transparency=bytes(range(0, 160, 10)))
    return colours[index]


def save_16_bit_tiff(path: Path, **options: Any) -> Bytes:
    pixels = deep_noise(17, 19, 3)
    stored = pixels.transpose(2, 0, 1) if "planarconfig" in options else pixels
    tifffile.imwrite(path, stored, photometric="rgb", **options)
    return rounded(pixels)


def save_16_bit_png(path: Path, mode: str) -> Bytes:
    pixels = deep_noise(17, 19, len(mode))
    kornia_rs.io.write_image_png_u16(str(path), pixels, mode)
    return rounded(pixels[..., :3])


def save(path: Path, pixels: NDArray, expected: NDArray | None = None, **options: Any) -> NDArray:
    """Write an image file; the pixels that are to be read."""
    Image.fromarray(pixels).save(path, **options)
    return pixels if expected is None else expected


EVERY = np.arange(65536, dtype=np.uint16).reshape(256, 256)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("rgb.png", lambda path: save(path, noise(7, 9, 3))),
        ("rgb.bmp", lambda path: save(path, noise(7, 9, 3))),
        ("rgb.tif", lambda path: save(path, noise(7, 9, 3))),
        ("rgb.webp", lambda path: save(path, noise(7, 9, 3), lossless=True)),
        ("gray.png", lambda path: save(path, noise(7, 9))),
        ("bits.png", lambda path: save(path, noise(7, 9) > 127, np.where(noise(7, 9) > 127, 255, 0))),
        ("la.png", lambda path: save(path, noise(7, 9, 2), noise(7, 9, 2)[..., 0])),
        ("rgba.png", lambda path: save(path, noise(7, 9, 4), noise(7, 9, 4)[..., :3])),  # without blending
        ("rgba.webp", lambda path: save(path, noise(7, 9, 4), noise(7, 9, 4)[..., :3], lossless=True, exact=True)),
        ("palette.png", save_palette),
        ("gray16.png", lambda path: save(path, EVERY, rounded(EVERY))),
        ("rgb16.png", lambda path: save_16_bit_png(path, "rgb")),
        ("rgba16.png", lambda path: save_16_bit_png(path, "rgba")),
        ("gray16.tif", lambda path: save(path, EVERY, rounded(EVERY))),
        ("rgb16.tif", save_16_bit_tiff),
        ("big-endian.tif", lambda path: save_16_bit_tiff(path, byteorder=">")),
        ("tiled.tif", lambda path: save_16_bit_tiff(path, tile=(16, 16), compression="zlib")),
        ("planar.tif", lambda path: save_16_bit_tiff(path, planarconfig="separate")),
    ],
)
def test_pixels(tmp_path: Path, name: str, write: Callable[[Path], NDArray]) -> None:
    expected = write(tmp_path / name)
    pixels = read_image(tmp_path / name)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, gray_as_rgb(expected) if expected.ndim == 2 else expected)


def test_16_bit_gray_with_alpha_keeps_its_high_byte(tmp_path: Path) -> None:
    """Of this kind Pillow drops the low byte: within one level of rounding."""
    pixels = deep_noise(7, 9, 2)
    (tmp_path / "a.png").write_bytes(deep_png(pixels, 4))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), gray_as_rgb((pixels[..., 0] >> 8).astype(np.uint8)))


def test_jpeg_is_near(tmp_path: Path) -> None:
    y, x = np.mgrid[:16, :24]
    pixels = np.stack([y * 8, x * 8, 128 + y - x], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=100, subsampling=0)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - pixels).max() <= 4
    ink = (40, 80, 120, 60)
    Image.new("CMYK", (16, 16), ink).save(tmp_path / "cmyk.jpg", quality=100)
    expected = [(255 - colour) * (255 - ink[3]) / 255 for colour in ink[:3]]
    assert np.abs(read_image(tmp_path / "cmyk.jpg") - np.array(expected)).max() <= 4


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (5, 4), (200, 10, 30)), Image.new("RGB", (5, 4), (0, 250, 90))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif"), np.full((4, 5, 3), (200, 10, 30), np.uint8))


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("value", [*UPRIGHT, 0, 9])
def test_exif_orientation_is_applied(tmp_path: Path, suffix: str, value: int) -> None:
    stored = noise(7, 9, 3)
    Image.fromarray(stored).save(tmp_path / f"a.{suffix}", exif=orientation(value), lossless=True)
    expected = UPRIGHT.get(value, UPRIGHT[1])(stored)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), expected)
    assert image_size(tmp_path / f"a.{suffix}") == expected.shape[1::-1]


def test_exif_orientation_of_16_bits_is_applied(tmp_path: Path) -> None:
    stored = deep_noise(7, 9, 3)
    exif = orientation(6).tobytes().removeprefix(b"Exif\0\0")
    (tmp_path / "a.png").write_bytes(deep_png(stored, 2, (b"eXIf", exif)))
    (tmp_path / "gray.png").write_bytes(deep_png(stored[..., :1], 0, (b"eXIf", exif)))
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extratags=[(0x0112, "H", 1, 6, True)])
    expected = UPRIGHT[6](rounded(stored))
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(read_image(tmp_path / name), expected)
    np.testing.assert_array_equal(read_image(tmp_path / "gray.png"), gray_as_rgb(expected[..., 0]))


def test_size_is_known_from_the_header(tmp_path: Path) -> None:
    Image.fromarray(noise(64, 48, 3)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:700])
    assert image_size(tmp_path / "a.jpg") == (48, 64)


@pytest.mark.parametrize(
    ("mode", "suffix", "gray"),
    [
        ("1", "png", True),
        ("L", "jpg", True),
        ("LA", "png", True),
        ("I;16", "png", True),
        ("I;16B", "tif", True),
        ("RGB", "png", False),  # black: three equal channels
        ("RGBA", "png", False),
        ("P", "png", False),
        ("CMYK", "jpg", False),
    ],
)
def test_a_file_is_gray_by_its_mode(tmp_path: Path, mode: str, suffix: str, gray: bool) -> None:
    Image.new(mode, (9, 7)).save(tmp_path / f"a.{suffix}")
    assert is_gray(tmp_path / f"a.{suffix}") is gray
    assert image_size(tmp_path / f"a.{suffix}") == (9, 7)


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (4, 2), (2, 3), (6, 4)])
def test_16_bit_png_is_gray_by_its_header(tmp_path: Path, colour_type: int, channels: int) -> None:
    (tmp_path / "a.png").write_bytes(deep_png(deep_noise(7, 9, channels), colour_type))
    assert is_gray(tmp_path / "a.png") is (channels < 3)


# What cannot be read


@pytest.mark.parametrize("read", [read_image, image_size, is_gray])
def test_missing_and_broken_files_are_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(DataError, match=r"/none\.png: no such file"):
        read(tmp_path / "none.png")
    for content in (b"", b"no image at all\n", b"\x89PNG\r\n\x1a\n\0\0"):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(DataError, match=r"/a\.png: "):
            read(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "deep.png", "deep.tif"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "deep.png":
        kornia_rs.io.write_image_png_u16(str(path), deep_noise(64, 64, 3), "rgb")
    elif name == "deep.tif":
        tifffile.imwrite(path, deep_noise(64, 64, 3), photometric="rgb")
    else:
        Image.fromarray(noise(64, 64, 3)).save(path)
    content = path.read_bytes()
    for kept in (0.3, 0.9):
        path.write_bytes(content[: int(kept * len(content))])
        with pytest.raises(DataError, match=re.escape(str(path))):
            read_image(path)


def test_floating_point_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), np.float32))
    with pytest.raises(DataError, match=r"/a\.tif: .*floating"):
        read_image(tmp_path / "a.tif")


def test_image_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.tif", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    assert [path.name for path in image_files(str(tmp_path))] == ["a.jpg", "b.PNG", "c.tif"]
    (tmp_path / "empty").mkdir()
    for folder in ("none", "notes.txt", "empty"):
        with pytest.raises(DataError, match=f"/{folder}: "):
            image_files(tmp_path / folder)
