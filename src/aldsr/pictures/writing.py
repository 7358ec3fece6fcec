"""Write picture files from bands of rows; PNG and TIFF never need the whole picture in memory."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from aldsr.core.files import atomic_write
from aldsr.data import DataError
from aldsr.data.images import Samples, round_to_8_bits
from aldsr.pictures.reading import Picture

SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif"}
LARGEST = {"png": 2**31 - 1, "jpeg": 65500, "webp": 16383, "tiff": 2**31 - 1}  # pixels of a side
QUALITY = 95  # of JPEG and WebP, of 100
STRIP = 2**18  # bytes of a TIFF strip before compression
ROWS = 64  # of a PNG to filter at a time
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels → PNG's number
CLASSIC = 2**32 - 2**25  # bytes that a TIFF with 32-bit offsets can hold, and some room


class Layout(NamedTuple):
    """Size, channels (as in `Picture`), bits of a sample (8 or 16) and colour profile of a picture file to write."""

    width: int
    height: int
    channels: int
    bits: int
    icc: bytes | None

    @property
    def alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.channels in (2, 4)


def upscaled_layout(picture: Picture, scale: int) -> Layout:
    """The layout of a picture that is upscaled by `scale`."""
    height, width, channels = picture.samples.shape
    return Layout(scale * width, scale * height, channels, 8 * picture.samples.itemsize, picture.icc)


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
            _write_png(temporary, layout, bands)
        elif format == "tiff":
            _write_tiff(temporary, layout, bands)
        else:
            _write_with_pillow(temporary, format, layout, bands)


def _write_png(path: Path, layout: Layout, bands: Iterable[Samples]) -> None:
    """Row by row: Pillow's encoder needs the whole picture at once and has no 16-bit colour.

    W3C, Portable Network Graphics (Third Edition): chunks (5.3), filters (9.2).
    """
    compressor = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_FILTERED)  # as libpng's own default
    header = struct.pack(">IIBBBBB", layout.width, layout.height, layout.bits, COLOUR_TYPES[layout.channels], 0, 0, 0)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header))
        if layout.icc:
            file.write(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(layout.icc)))
        for rows in _filter_rows(bands, layout):
            if data := compressor.compress(rows.data):
                file.write(_chunk(b"IDAT", data))
        file.write(_chunk(b"IDAT", compressor.flush()) + _chunk(b"IEND", b""))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _filter_rows(bands: Iterable[Samples], layout: Layout) -> Iterator[NDArray[np.uint8]]:
    """Yield the bytes of the rows after PNG's filters: (rows, 1 + bytes of a row)."""
    pixel = layout.channels * layout.bits // 8
    above = np.zeros((1, layout.width * pixel), np.uint8)
    for band in bands:
        for start in range(0, len(band), ROWS):
            part = np.ascontiguousarray(band[start : start + ROWS].astype(f">u{layout.bits // 8}", copy=False))
            rows = part.view(np.uint8).reshape(len(part), -1)
            yield _filter(rows, np.concatenate((above, rows[:-1])), pixel)
            above = rows[-1:]


def _filter(rows: NDArray[np.uint8], up: NDArray[np.uint8], pixel: int) -> NDArray[np.uint8]:
    """Rows → number of the filter and filtered bytes; the least sum of absolute differences decides (12.7)."""
    left, corner = (np.pad(each, ((0, 0), (pixel, 0)))[:, :-pixel] for each in (rows, up))
    a, b, c = (each.astype(np.int16) for each in (left, up, corner))
    average = ((a + b) >> 1).astype(np.uint8)
    from_a, from_b, from_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    paeth = np.where(
        (from_a <= from_b) & (from_a <= from_c), left, np.where(from_b <= from_c, up, corner)
    )  # whichever neighbour is nearest to a + b - c
    differences = (rows, rows - left, rows - up, rows - average, rows - paeth)
    costs = [np.minimum(each, -each).sum(axis=1, dtype=np.int64) for each in differences]
    best = np.argmin(costs, axis=0)
    result = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    result[:, 0] = best
    for number, each in enumerate(differences):
        chosen = best == number
        result[chosen, 1:] = each[chosen]
    return result


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
