"""Write picture files from bands of rows; PNG and TIFF never need the whole picture in memory."""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from aldsr.core.files import atomic_write
from aldsr.data import DataError
from aldsr.data.images import round_to_8_bits
from aldsr.pictures.picture import Layout, Samples
from aldsr.pictures.png import write_png

SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif"}
LARGEST = {"png": 2**31 - 1, "jpeg": 65500, "webp": 16383, "tiff": 2**31 - 1}  # pixels of a side
QUALITY = 95  # of JPEG and WebP, of 100
STRIP = 2**18  # bytes of a TIFF strip before compression
CLASSIC = 2**32 - 2**25  # bytes that a TIFF with 32-bit offsets can hold, and some room


def format_of(path: Path) -> str | None:
    """The format of a file by its name: "png", "jpeg", "webp", "tiff"; None for any other name."""
    more = {".jpeg": "jpeg", ".tiff": "tiff"}
    return ({suffix: name for name, suffix in SUFFIXES.items()} | more).get(path.suffix.lower())


def write_picture(path: Path, format: str, layout: Layout, bands: Iterable[Samples]) -> None:
    """Write a picture whose rows come in bands; the file appears complete or not at all.

    PNG and TIFF are written as the bands come in. JPEG and WebP (quality 95, 8 bits) are assembled in memory first,
    at up to 4 bytes a pixel.

    Args:
        path, format: the file, and "png", "jpeg", "webp" or "tiff".
        layout, bands: the picture, and its rows from top to bottom, (rows, W, C) each, uint8 or uint16.

    Raises:
        DataError: if the format cannot hold the picture; no band is computed then.
        OSError: if the file cannot be written.
    """
    if format == "jpeg" and layout.alpha:
        raise DataError(f"{path}: JPEG cannot hold the picture's transparency; take --format png, webp or tiff")
    if max(layout.width, layout.height) > LARGEST[format]:
        raise DataError(
            f"{path}: would be {layout.width}x{layout.height} pixels, and {format.upper()} holds at most "
            f"{LARGEST[format]} a side; take --format png or tiff"
        )
    with atomic_write(path) as temporary:
        if format == "png":
            write_png(temporary, layout, bands)
        elif format == "tiff":
            _write_tiff(temporary, layout, bands)
        else:
            _write_with_pillow(temporary, format, layout, bands)


def _write_tiff(path: Path, layout: Layout, bands: Iterable[Samples]) -> None:
    """Strips of differences along the rows, deflated: 16 bits compress badly without."""
    row = layout.width * layout.channels * layout.bits // 8
    rows = max(1, STRIP // row)
    tifffile.imwrite(
        path,
        (_compress_strip(strip) for strip in _regroup(bands, rows)),
        shape=(layout.height, layout.width, layout.channels) if layout.channels > 1 else (layout.height, layout.width),
        dtype=f"uint{layout.bits}",
        byteorder="<",
        bigtiff=row * layout.height > CLASSIC,
        photometric="rgb" if layout.channels > 2 else "minisblack",
        planarconfig="contig" if layout.channels > 1 else None,
        extrasamples=["unassalpha"] if layout.alpha else None,
        iccprofile=layout.icc,
        compression="zlib",
        predictor=2,
        rowsperstrip=rows,
        metadata=None,
    )


def _compress_strip(strip: Samples) -> bytes:
    differences = strip.copy()
    differences[:, 1:] -= strip[:, :-1]
    return zlib.compress(differences.astype(f"<u{strip.dtype.itemsize}", copy=False).data, 6)


def _regroup(bands: Iterable[Samples], rows: int) -> Iterator[Samples]:
    """Yield the same rows in bands of `rows` each; the last may have fewer."""
    left: Samples | None = None
    for band in bands:
        joined = band if left is None else np.concatenate((left, band))
        full = len(joined) // rows * rows
        yield from (joined[start : start + rows] for start in range(0, full, rows))
        left = joined[full:]
    if left is not None and len(left):
        yield left


def _write_with_pillow(path: Path, format: str, layout: Layout, bands: Iterable[Samples]) -> None:
    mode = ("L", "LA", "RGB", "RGBA")[layout.channels - 1]
    image, top = Image.new(mode, (layout.width, layout.height)), 0
    for band in bands:
        pixels = band if layout.bits == 8 else round_to_8_bits(band)
        image.paste(Image.fromarray(pixels.squeeze(-1) if layout.channels == 1 else pixels), (0, top))
        top += len(band)
    # WebP has no gray, so a profile for gray would not fit.
    icc = None if format == "webp" and layout.channels < 3 else layout.icc
    options = {"subsampling": 0} if format == "jpeg" else {"exact": True}
    image.save(path, format.upper(), quality=QUALITY, icc_profile=icc, **options)
