"""Read picture files of any kind, with everything that an upscaled picture has to keep."""

import warnings
from pathlib import Path
from typing import NamedTuple

from aldsr.data import DataError
from aldsr.data.images import MAX_PIXELS, Samples, open_image, read_samples

SPACES = {1: b"GRAY", 2: b"GRAY", 3: b"RGB ", 4: b"RGB "}  # channels → colour space as an ICC profile names it


class Picture(NamedTuple):
    """A decoded picture, upright: gray, gray and alpha, RGB, or RGB and alpha, which is not multiplied in."""

    samples: Samples  # (H, W, C), uint8 or uint16 of full range
    icc: bytes | None  # the colour profile; None: sRGB, by convention


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture of 8 or 16 bits, gray or RGB, with its alpha and colour profile, upright (see `read_samples`).

    Of a phone's multi-picture JPEG and of a TIFF with previews the main picture is read.

    Raises DataError if the file is missing, truncated, no picture, larger than `max_pixels`, holds several frames or
    pages, or values that are neither 8 nor 16 bits.
    """
    with warnings.catch_warnings(action="ignore"), open_image(path, max_pixels=max_pixels) as image:  # of damaged EXIF
        frames = getattr(image, "n_frames", 1)
        # A phone's MPO is one photograph, with a depth map, gain map or preview behind it; a TIFF has been checked.
        if frames > 1 and image.format not in ("MPO", "TIFF"):
            raise DataError(f"{path}: holds {frames} frames; expected a single picture; save those you want one by one")
        icc = image.info.get("icc_profile")
        samples = read_samples(path, image)
        if not isinstance(icc, bytes) or icc[16:20] != SPACES[samples.shape[-1]]:  # of other colours: CMYK before
            icc = None
        return Picture(samples, icc)
