"""Decoded images on disk, mapped into memory, so that a training step never decodes a file.

One `.npy` per image, (3, H, W) uint8, named by the content of the file that it was decoded from; LR
images made here are named by their HR image, scale and recipe. Every file is written beside its place
and then renamed: a file that is there is whole, whoever was killed, and two processes that build the
same cache only do the same work twice.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from aldsr.core.files import atomic_write
from aldsr.data.images import DataError, read_image
from aldsr.data.pairs import Pair
from aldsr.imaging import imresize

T = TypeVar("T")
R = TypeVar("R")
FORMAT = "v2"  # raise it when the same file would be decoded or resized to other values


def cache_dir() -> Path:
    """The folder of decoded images: `$ALDSR_CACHE`, else `$XDG_CACHE_HOME/aldsr`, else `~/.cache/aldsr`."""
    if own := os.environ.get("ALDSR_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "aldsr"


@dataclass(frozen=True)
class CachedPair:
    """A pair in memory-mapped form: `hr` is `Tensor[3, sH, sW]`, `lr` `Tensor[3, H, W]`, uint8."""

    name: str
    hr: Tensor
    lr: Tensor
    lr_made: bool = True


def cache_pairs(pairs: Sequence[Pair], *, scale: int, folder: Path) -> list[CachedPair]:
    """Decode what is not decoded yet, make the LR images that are missing, and map everything.

    HR is cropped at its right and bottom edge to a multiple of the scale, as the field does.

    Raises:
        DataError: if an image cannot be read, LR and HR do not fit, or the cache cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digests = content_digests([f for pair in pairs for f in (pair.hr, pair.lr) if f], folder)
        entries = [_Entry.of(pair, digests, scale, folder) for pair in pairs]
        _sweep(folder)
        missing = [entry for entry in entries if not (entry.hr.exists() and entry.lr.exists())]
        _in_parallel(lambda entry: entry.build(), missing, "Decoding images")
    except OSError as error:
        raise DataError(
            f"{error.filename or folder}: cannot write the image cache ({error.strerror or error}); free some space "
            "or set ALDSR_CACHE to a folder that can be written"
        ) from error
    return [entry.mapped() for entry in entries]


@dataclass(frozen=True)
class _Entry:
    """A pair's two cache files."""

    pair: Pair
    scale: int
    hr: Path
    lr: Path

    @classmethod
    def of(cls, pair: Pair, digests: dict[Path, str], scale: int, folder: Path) -> "_Entry":
        digest = digests[pair.hr]
        lr = f"{digest}-bicubic-x{scale}" if pair.lr is None else digests[pair.lr]
        return cls(pair, scale, folder / f"{digest}-{FORMAT}.npy", folder / f"{lr}-{FORMAT}.npy")

    def build(self) -> None:
        if not self.hr.exists():
            save(self.hr, _decode(self.pair.hr))
        if self.lr.exists():
            return
        if self.pair.lr is None:
            hr = cropped(map_image(self.hr), self.scale, self.pair.hr)
            save(self.lr, imresize(hr[None], Fraction(1, self.scale))[0].numpy())
        else:
            save(self.lr, _decode(self.pair.lr))

    def mapped(self) -> CachedPair:
        hr = cropped(map_image(self.hr), self.scale, self.pair.hr)
        lr = map_image(self.lr)
        expected = hr.shape[-1] // self.scale, hr.shape[-2] // self.scale
        if (lr.shape[-1], lr.shape[-2]) != expected:
            raise DataError(
                f"{self.pair.lr}: is {lr.shape[-1]}x{lr.shape[-2]}, expected {expected[0]}x{expected[1]}: "
                f"{self.pair.hr} at scale 1/{self.scale}; is it of another image or another scale?"
            )
        return CachedPair(self.pair.name, hr, lr, lr_made=self.pair.lr is None)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half-written: nobody writes one image for an hour."""
    for temporary in folder.glob("*.part"):
        with suppress(FileNotFoundError):
            if time.time() - temporary.stat().st_mtime > 3600:
                temporary.unlink()


def cropped(hr: Tensor, scale: int, source: Path) -> Tensor:
    """HR without the pixels at the right and bottom that no LR pixel stands for."""
    height, width = (size - size % scale for size in hr.shape[-2:])
    if min(height, width) == 0:
        raise DataError(f"{source}: is {hr.shape[-1]}x{hr.shape[-2]}, too small for scale {scale}; remove it")
    return hr[:, :height, :width]


def _decode(path: Path) -> np.ndarray:
    return np.ascontiguousarray(read_image(path).transpose(2, 0, 1))


def save(path: Path, pixels: np.ndarray) -> None:
    """Write an array, whole or not at all."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, pixels)


def map_image(path: Path) -> Tensor:
    """A cache file as `Tensor[3, H, W]`, uint8, without reading it.

    torch's mapping, unlike numpy's, keeps no file open: thousands of images fit any open-file limit.
    """
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


def content_digests(files: Iterable[Path], folder: Path) -> dict[Path, str]:
    """A digest of each file's content.

    Reading gigabytes at every start is avoided by an index beside the cache: a file whose size and
    time of change are those of last time is taken to have last time's content.
    """
    places = {file: str(file.resolve()) for file in files}
    folders = sorted({str(Path(place).parent) for place in places.values()})
    index_file = folder / f"index-{_digest(json.dumps(folders).encode())}.json"
    index = _read_index(index_file)
    stamps = {file: _stamp(file) for file in places}
    stale = [file for file, place in places.items() if index.get(place, [])[:2] != stamps[file]]
    for file, digest in _in_parallel(lambda f: (f, _file_digest(f)), stale, "Looking at files"):
        index[places[file]] = [*stamps[file], digest]
    if stale:
        with atomic_write(index_file) as temporary:
            temporary.write_text(json.dumps(index))
    return {file: index[place][2] for file, place in places.items()}


def _stamp(file: Path) -> list[int]:
    try:
        stat = file.stat()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error
    return [stat.st_size, stat.st_mtime_ns]


def _read_index(path: Path) -> dict[str, list]:
    """The index, without entries that are none; empty if it is not there yet or damaged."""
    with suppress(OSError, ValueError, AttributeError):
        entries = json.loads(path.read_text()).items()
        return {place: entry for place, entry in entries if isinstance(entry, list) and len(entry) == 3}
    return {}


def _file_digest(file: Path) -> str:
    try:
        return _digest(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _in_parallel(work: Callable[[T], R], items: Sequence[T], what: str) -> list[R]:
    """Work on all items in threads (decoders release Python's lock), with a progress bar if it is much."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [
                future.result()
                for future in track(as_completed(futures), what, total=len(futures), disable=len(futures) < 50)
            ]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
