"""Image files of all kinds become RGB, uint8, upright; files that cannot are refused in one sentence."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

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


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "tga"])
def test_rgb_is_read_as_it_is(tmp_path: Path, suffix: str) -> None:
    pixels = noise(7, 9, 3)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    read = read_image(tmp_path / f"a.{suffix}")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels)


def test_lossless_webp_is_exact(tmp_path: Path) -> None:
    pixels = noise(7, 9, 3)
    Image.fromarray(pixels).save(tmp_path / "a.webp", lossless=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.webp"), pixels)


def test_jpeg_is_near(tmp_path: Path) -> None:
    y, x = np.mgrid[:16, :24]
    pixels = np.stack([y * 8, x * 8, 128 + y - x], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=100, subsampling=0)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - pixels).max() <= 4


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_gray_becomes_three_equal_channels(tmp_path: Path, suffix: str) -> None:
    gray = noise(7, 9)
    Image.fromarray(gray).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), gray_as_rgb(gray))


def test_gray_with_alpha_drops_alpha(tmp_path: Path) -> None:
    pixels = noise(7, 9, 2)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "LA"
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), gray_as_rgb(pixels[..., 0]))


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_rgba_drops_alpha_without_blending(tmp_path: Path, suffix: str) -> None:
    pixels = noise(7, 9, 4)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", lossless=True, exact=True)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), pixels[..., :3])


@pytest.mark.parametrize(
    "transparency",
    [None, 3, bytes(range(0, 160, 10))],
    ids=["opaque", "one transparent colour", "an alpha for every colour"],
)
def test_palette_becomes_its_colours(tmp_path: Path, transparency: int | bytes | None) -> None:
    colours, index = noise(16, 3, seed=1), noise(7, 9) % 16
    image = Image.fromarray(index).convert("L")
    image.putpalette(colours.tobytes())
    options: dict[str, Any] = {} if transparency is None else {"transparency": transparency}
    image.save(tmp_path / "a.png", **options)
    with Image.open(tmp_path / "a.png") as written:
        assert written.mode == "P"
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours[index])


def test_1_bit_becomes_black_and_white(tmp_path: Path) -> None:
    bits = noise(7, 9) > 127
    Image.fromarray(bits).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), gray_as_rgb(np.where(bits, 255, 0).astype(np.uint8)))


@pytest.mark.parametrize("ink", [(0, 0, 0, 0), (255, 0, 0, 0), (0, 128, 255, 0), (40, 80, 120, 60), (0, 0, 0, 255)])
def test_cmyk_jpeg_becomes_rgb(tmp_path: Path, ink: tuple[int, int, int, int]) -> None:
    Image.new("CMYK", (16, 16), ink).save(tmp_path / "a.jpg", quality=100)
    expected = [(255 - colour) * (255 - ink[3]) / 255 for colour in ink[:3]]
    read = read_image(tmp_path / "a.jpg")
    assert read.shape == (16, 16, 3)
    assert np.abs(read - np.array(expected)).max() <= 4


def test_animated_gif_gives_its_first_frame(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (5, 4), (200, 10, 30)), Image.new("RGB", (5, 4), (0, 250, 90))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    with Image.open(tmp_path / "a.gif") as image:
        assert getattr(image, "n_frames", 1) == 2
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif"), np.full((4, 5, 3), (200, 10, 30), np.uint8))


@pytest.mark.parametrize("value", UPRIGHT)
def test_exif_orientation_is_applied(tmp_path: Path, value: int) -> None:
    stored = noise(7, 9, 3)
    Image.fromarray(stored).save(tmp_path / "a.png", exif=orientation(value))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), UPRIGHT[value](stored))


def test_exif_orientation_of_a_jpeg_is_applied(tmp_path: Path) -> None:
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:, :16] = 255
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=orientation(8))
    read = read_image(tmp_path / "a.jpg")
    assert read.shape == (32, 16, 3)
    assert np.abs(read.astype(int) - UPRIGHT[8](stored)).max() <= 4


@pytest.mark.parametrize("channels", [1, 3])
def test_exif_orientation_of_16_bit_png_is_applied(tmp_path: Path, channels: int) -> None:
    stored = deep_noise(7, 9, channels)
    exif = orientation(6).tobytes().removeprefix(b"Exif\0\0")
    (tmp_path / "a.png").write_bytes(deep_png(stored, {1: 0, 3: 2}[channels], (b"eXIf", exif)))
    expected = np.broadcast_to(UPRIGHT[6](rounded(stored)), (9, 7, 3))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_orientation_of_16_bit_tiff_is_applied(tmp_path: Path) -> None:
    stored = deep_noise(7, 9, 3)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extratags=[(0x0112, "H", 1, 6, True)])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), UPRIGHT[6](rounded(stored)))


def test_16_bit_gray_png_is_rounded(tmp_path: Path) -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(every).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), gray_as_rgb(rounded(every)))


def test_16_bit_gray_with_alpha_png_keeps_its_high_byte(tmp_path: Path) -> None:
    """Of this one kind Pillow drops the low byte and no reader at hand keeps it: within one level of rounding."""
    pixels = deep_noise(7, 9, 2)
    (tmp_path / "a.png").write_bytes(deep_png(pixels, 4))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), gray_as_rgb((pixels[..., 0] >> 8).astype(np.uint8)))


@pytest.mark.parametrize("mode", ["rgb", "rgba"])
def test_16_bit_colour_png_is_rounded(tmp_path: Path, mode: str) -> None:
    pixels = deep_noise(17, 19, len(mode))
    kornia_rs.io.write_image_png_u16(str(tmp_path / "a.png"), pixels, mode)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), rounded(pixels[..., :3]))


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_gray_tiff_is_rounded(tmp_path: Path, byteorder: Literal["<", ">"]) -> None:
    gray = deep_noise(17, 19)
    tifffile.imwrite(tmp_path / "a.tif", gray, byteorder=byteorder, photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), gray_as_rgb(rounded(gray)))


@pytest.mark.parametrize(
    "options",
    [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"tile": (16, 16)}, {"planarconfig": "separate"}],
    ids=["plain", "big-endian", "compressed", "tiled", "planar"],
)
def test_16_bit_colour_tiff_is_rounded(tmp_path: Path, options: dict[str, Any]) -> None:
    pixels = deep_noise(17, 19, 3)
    stored = pixels.transpose(2, 0, 1) if "planarconfig" in options else pixels
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), rounded(pixels))


def test_16_bit_colour_tiff_by_another_writer_is_rounded(tmp_path: Path) -> None:
    pixels = deep_noise(17, 19, 3)
    kornia_rs.io.write_image_tiff_u16(str(tmp_path / "a.tif"), pixels, "rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), rounded(pixels))


def test_nothing_of_a_read_image_is_shared_with_the_file(tmp_path: Path) -> None:
    Image.fromarray(noise(7, 9, 3)).save(tmp_path / "a.bmp")
    read = read_image(tmp_path / "a.bmp")
    (tmp_path / "a.bmp").write_bytes(b"")
    np.testing.assert_array_equal(read, noise(7, 9, 3))


# Size and kind, by the header


@pytest.mark.parametrize(
    ("suffix", "value"), [(suffix, value) for suffix in ("png", "jpg", "webp", "tif") for value in UPRIGHT]
)
def test_size_is_that_of_the_upright_image(tmp_path: Path, suffix: str, value: int) -> None:
    Image.fromarray(noise(7, 9, 3)).save(tmp_path / f"a.{suffix}", exif=orientation(value))
    assert image_size(tmp_path / f"a.{suffix}") == ((9, 7) if value < 5 else (7, 9))
    assert read_image(tmp_path / f"a.{suffix}").shape == ((7, 9, 3) if value < 5 else (9, 7, 3))


@pytest.mark.parametrize("value", [0, 9])
def test_orientation_that_there_is_not_changes_neither_size_nor_image(tmp_path: Path, value: int) -> None:
    stored = noise(7, 9, 3)
    Image.fromarray(stored).save(tmp_path / "a.png", exif=orientation(value))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), stored)
    assert image_size(tmp_path / "a.png") == (9, 7)


def test_size_is_known_before_the_pixels_are_there(tmp_path: Path) -> None:
    Image.fromarray(noise(64, 48, 3)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:700])
    assert image_size(tmp_path / "a.jpg") == (48, 64)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_size_of_every_kind_is_width_and_height(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (9, 7)).save(tmp_path / "a.png")
    assert image_size(tmp_path / "a.png") == (9, 7)


@pytest.mark.parametrize(
    ("mode", "suffix", "gray"),
    [
        ("1", "png", True),
        ("L", "png", True),
        ("L", "jpg", True),
        ("L", "tif", True),
        ("LA", "png", True),
        ("I;16", "png", True),
        ("I;16", "tif", True),
        ("I;16B", "tif", True),
        ("RGB", "png", False),  # black: three equal channels
        ("RGB", "jpg", False),
        ("RGBA", "png", False),
        ("P", "png", False),
        ("CMYK", "jpg", False),
    ],
)
def test_whether_a_file_is_gray_is_a_matter_of_its_kind(tmp_path: Path, mode: str, suffix: str, gray: bool) -> None:
    Image.new(mode, (9, 7)).save(tmp_path / f"a.{suffix}")
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert image.mode == mode
    assert is_gray(tmp_path / f"a.{suffix}") is gray


def test_equal_channels_and_gray_palettes_are_colour(tmp_path: Path) -> None:
    Image.fromarray(gray_as_rgb(noise(7, 9))).save(tmp_path / "rgb.png")
    palette = Image.fromarray(noise(7, 9)).convert("L")
    palette.putpalette(gray_as_rgb(np.arange(256, dtype=np.uint8)).tobytes())
    palette.save(tmp_path / "palette.png")
    with Image.open(tmp_path / "palette.png") as written:
        assert written.mode == "P"
    assert not is_gray(tmp_path / "rgb.png")
    assert not is_gray(tmp_path / "palette.png")


@pytest.mark.parametrize(
    ("colour_type", "channels", "gray"), [(0, 1, True), (4, 2, True), (2, 3, False), (6, 4, False)]
)
def test_16_bit_png_is_gray_by_its_header(tmp_path: Path, colour_type: int, channels: int, gray: bool) -> None:
    (tmp_path / "a.png").write_bytes(deep_png(deep_noise(7, 9, channels), colour_type))
    assert is_gray(tmp_path / "a.png") is gray
    assert image_size(tmp_path / "a.png") == (9, 7)


@pytest.mark.parametrize("question", [image_size, is_gray])
def test_nothing_is_said_of_missing_and_broken_files(tmp_path: Path, question: Callable[[Path], object]) -> None:
    with pytest.raises(DataError, match=r"/none\.png: no such file$"):
        question(tmp_path / "none.png")
    for content in (b"", b"no image at all\n", b"\x89PNG\r\n\x1a\n\0\0"):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(DataError, match=r"/a\.png: cannot be read as an image \(.*\); replace or remove the file$"):
            question(tmp_path / "a.png")


# What cannot be read


def refusal(path: Path) -> str:
    """The message with which a file is refused: one line that names the file."""
    with pytest.raises(DataError) as refused:
        read_image(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.png").endswith("no such file")


@pytest.mark.parametrize("content", [b"", b"no image at all\n"], ids=["zero bytes", "text"])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert "cannot be read as an image" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise(64, 64, 3)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    assert "replace or remove" in refusal(path)


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_16_bit_png_is_refused(tmp_path: Path, kept: float) -> None:
    whole = deep_png(deep_noise(32, 32, 3), 2)
    (tmp_path / "a.png").write_bytes(whole[: int(kept * len(whole))])
    assert "replace or remove" in refusal(tmp_path / "a.png")


def test_a_damaged_png_is_refused(tmp_path: Path) -> None:
    Image.fromarray(noise(64, 64, 3)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[200:220] = bytes(20)
    (tmp_path / "a.png").write_bytes(content)
    assert "replace or remove" in refusal(tmp_path / "a.png")


def test_floating_point_tiff_is_refused_with_advice(tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "a.tif")
    assert "floating-point values; convert it" in refusal(tmp_path / "a.tif")


def test_16_bit_rgba_tiff_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    pixels = deep_noise(7, 9, 4)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    try:
        read = read_image(tmp_path / "a.tif")
    except DataError:
        refusal(tmp_path / "a.tif")
    else:
        np.testing.assert_array_equal(read, rounded(pixels[..., :3]))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: int) -> None:
    if bits == 8:
        Image.fromarray(noise(32, 32, 3)).save(tmp_path / "a.png")
    else:
        (tmp_path / "a.png").write_bytes(deep_png(deep_noise(32, 32, 3), 2))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert "bomb" in refusal(tmp_path / "a.png")


def test_a_folder_named_like_an_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    refusal(tmp_path / "a.png")


# The files of a folder


def test_image_files_are_sorted_and_others_skipped(tmp_path: Path) -> None:
    wanted = ["0001.png", "0002.JPG", "0010.webp", "b.tiff", "c.bmp"]
    for name in [*reversed(wanted), ".hidden.png", "._0001.png", "notes.txt", "Thumbs.db", "png", "list.csv", "a.npy"]:
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "below.png").touch()
    assert [path.name for path in image_files(tmp_path)] == wanted
    assert [path.name for path in image_files(str(tmp_path))] == wanted


def test_image_files_knows_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").touch()
    assert image_files("~/set") == [tmp_path / "set" / "a.png"]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/none: expected a folder of images, found nothing there"):
        image_files(tmp_path / "none")


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(DataError, match=r"/a\.png: expected a folder of images, found a file there"):
        image_files(tmp_path / "a.png")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    for name in ("notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match="holds no image file") as refused:
        image_files(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path}: ")
