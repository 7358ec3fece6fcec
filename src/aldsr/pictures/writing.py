"""Pictures → files, from bands of rows, so that PNG and TIFF never need the whole picture in memory."""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from aldsr.core.files import atomic_write
from aldsr.data import DataError
from aldsr.pictures.picture import Form, Samples
from aldsr.pictures.png import write_png

SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif"}
LARGEST = {"png": 2**31 - 1, "jpeg": 65500, "webp": 16383, "tiff": 2**31 - 1}  # pixels of a side
QUALITY = 95  # of JPEG and WebP, of 100
STRIP = 2**18  # bytes of a TIFF strip before compression
CLASSIC = 2**32 - 2**25  # bytes that a TIFF with 32-bit offsets can hold, and some room


def format_of(path: Path) -> str | None:
    """The format that a file's name asks for: "png", "jpeg", "webp", "tiff"; None for any other name."""
    more = {".jpeg": "jpeg", ".tiff": "tiff"}
    return ({suffix: name for name, suffix in SUFFIXES.items()} | more).get(path.suffix.lower())


def check_form(path: Path, format: str, form: Form) -> None:
    """Whether a format can hold a picture of this form.

    Raises:
        DataError: for alpha in JPEG, or a side that is too long.
    """
    if format == "jpeg" and form.alpha:
        raise DataError(f"{path}: JPEG cannot hold the picture's transparency; take --format png, webp or tiff")
    if max(form.width, form.height) > LARGEST[format]:
        raise DataError(
            f"{path}: would be {form.width}x{form.height} pixels, and {format.upper()} holds at most "
            f"{LARGEST[format]} a side; take --format png or tiff"
        )


def write_picture(path: Path, format: str, form: Form, bands: Iterable[Samples]) -> None:
    """Write a picture whose rows come in bands; the file is whole or not there.

    PNG and TIFF are written while the bands come in. JPEG and WebP (quality 95, 8 bits) are put together in memory
    first: 4 bytes a pixel.

    Args:
        path: of the file.
        format: "png", "jpeg", "webp" or "tiff".
        form: of the picture.
        bands: its rows from top to bottom, (rows, W, C) each, uint8 or uint16 as `form` says.

    Raises:
        DataError: if the format cannot hold the picture; then no band is asked for.
        OSError: if the file cannot be written.
    """
    check_form(path, format, form)
    with atomic_write(path) as temporary:
        if format == "png":
            write_png(temporary, form, bands)
        elif format == "tiff":
            _write_tiff(temporary, form, bands)
        else:
            _write_by_pillow(temporary, format, form, bands)


def _write_tiff(path: Path, form: Form, bands: Iterable[Samples]) -> None:
    """Strips of differences along the rows, deflated: 16 bits compress badly without."""
    row = form.width * form.channels * form.bits // 8
    rows = max(1, STRIP // row)
    tifffile.imwrite(
        path,
        (_deflated(strip) for strip in _regrouped(bands, rows)),
        shape=(form.height, form.width, form.channels) if form.channels > 1 else (form.height, form.width),
        dtype=f"uint{form.bits}",
        byteorder="<",
        bigtiff=row * form.height > CLASSIC,
        photometric="rgb" if form.channels > 2 else "minisblack",
        planarconfig="contig" if form.channels > 1 else None,
        extrasamples=["unassalpha"] if form.alpha else None,
        iccprofile=form.icc,
        compression="zlib",
        predictor=2,
        rowsperstrip=rows,
        metadata=None,
    )


def _deflated(strip: Samples) -> bytes:
    differences = strip.copy()
    differences[:, 1:] -= strip[:, :-1]
    return zlib.compress(differences.astype(f"<u{strip.dtype.itemsize}", copy=False).data, 6)


def _regrouped(bands: Iterable[Samples], rows: int) -> Iterator[Samples]:
    """The same rows in bands of `rows` each; the last may have fewer."""
    left: Samples | None = None
    for band in bands:
        held = band if left is None else np.concatenate((left, band))
        full = len(held) // rows * rows
        yield from (held[start : start + rows] for start in range(0, full, rows))
        left = held[full:]
    if left is not None and len(left):
        yield left


def _write_by_pillow(path: Path, format: str, form: Form, bands: Iterable[Samples]) -> None:
    image, top = Image.new(form.mode, (form.width, form.height)), 0
    for band in bands:
        eight = band if form.bits == 8 else ((band.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
        image.paste(Image.fromarray(eight.squeeze(-1) if form.channels == 1 else eight), (0, top))
        top += len(band)
    # WebP has no gray, so a profile for gray would not fit.
    icc = None if format == "webp" and form.channels < 3 else form.icc
    if format == "jpeg":
        image.save(path, "JPEG", quality=QUALITY, subsampling=0, icc_profile=icc)
    else:
        image.save(path, "WEBP", quality=QUALITY, exact=True, icc_profile=icc)
