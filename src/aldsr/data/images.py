"""Image files → uint8 RGB."""

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
    readable = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in readable and not f.name.startswith("."))
    if not files:
        raise DataError(f"{folder}: holds no image file; expected PNG, JPEG, WebP or another format of Pillow")
    return files


def read_image(path: Path) -> Pixels:
    """An image file as RGB, (H, W, 3), uint8, upright.

    Gray becomes three equal channels, a palette its colours; transparency is dropped; 16 bits are
    rounded to 8; of an animation the first frame counts; EXIF orientation is applied.

    Raises:
        DataError: if the file is missing, truncated, no image, or holds floating-point values.
    """
    with opened(path) as image:
        if image.mode == "F":
            raise DataError(f"{path}: holds floating-point values; convert it to an 8- or 16-bit image")
        eight = _eight_bits(path, image)
        eight.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
        upright = ImageOps.exif_transpose(eight)
        if "transparency" in upright.info:
            upright = upright.convert("RGBA")
        return np.asarray(upright.convert("RGB"))


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image as `read_image` gives it, from the file's header.

    Of a PNG the whole file is read, since its EXIF may come after the pixels.

    Raises:
        DataError: if the file is missing or no image.
    """
    with opened(path) as image:
        # Lies on its side; of a TIFF, Pillow's own size is upright already.
        across = image.format != "TIFF" and image.getexif().get(ORIENTATION, 1) in range(5, 9)
        return (image.height, image.width) if across else (image.width, image.height)


def is_gray(path: Path) -> bool:
    """Whether a file holds a gray image, by its header; three equal channels are colour.

    Raises:
        DataError: if the file is missing or no image.
    """
    with opened(path) as image:
        # Gray with alpha in 16 bits opens as RGBA: of a PNG only the raw mode tells.
        deep_with_alpha = image.format == "PNG" and "LA;16" in str(image.tile)  # type: ignore[attr-defined]
        return deep_with_alpha or image.mode in ("1", "L", "LA") or image.mode.startswith("I")


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """An image file, not yet decoded; whatever fails becomes one sentence."""
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


def _eight_bits(path: Path, image: Image.Image) -> Image.Image:
    """The image with 8 bits a channel. Pillow keeps 16 bits of gray only, and cuts colour without a word."""
    if image.mode.startswith("I"):
        return Image.fromarray(_rounded(np.asarray(image)))
    if image.format == "TIFF" and 16 in image.tag_v2.get(BITS_PER_SAMPLE, ()):  # type: ignore[attr-defined]
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            deep, planes_first = page.asarray(), page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
        if deep.ndim == 3:
            return Image.fromarray(_rounded(deep.transpose(1, 2, 0) if planes_first else deep)[..., :3])
    # Of a PNG the raw mode tells. 16-bit gray with alpha ("LA;16B") is left to Pillow, which drops the low byte.
    if image.format == "PNG" and any(
        "RGB" in str(tile) and ";16" in str(tile)
        for tile in image.tile  # type: ignore[attr-defined]
    ):
        deep = np.asarray(kornia_rs.io.read_image_png_u16(str(path), image.mode.lower()))
        return Image.fromarray(_rounded(deep)[..., :3])
    return image.copy()


def _rounded(deep: NDArray[np.integer]) -> Pixels:
    """0…65535 → 0…255."""
    return ((deep.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
