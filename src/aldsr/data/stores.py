"""Where the cache keeps decoded images: as an array in a file each, or many in one file.

One file is for more images than a process can map, and for more pixels than fit. A `Pack` is two files that only grow:
`KIND.data`, the images, and `KIND.index`, a record of fixed size for each, which is written after its image. So a
process that is killed loses no image that was complete, and one that reads needs no lock.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from io import BytesIO
from itertools import product
from pathlib import Path
from socket import gethostname
from threading import Lock
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from PIL import Image
from torch import Tensor

from aldsr.core.files import atomic_write
from aldsr.data.images import DataError

FORMAT = "v3"  # raise it when the same file would be decoded or resized to other values
TILE = 128  # pixels a side
QUIET = 2  # seconds that a process waits for another without a word
KINDS = {"arrays": "raw arrays", "raw": "raw arrays in one file", "tiles": "packed tiles", "none": "files to decode"}
PART = np.dtype("<u4")  # the size of a tile
PARTS = {"arrays": 1, "raw": 1, "tiles": 0.6, "none": 0}  # of the size as arrays, about
RECORD = np.dtype("V16, <u8, <u8, <u4, <u4, V128")  # key, start, size, height, width, digests


class Arrays:
    """A `.npy` per image, (3, H, W) uint8, written under a temporary name and renamed."""

    kind = "arrays"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """The file of an image."""
        return self.folder / f"{name}-{FORMAT}.npy"

    def __contains__(self, name: str) -> bool:
        return self.path(name).exists()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Remove what killed processes left unfinished: writing one image takes less than an hour."""
        for temporary in self.folder.glob("*.part"):
            with suppress(FileNotFoundError):
                if time.time() - temporary.stat().st_mtime > 3600:
                    temporary.unlink()
        yield

    def add(self, name: str, image: Tensor, hr: Tensor | None = None) -> None:
        """Write an image, `Tensor[3, H, W]`."""
        with atomic_write(self.path(name)) as temporary, temporary.open("wb") as file:
            np.save(file, np.ascontiguousarray(image.numpy()))

    def load(self, name: str) -> Tensor:
        """Map an image as `Tensor[3, H, W]`, uint8, without reading it.

        torch's mapping, unlike numpy's, keeps no file open: thousands of images fit any open-file limit.
        """
        path = self.path(name)
        try:
            with path.open("rb") as file:
                np.lib.format.read_magic(file)
                shape, _, _ = np.lib.format.read_array_header_1_0(file)
                start = file.tell()
            size = start + int(np.prod(shape))
            flat = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8)
        except (ValueError, RuntimeError) as error:
            raise DataError(f"{path}: damaged cache file ({error}); delete it and start again") from error
        return flat[start:].view(shape)


class PackedImage:
    """An image that is read when it is cut: `image[:, rows, columns]` is a Tensor, as of `Tensor[3, H, W]`, uint8.

    Attributes:
        shape: its shape.
        cut: makes a Tensor of the part between top, bottom, left and right.
        kind, size: how it is kept, and the bytes that it takes.
        digest: that of `pixel_digest`.
    """

    __slots__ = ("cut", "digest", "kind", "shape", "size")

    def __init__(self, shape: Sequence[int], cut: Callable[..., Tensor], kind: str, size: int, digest: bytes) -> None:
        self.shape, self.cut, self.kind, self.size, self.digest = shape, cut, kind, size, digest

    def __getitem__(self, index: Sequence[slice]) -> Tensor:
        _, rows, columns = index
        return self.cut(*rows.indices(self.shape[1])[:2], *columns.indices(self.shape[2])[:2])


class Pack:
    """Images in one file, of a kind: "raw", arrays, (3, H, W) uint8; "tiles", squares, each a lossless WebP file, of
    which a patch decodes those it touches; "none", which keeps sizes and digests alone.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind, self.data, self.index = kind, folder / f"{kind}-{FORMAT}.data", folder / f"{kind}-{FORMAT}.index"
        self.writing = Lock()
        self.read()

    def read(self) -> None:
        """Read the index, and map the data, as they are now; what a power cut has torn off counts as missing."""
        size = self.data.stat().st_size if self.data.exists() else 0
        content = self.index.read_bytes() if self.index.exists() else b""
        records = np.frombuffer(content, RECORD, len(content) // RECORD.itemsize)
        self.records = records[records["f1"] + records["f2"] <= size]
        keys = self.records["f0"].tobytes()
        self.places = {keys[16 * n : 16 * n + 16]: n for n in range(len(self.records))}
        self.pixels = np.memmap(self.data, np.uint8, "r") if size else np.empty(0, np.uint8)

    def __contains__(self, name: str) -> bool:
        return bytes.fromhex(name) in self.places

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let images be added, by one process at a time; then read what there is. Who waits for another says so."""
        lock, holder = FileLock(self.index.with_suffix(".lock")), self.index.with_suffix(".holder")
        try:
            lock.acquire(timeout=QUIET)
        except Timeout:
            said = holder.read_text() if holder.exists() else "another process"
            print(f"waiting for {said}, to decode images into {self.index.parent}", file=sys.stderr)
            lock.acquire()
        with ExitStack() as files:
            files.callback(lock.release)
            holder.write_text(f"process {os.getpid()} on {gethostname()}")
            self.read()
            if self.index.exists():  # without what a killed process has left
                os.truncate(self.index, self.index.stat().st_size // RECORD.itemsize * RECORD.itemsize)
            self.files = [files.enter_context(path.open("ab")) for path in (self.data, self.index)]
            try:
                yield
            finally:
                for file in self.files:
                    os.fsync(file.fileno())
                self.read()

    def add(self, name: str, image: Tensor, hr: Tensor | None = None) -> None:
        """Add an image, `Tensor[3, H, W]`, while open; of LR, the digests of both images are kept."""
        content = b"" if self.kind == "none" else _tiles(image) if self.kind == "tiles" else image.numpy().tobytes()
        digests = b"" if hr is None else pixel_digest(hr) + pixel_digest(image)
        data, index = self.files
        with self.writing:
            record = bytes.fromhex(name), data.seek(0, os.SEEK_END), len(content), *image.shape[1:], digests
            for file, written in ((data, content), (index, np.array(record, RECORD).tobytes())):
                file.write(written)
                file.flush()

    def load(self, name: str) -> PackedImage:
        """An image; of LR, `digest` is that of HR, then its own."""
        _, start, size, height, width, digests = self.records[self.places[bytes.fromhex(name)]].item()
        cut = partial(self.cut, slice(start, start + size), height, width)
        return PackedImage((3, height, width), cut, self.kind, size, digests)

    def cut(self, place: slice, height: int, width: int, top: int, bottom: int, left: int, right: int) -> Tensor:
        """Part of the image at a place of the data."""
        content = self.pixels[place]
        try:
            if self.kind == "raw":
                return torch.from_numpy(np.array(content.reshape(3, height, width)[:, top:bottom, left:right]))
            return _cut_tiles(content, height, width, top, bottom, left, right)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.data}: damaged cache file ({error}); delete it and start again") from error


def pixel_digest(image: Tensor) -> bytes:
    """A hash of the shape and the pixels of an image, uint8."""
    return hashlib.blake2b(f"{tuple(image.shape)}".encode() + image.numpy().tobytes()).digest()


def _tiles(image: Tensor) -> bytes:
    """Sizes of the tiles, then the tiles, row by row."""
    pixels, tiles = image.permute(1, 2, 0).numpy(), []
    for y, x in product(*(range(0, side, TILE) for side in image.shape[1:])):
        file = BytesIO()
        tile = Image.fromarray(np.ascontiguousarray(pixels[y : y + TILE, x : x + TILE]))
        tile.save(file, "WebP", lossless=True, quality=0, method=0)
        tiles.append(file.getvalue())
    return np.array([*map(len, tiles)], PART).tobytes() + b"".join(tiles)


def _cut_tiles(content: Any, height: int, width: int, top: int, bottom: int, left: int, right: int) -> Tensor:
    across = -(-width // TILE)
    count = across * -(-height // TILE)
    ends = PART.itemsize * count + np.frombuffer(content[: PART.itemsize * count], PART).cumsum(dtype=np.int64)
    part = np.empty((bottom - top, right - left, 3), np.uint8)
    for row, column in product(range(top // TILE, -(-bottom // TILE)), range(left // TILE, -(-right // TILE))):
        number = row * across + column
        start = ends[number - 1] if number else PART.itemsize * count
        tile = np.asarray(Image.open(BytesIO(content[start : ends[number]].tobytes())))
        y, x = row * TILE - top, column * TILE - left
        inside = tile[max(0, -y) : bottom - top - y, max(0, -x) : right - left - x]
        part[max(0, y) :, max(0, x) :][: inside.shape[0], : inside.shape[1]] = inside
    return torch.from_numpy(part).permute(2, 0, 1)
