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

from aldsr.data.folders import image_files
from aldsr.data.images import (
    DataError,
    Samples,
    image_size,
    is_gray,
    open_image,
    read_image,
    read_samples,
    read_tensor,
    round_to_8_bits,
)
from aldsr.pictures import read_picture

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


def test_a_tensor_is_the_image_also_of_one_pixel(tmp_path: Path) -> None:
    for height, width in ((1, 1), (5, 7)):
        pixels = noise(height, width, 3)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        tensor = read_tensor(tmp_path / "a.png")
        np.testing.assert_array_equal(tensor.permute(1, 2, 0).numpy(), pixels)
        assert tensor.is_contiguous()


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


def save_tiff(path: Path, pixels: NDArray[np.uint16], **options: Any) -> None:
    form: dict[str, Any] = {"photometric": "rgb" if pixels.shape[-1] > 2 else "minisblack"}
    form |= {} if pixels.shape[-1] % 2 else {"extrasamples": ["unassalpha"], "planarconfig": "contig"}
    stored = pixels.transpose(2, 0, 1) if "planarconfig" in options else pixels.squeeze()
    tifffile.imwrite(path, stored, **form | options)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("option", [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=str)
@pytest.mark.parametrize("make", [noise, deep_noise])
def test_bands_of_a_tiff_are_kept_together_or_separate(
    tmp_path: Path, make: Callable[..., NDArray], option: dict[str, Any], channels: int
) -> None:
    pixels = make(17, 19, channels)
    save_tiff(tmp_path / "a.tif", pixels, **option)
    check(tmp_path / "a.tif", pixels)
    if channels > 1:
        save_tiff(tmp_path / "planar.tif", pixels, **option | {"planarconfig": "separate"})
        check(tmp_path / "planar.tif", pixels)


def test_black_may_be_the_largest_value_of_a_tiff(tmp_path: Path) -> None:
    for name, pixels in (("a.tif", noise(7, 9, 1)), ("deep.tif", deep_noise(7, 9, 1))):
        save_tiff(tmp_path / name, np.invert(pixels), photometric="miniswhite")
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
    save_tiff(tmp_path / "a.tif", stored, extrasamples=["assocalpha"])
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
    save_tiff(tmp_path / "a.tif", stored, extratags=[(0x0112, "H", 1, 6, True)])
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
        save_tiff(path, deep_noise(64, 64, 3))
    else:
        Image.fromarray(noise(64, 64, 3)).save(path)
    content = path.read_bytes()
    for kept in (0.3, 0.9):
        path.write_bytes(content[: int(kept * len(content))])
        with pytest.raises(DataError, match=re.escape(str(path))):
            read_image(path)


@pytest.mark.parametrize(
    ("shape", "kind", "reason"),
    [
        *(((4, 5), f"float{bits}", f"floating-point {bits}-bit") for bits in (16, 32, 64)),
        ((4, 5, 3), "float32", "3 bands of floating-point"),
        ((4, 5), "int8", "signed 8-bit"),
        ((4, 5, 3), "int16", "3 bands of signed 16-bit"),
        ((4, 5, 3), "uint32", "3 bands of unsigned 32-bit"),
        ((4, 5), "int16", "-9"),
        ((4, 5), "int32", "70000"),
        *(((4, 5, bands), kind, f"{bands} bands") for bands in (2, 3, 5) for kind in ("uint8", "uint16")),
    ],
)
def test_a_tiff_of_other_bands_or_values_is_refused_by_its_reason(
    tmp_path: Path, shape: tuple[int, ...], kind: Any, reason: str
) -> None:
    pixels = np.full(shape, {"-9": -9, "70000": 70_000}.get(reason, 1), kind)
    for plan in ("contig", "separate") if len(shape) > 2 else (None,):
        stored = pixels.transpose(2, 0, 1) if plan == "separate" else pixels
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig=plan)
        for read in (read_image, read_picture):
            with pytest.raises(DataError, match=rf"/a\.tif: .*{reason}"):
                read(tmp_path / "a.tif")


def test_bands_in_pages_and_formats_that_pillow_lacks_are_refused_by_their_reason(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(3, 4, 5), photometric="minisblack")
    (tmp_path / "b.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / "c.png").symlink_to(tmp_path / "none.png")
    for name, reason in (("a.tif", "3 pages"), ("b.jpg", "HEIC"), ("c.png", "link")):
        for read in (read_image, read_picture):
            with pytest.raises(DataError, match=rf"/{name}: .*{reason}"):
                read(tmp_path / name)


def test_pillows_limit_of_pixels_is_replaced_by_a_larger_one(tmp_path: Path) -> None:
    Image.new("1", (19_000, 9_600)).save(tmp_path / "a.png", compress_level=1)
    assert image_size(tmp_path / "a.png") == (19_000, 9_600)
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:24] = (30_000).to_bytes(4) * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"/a\.png: is 30000x30000"):
        read_image(tmp_path / "a.png")


def test_image_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.tif", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "d.png").symlink_to("a.jpg")
    (tmp_path / "e.png").mkdir()
    assert [path.name for path in image_files(str(tmp_path))] == ["a.jpg", "b.PNG", "c.tif", "d.png"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "a.HEIC").touch()
    for folder, found in (("none", ""), ("notes.txt", ""), ("empty", ""), ("phone", r"'a\.HEIC'")):
        with pytest.raises(DataError, match=f"/{folder}: .*{found}"):
            image_files(tmp_path / folder)
