"""Image files → uint8 RGB."""

from pathlib import Path

import kornia_rs.io
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]


class DataError(ValueError):
    """Images that cannot be used, with a sentence for the user: what, where, what to do."""


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
    try:
        with Image.open(path) as image:
            if image.mode == "F":
                raise DataError(f"{path}: holds floating-point values; convert it to an 8- or 16-bit image")
            # The raw mode tells what Pillow's own mode hides: it cuts 16-bit colour to 8 without a word.
            deep_colour = image.mode in ("RGB", "RGBA") and any(";16" in str(tile) for tile in image.tile)
            if deep_colour and image.format in ("PNG", "TIFF"):
                return _read_deep_colour(path, image.format, image.mode)
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):
                gray = _to_8_bits(np.asarray(upright))
                return np.repeat(gray[..., None], 3, -1)
            return np.asarray(upright.convert("RGB"))
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    # Pillow's decoders raise many kinds for a broken file, SyntaxError among them; kornia's raise Exception.
    except Exception as error:
        raise DataError(f"{path}: cannot be read as an image ({error}); replace or remove the file") from error


def _read_deep_colour(path: Path, kind: str, mode: str) -> Pixels:
    read = kornia_rs.io.read_image_png_u16 if kind == "PNG" else kornia_rs.io.read_image_tiff_u16
    return _to_8_bits(np.asarray(read(str(path), mode.lower())))[..., :3]


def _to_8_bits(deep: NDArray[np.integer]) -> Pixels:
    """0…65535 → 0…255, rounded."""
    return ((deep.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
