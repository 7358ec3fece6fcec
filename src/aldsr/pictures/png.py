"""Write PNG row by row, so that a picture larger than memory can be written; 8 and 16 bits.

W3C, Portable Network Graphics (Third Edition): chunks (5.3), filters (9.2). Pillow's encoder needs the whole picture at
once and has no 16-bit colour.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aldsr.pictures.picture import Layout, Samples

ROWS = 64  # to filter at a time
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels → PNG's number


def write_png(path: Path, layout: Layout, bands: Iterable[Samples]) -> None:
    """Write a PNG file from the picture's rows, top to bottom: (rows, W, C) each, uint8 or uint16 as `layout` says."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_FILTERED)  # as libpng's own default
    header = struct.pack(">IIBBBBB", layout.width, layout.height, layout.bits, COLOUR_TYPES[layout.channels], 0, 0, 0)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header))
        if layout.icc:
            file.write(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(layout.icc)))
        for rows in filter_rows(bands, layout):
            if data := compressor.compress(rows.data):
                file.write(_chunk(b"IDAT", data))
        file.write(_chunk(b"IDAT", compressor.flush()) + _chunk(b"IEND", b""))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def filter_rows(bands: Iterable[Samples], layout: Layout) -> Iterator[NDArray[np.uint8]]:
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
