"""Read image files as uint8 RGB."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kornia_rs.io
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from aldsr.core.errors import UserError

Pixels = NDArray[np.uint8]
ORIENTATION = 0x0112  # EXIF
BITS_PER_SAMPLE = 258  # TIFF


class DataError(UserError, ValueError):
    """Images that cannot be used."""


def image_files(folder: str | Path) -> list[Path]:
    """The image files of a folder (not of its subfolders), by name; hidden files are left out.

    Raises:
        DataError: if the folder is missing, is no folder, or holds no image.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise DataError(f"{folder}: expected a folder of images, found {found} there; check the path")
    readable = {suffix for suffix, format in Image.registered_extensions().items() if format in Image.OPEN}
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in readable and not f.name.startswith("."))
    if not files:
        raise DataError(f"{folder}: holds no image file; expected PNG, JPEG, WebP or another format of Pillow")
    return files


def read_image(path: Path) -> Pixels:
    """Read an image file as RGB, (H, W, 3), uint8, upright.

    Gray becomes three equal channels, a palette its colours; transparency is dropped; 16 bits are rounded to 8; of an
    animation the first frame is read; EXIF orientation is applied.

    Raises:
        DataError: if the file is missing, truncated, no image, or holds floating-point values.
    """
    with open_image(path) as image:
        if image.mode == "F":
            raise DataError(f"{path}: holds floating-point values; convert it to an 8- or 16-bit image")
        eight_bits = _read_8_bits(path, image)
        eight_bits.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
        upright = ImageOps.exif_transpose(eight_bits)
        if "transparency" in upright.info:
            upright = upright.convert("RGBA")
        return np.asarray(upright.convert("RGB"))


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image as `read_image` returns it, from the file's header.

    Of a PNG the whole file is read, since its EXIF may come after the pixels.

    Raises:
        DataError: if the file is missing or no image.
    """
    with open_image(path) as image:
        # Of a TIFF, Pillow's own size is upright already.
        on_its_side = image.format != "TIFF" and image.getexif().get(ORIENTATION, 1) in range(5, 9)
        return (image.height, image.width) if on_its_side else (image.width, image.height)


def is_gray(path: Path) -> bool:
    """Whether a file holds a gray image, by its header; three equal channels are colour.

    Raises:
        DataError: if the file is missing or no image.
    """
    with open_image(path) as image:
        # Gray with alpha in 16 bits opens as RGBA.
        return "LA;16" in png_raw_mode(image) or image.mode in ("1", "L", "LA") or image.mode.startswith("I")


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image file without decoding it; whatever fails, here or while decoding, becomes a `DataError`."""
    try:
        with Image.open(path) as image:
            yield image
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    # Pillow's decoders raise many kinds for a broken file, SyntaxError among them; kornia's raise Exception.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as an image ({reason}); replace or remove the file") from error


def has_16_bits(image: Image.Image) -> bool:
    """Whether an image that is not decoded yet has more than 8 bits a sample, by its header."""
    return has_16_bit_tiff_samples(image) or image.mode.startswith("I") or ";16" in str(image.tile)  # type: ignore[attr-defined]


def has_16_bit_tiff_samples(image: Image.Image) -> bool:
    """Whether a file is a TIFF of 16 bits a sample, of which Pillow keeps 8 unless it is gray."""
    return image.format == "TIFF" and 16 in image.tag_v2.get(BITS_PER_SAMPLE, ())  # type: ignore[attr-defined]


def png_raw_mode(image: Image.Image) -> str:
    """What tells the bits of a PNG that is not decoded yet, such as "RGB;16B"; empty for other formats."""
    return str(image.tile) if image.format == "PNG" else ""  # type: ignore[attr-defined]


def round_to_8_bits(samples: NDArray[np.integer]) -> Pixels:
    """0…65535 → 0…255."""
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _read_8_bits(path: Path, image: Image.Image) -> Image.Image:
    """The image with 8 bits a channel. Pillow keeps 16 bits of gray only, and cuts colour without a word."""
    if image.mode.startswith("I"):
        return Image.fromarray(round_to_8_bits(np.asarray(image)))
    if has_16_bit_tiff_samples(image):
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            samples, planes_first = page.asarray(), page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
        if samples.ndim == 3:
            return Image.fromarray(round_to_8_bits(samples.transpose(1, 2, 0) if planes_first else samples)[..., :3])
    # 16-bit gray with alpha ("LA;16B") is left to Pillow, which drops the low byte.
    if "RGB" in (raw_mode := png_raw_mode(image)) and ";16" in raw_mode:
        samples = np.asarray(kornia_rs.io.read_image_png_u16(str(path), image.mode.lower()))
        return Image.fromarray(round_to_8_bits(samples)[..., :3])
    return image.copy()
