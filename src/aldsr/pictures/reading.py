"""Read picture files of any kind, with everything that an upscaled picture has to keep."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import tifffile
from PIL import Image

from aldsr.data import DataError
from aldsr.data.images import Samples, open_image, read_samples

MAX_PIXELS = 500_000_000
SPACES = {1: b"GRAY", 2: b"GRAY", 3: b"RGB ", 4: b"RGB "}  # channels → colour space as an ICC profile names it


class Picture(NamedTuple):
    """A decoded picture.

    Attributes:
        samples: (H, W, C), upright, uint8 or uint16 of full range; 1 channel: gray, 2: gray and alpha, 3: RGB, 4: RGB
            and alpha, which is not multiplied in.
        icc: the colour profile; None: sRGB, by convention.
    """

    samples: Samples
    icc: bytes | None


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture of 8 or 16 bits, gray or RGB, with its alpha and colour profile, upright (see `read_samples`).

    Of a phone's multi-picture JPEG and of a TIFF with previews the main picture is read.

    Raises:
        DataError: if the file is missing, truncated, no picture, larger than `max_pixels`, holds several frames or
            pages, or values that are neither 8 nor 16 bits.
    """
    with _silent_pillow(), open_image(path) as image:
        _check_header(path, image, max_pixels)
        icc = image.info.get("icc_profile")
        samples = read_samples(path, image)
        if not isinstance(icc, bytes) or icc[16:20] != SPACES[samples.shape[-1]]:  # of other colours: CMYK before
            icc = None
        return Picture(samples, icc)


@contextmanager
def _silent_pillow() -> Iterator[None]:
    """Turn off Pillow's limit of pixels, since ours is an option, and its warnings, such as of damaged EXIF."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _check_header(path: Path, image: Image.Image, max_pixels: int) -> None:
    """Refuse by the header, before anything is decoded, what cannot be upscaled."""
    if image.width * image.height > max_pixels:
        raise DataError(
            f"{path}: is {image.width}x{image.height}, {image.width * image.height:,} pixels, and the limit is "
            f"{max_pixels:,}; if you trust the file, allow more with --max-pixels"
        )
    frames = getattr(image, "n_frames", 1)
    if image.format == "TIFF":
        with tifffile.TiffFile(path) as file:
            frames = sum(not getattr(page, "is_reduced", False) for page in file.pages)
    # A phone's MPO is one photograph, with a depth map, gain map or preview behind it.
    if frames > 1 and image.format != "MPO":
        raise DataError(
            f"{path}: holds {frames} frames or pages; expected a single picture; save the ones you want one by one"
        )
