"""Where the cache keeps decoded images: all of a kind in one file, since a process can map 65,530 at most.

A `Pack` is two files that only grow: `KIND.data`, the images, and `KIND.index`, a record of fixed size for each, which
is written after its image. So a process that is killed loses no image that was complete, one that reads needs no lock,
and several may add images at once.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from PIL import Image
from torch import Tensor

from aldsr.data.images import DataError

FORMAT = "v3"  # raise it when the same file would be decoded or resized to other values
TILE = 128  # pixels a side
KINDS = {"raw": "raw arrays", "tiles": "packed tiles", "none": "files to decode"}
PART = np.dtype("<u4")  # the size of a tile
PARTS = {"raw": 1, "tiles": 0.6, "none": 0}  # of the size as arrays, about
RECORD = np.dtype("V16, <u8, <u8, <u4, <u4, V128")  # key, start, size, height, width, digests


class PackedImage:
    """An image that is read when it is cut: `image[:, rows, columns]` is a Tensor, as of `Tensor[3, H, W]`, uint8.

    `cut` makes one of the part between top, bottom, left and right; `kind` says how the image is kept, in `size` bytes;
    `digest` is that of `pixel_digest`.
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
        self.writing, self.lock = Lock(), FileLock(self.index.with_suffix(".lock"), poll_interval=0.005)
        self.records: dict[bytes, tuple[Any, ...]] = {}  # without their keys
        self.known = 0  # bytes of the index
        self.pixels = torch.empty(0, dtype=torch.uint8)
        self.read()

    def __reduce__(self) -> tuple[Any, ...]:
        """Processes that do not share memory, as loaders on macOS, open the files anew: locks cannot be sent."""
        return Pack, (self.data.parent, self.kind)

    def read(self) -> None:
        """Read what the index has gained; what a power cut has torn off counts as missing."""
        with suppress(FileNotFoundError), self.index.open("rb") as file:
            file.seek(self.known)
            content, size = file.read(), self.data.stat().st_size
            for key, start, length, *rest in np.frombuffer(content, RECORD, len(content) // RECORD.itemsize).tolist():
                if start + length > size:
                    break
                self.records[key] = start, length, *rest
                self.known += RECORD.itemsize

    def __contains__(self, name: str) -> bool:
        return bytes.fromhex(name) in self.records

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let images be added; afterwards they are on the disk, whatever happens."""
        try:
            yield
        finally:
            for path in filter(Path.exists, (self.data, self.index)):
                with path.open("ab") as file:
                    os.fsync(file.fileno())
            self.read()

    def add(self, name: str, image: Tensor, hr: Tensor | None = None) -> None:
        """Add an image, `Tensor[3, H, W]`, unless another process has; of LR, the digests of both images are kept."""
        content = b"" if self.kind == "none" else _tiles(image) if self.kind == "tiles" else image.numpy().tobytes()
        digests = b"" if hr is None else pixel_digest(hr) + pixel_digest(image)
        with self.writing, self.lock:
            self.read()
            if name in self:
                return
            with self.data.open("ab") as data, self.index.open("ab") as index:
                index.truncate(self.known)  # without half a record, or one whose image was torn off
                record = bytes.fromhex(name), data.tell(), len(content), *image.shape[1:], digests
                data.write(content)
                data.flush()
                index.write(np.array(record, RECORD).tobytes())

    def load(self, name: str) -> PackedImage:
        """An image; of LR, `digest` is that of HR, then its own."""
        start, size, height, width, digests = self.records[bytes.fromhex(name)]
        cut = partial(self.cut, slice(start, start + size), height, width)
        return PackedImage((3, height, width), cut, self.kind, size, digests)

    def cut(self, place: slice, height: int, width: int, top: int, bottom: int, left: int, right: int) -> Tensor:
        """Part of the image at a place of the data."""
        try:
            if place.stop > len(self.pixels):
                self.pixels = torch.from_file(str(self.data), size=self.data.stat().st_size, dtype=torch.uint8)
            content = self.pixels[place]
            if self.kind == "raw":
                return content.view(3, height, width)[:, top:bottom, left:right]
            return _cut_tiles(content.numpy(), height, width, top, bottom, left, right)
        except (OSError, RuntimeError, ValueError) as error:
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
