"""Write picture files from bands of rows; PNG and TIFF never need the whole picture in memory."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from aldsr.core.files import atomic_write
from aldsr.data import DataError
from aldsr.data.images import Samples, round_to_8_bits
from aldsr.pictures.deflate import PART, deflate, map_in_threads

Bands = Iterable[Samples]  # rows from top to bottom, (rows, W, C) each
Shape = tuple[int, int, int]  # (H, W, C)
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif"}
LARGEST = {"png": 2**31 - 1, "jpeg": 65500, "webp": 16383, "tiff": 2**31 - 1}  # pixels of a side
QUALITY = 95  # of JPEG and WebP, of 100
STRIP = 2**18  # bytes of a TIFF strip before compression
ROWS = 64  # of a PNG to filter at a time
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels → PNG's number
CLASSIC = 2**32 - 2**25  # bytes that a TIFF with 32-bit offsets can hold, and some room


def format_of(path: Path) -> str | None:
    """The format of a file by its name: "png", "jpeg", "webp", "tiff"; None for any other name."""
    more = {".jpeg": "jpeg", ".tiff": "tiff"}
    return ({suffix: name for name, suffix in SUFFIXES.items()} | more).get(path.suffix.lower())


def write_picture(
    path: Path, format: str, bands: Bands, *, shape: Shape, dtype: np.dtype, icc: bytes | None, ahead: bool = False
) -> None:
    """Write a picture, of which `shape` and `icc` are as in `Picture`; the file appears complete or not at all.

    PNG and TIFF are written as the bands come in; `ahead` computes one while the last is compressed, for those that a
    GPU computes: on a CPU the network has all cores already, and is slow on cores that it shares. JPEG and WebP
    (quality 95, 8 bits) are assembled in memory first, at up to 4 bytes a pixel.

    Raises DataError if the format cannot hold the picture, before any band is computed; OSError if writing fails.
    """
    height, width, channels = shape
    if format == "jpeg" and channels in (2, 4):
        raise DataError(f"{path}: JPEG cannot hold the picture's transparency; take --format png, webp or tiff")
    if max(width, height) > LARGEST[format]:
        raise DataError(
            f"{path}: would be {width}x{height} pixels, and {format.upper()} holds at most "
            f"{LARGEST[format]} a side; take --format png or tiff"
        )
    with atomic_write(path) as temporary:
        if format in ("png", "tiff"):
            (_write_png if format == "png" else _write_tiff)(temporary, bands, shape, dtype, icc, ahead)
        else:
            _write_with_pillow(temporary, format, bands, shape, icc)


def _write_png(path: Path, bands: Bands, shape: Shape, dtype: np.dtype, icc: bytes | None, ahead: bool) -> None:
    """Row by row: Pillow's encoder needs the whole picture at once and has no 16-bit colour.

    W3C, Portable Network Graphics (Third Edition): chunks (5.3), filters (9.2).
    """
    height, width, channels = shape
    header = struct.pack(">IIBBBBB", width, height, 8 * dtype.itemsize, COLOUR_TYPES[channels], 0, 0, 0)
    row = width * channels * dtype.itemsize
    parts = _with_rows_above(_regroup(bands, max(1, PART // row)), np.zeros((1, width, channels), dtype))
    checksum = zlib.adler32(b"")
    with path.open("wb") as file, closing(map_in_threads(_compress_rows, parts, ahead=ahead)) as compressed:
        file.write(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header))
        if icc:
            file.write(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)))
        file.write(_chunk(b"IDAT", b"\x78\x9c"))  # a zlib stream begins (RFC 1950)
        for lines, blocks in compressed:
            file.write(_chunk(b"IDAT", blocks))
            checksum = zlib.adler32(lines, checksum)
        end = b"\x03\0" + struct.pack(">I", checksum)  # after an empty last block (RFC 1951)
        file.write(_chunk(b"IDAT", end) + _chunk(b"IEND", b""))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _with_rows_above(groups: Iterable[list[Samples]], above: Samples) -> Iterator[list[tuple[Samples, Samples]]]:
    """Put before each part of the picture the row above it; `above`: that of the first."""
    for group in groups:
        yield list(zip((above, *(part[-1:] for part in group)), group, strict=False))
        above = group[-1][-1:].copy()


def _compress_rows(part: tuple[Samples, Samples]) -> tuple[bytes, bytes]:
    """The row above and rows → the filtered rows, and the same as blocks of raw deflate."""
    lines = np.concatenate(part)
    pixel = lines[0, 0].nbytes
    lines = lines.astype(lines.dtype.newbyteorder(">"), copy=False).view(np.uint8).reshape(len(lines), -1)
    starts = range(0, len(lines) - 1, ROWS)
    data = b"".join(_filter(lines[start : start + ROWS + 1], pixel).tobytes() for start in starts)
    return data, deflate(data)


def _filter(lines: NDArray[np.uint8], pixel: int) -> NDArray[np.uint8]:
    """The row above and rows → number of the filter and filtered bytes of each of the rows.

    The least sum of absolute differences decides (12.7).
    """
    rows, up = lines[1:], lines[:-1]
    left, corner = (np.pad(each, ((0, 0), (pixel, 0)))[:, :-pixel] for each in (rows, up))
    a, b, c = (each.astype(np.int16) for each in (left, up, corner))
    average = ((a + b) >> 1).astype(np.uint8)
    from_a, from_b, from_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    # whichever neighbour is nearest to a + b - c
    paeth = np.where((from_a <= from_b) & (from_a <= from_c), left, np.where(from_b <= from_c, up, corner))
    differences = (rows, rows - left, rows - up, rows - average, rows - paeth)
    costs = [np.minimum(each, -each).sum(axis=1, dtype=np.int64) for each in differences]
    best = np.argmin(costs, axis=0)
    chosen = np.stack(differences)[best, np.arange(len(rows))]
    return np.concatenate((best[:, None].astype(np.uint8), chosen), axis=1)


def _write_tiff(path: Path, bands: Bands, shape: Shape, dtype: np.dtype, icc: bytes | None, ahead: bool) -> None:
    """Strips of differences along the rows, deflated: 16 bits compress badly without."""
    height, width, channels = shape
    row = width * channels * dtype.itemsize
    rows = max(1, STRIP // row)
    with closing(map_in_threads(_compress_strip, _regroup(bands, rows), ahead=ahead)) as strips:
        tifffile.imwrite(
            path,
            strips,
            shape=shape if channels > 1 else shape[:2],
            dtype=dtype,
            byteorder="<",
            bigtiff=row * height > CLASSIC,
            photometric="rgb" if channels > 2 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            iccprofile=icc,
            compression="zlib",
            predictor=2,
            rowsperstrip=rows,
            metadata=None,
        )


def _compress_strip(strip: Samples) -> bytes:
    differences = strip.copy()
    differences[:, 1:] -= strip[:, :-1]
    return zlib.compress(differences.astype(f"<u{strip.dtype.itemsize}", copy=False).data, 6)


def _regroup(bands: Iterable[Samples], rows: int) -> Iterator[list[Samples]]:
    """Yield the same rows in parts of `rows` each, those that a band completes at a time; the last may have fewer."""
    left: Samples | None = None
    for band in bands:
        joined = band if left is None else np.concatenate((left, band))
        if full := len(joined) // rows * rows:
            yield [joined[start : start + rows] for start in range(0, full, rows)]
        left = joined[full:]
    if left is not None and len(left):
        yield [left]


def _write_with_pillow(path: Path, format: str, bands: Iterable[Samples], shape: Shape, icc: bytes | None) -> None:
    height, width, channels = shape
    image, top = Image.new(("L", "LA", "RGB", "RGBA")[channels - 1], (width, height)), 0
    for band in bands:
        pixels = band if band.dtype == np.uint8 else round_to_8_bits(band)
        image.paste(Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels), (0, top))
        top += len(band)
    if format == "webp" and channels < 3:
        icc = None  # WebP has no gray, so a profile for gray would not fit
    options = {"subsampling": 0} if format == "jpeg" else {"exact": True}
    image.save(path, format.upper(), quality=QUALITY, icc_profile=icc, **options)
