"""Decoded images on disk, mapped into memory, so that a training step never decodes a file.

One `.npy` per image, (3, H, W) uint8, named by the content of the file that it was decoded from; LR images made here
are named by their HR image, scale and recipe. Files are written under a temporary name and renamed, so a file that is
there is complete, and two processes that build the same cache only do the same work twice.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from aldsr.core.files import atomic_write, check_room
from aldsr.data.images import DataError, open_image, read_image
from aldsr.data.pairs import Pair
from aldsr.imaging import BICUBIC, Degradation

T = TypeVar("T")
R = TypeVar("R")
TICK = 2_000_000_000  # ns, of the coarsest clock of a file system: changes within it may have one time
FORMAT = "v3"  # raise it when the same file would be decoded or resized to other values


def cache_dir() -> Path:
    """The folder of decoded images: `$ALDSR_CACHE`, else `$XDG_CACHE_HOME/aldsr`, else `~/.cache/aldsr`."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "aldsr")
    return Path(os.environ.get("ALDSR_CACHE") or usual).expanduser()


@dataclass(frozen=True)
class CachedPair:
    """A pair in memory-mapped form: `hr` is `Tensor[3, sH, sW]`, `lr` `Tensor[3, H, W]`, uint8."""

    name: str
    hr: Tensor
    lr: Tensor
    lr_made: bool = True
    track: str | None = "bicubic"  # how LR was made; None: not known


def cache_pairs(
    pairs: Sequence[Pair], *, scale: int, degradation: Degradation = BICUBIC, folder: Path | None = None
) -> list[CachedPair]:
    """Decode what is not decoded yet, make the LR images that are missing, and map everything.

    HR is cropped at its right and bottom edge to a multiple of the scale, as the field does. `folder` is that of the
    cache, by default `images` in `cache_dir()`.

    Raises DataError if an image cannot be read, LR and HR do not fit, or the cache cannot be written.
    """
    folder = folder or cache_dir() / "images"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digests = hash_files([file for pair in pairs for file in (pair.hr, pair.lr) if file], folder)
        made = degradation.text if degradation == BICUBIC else _digest(degradation.text.encode())
        entries = []
        for pair in pairs:
            hr = digests[pair.hr]
            lr = digests[pair.lr] if pair.lr else f"{hr}-{made}-x{scale}"
            files = (folder / f"{name}-{FORMAT}.npy" for name in (hr, lr))
            entries.append(_Entry(pair, scale, degradation, *files))
        _remove_leftovers(folder)
        missing = [entry for entry in entries if not (entry.hr.exists() and entry.lr.exists())]
        check_room(f"ALDSR_CACHE={cache_dir()}", folder, sum(map(_Entry.size, missing)))
        _map_parallel(_Entry.build, missing, "Decoding images")
    except OSError as error:
        raise DataError(
            f"{error.filename or folder}: cannot write the image cache ({error.strerror or error}); free some space "
            "or set ALDSR_CACHE to a folder that can be written"
        ) from error
    return [entry.load() for entry in entries]


@dataclass(frozen=True)
class _Entry:
    """The two cache files of a pair."""

    pair: Pair
    scale: int
    degradation: Degradation
    hr: Path
    lr: Path

    def size(self) -> int:
        """About how many bytes it will have."""
        with open_image(self.pair.hr) as image:
            return 3 * image.width * image.height * (self.scale**2 + 1) // self.scale**2

    def build(self) -> None:
        """Write the files that are missing."""
        for image, file in ((self.pair.hr, self.hr), (self.pair.lr, self.lr)):
            if image and not file.exists():
                _save(file, read_image(image).transpose(2, 0, 1))
        if not self.lr.exists():
            _save(self.lr, self.degradation.make(self.load_hr()[None], scale=self.scale)[0].numpy())

    def load(self) -> CachedPair:
        """Map both files."""
        hr, lr = self.load_hr(), _map_image(self.lr)
        expected = hr.shape[-1] // self.scale, hr.shape[-2] // self.scale
        if (lr.shape[-1], lr.shape[-2]) != expected:
            raise DataError(
                f"{self.pair.lr}: is {lr.shape[-1]}x{lr.shape[-2]}, expected {expected[0]}x{expected[1]}: "
                f"{self.pair.hr} at scale 1/{self.scale}; is it of another image or another scale?"
            )
        return CachedPair(self.pair.name, hr, lr, lr_made=self.pair.lr is None, track=self.pair.track)

    def load_hr(self) -> Tensor:
        """Map HR without the pixels at the right and bottom that no LR pixel stands for."""
        hr = _map_image(self.hr)
        height, width = (size - size % self.scale for size in hr.shape[-2:])
        if min(height, width) == 0:
            size = f"{hr.shape[-1]}x{hr.shape[-2]}"
            raise DataError(f"{self.pair.hr}: is {size}, too small for scale {self.scale}; remove it")
        return hr[:, :height, :width]


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left unfinished: writing one image takes less than an hour."""
    for temporary in folder.glob("*.part"):
        with suppress(FileNotFoundError):
            if time.time() - temporary.stat().st_mtime > 3600:
                temporary.unlink()


def _save(path: Path, pixels: np.ndarray) -> None:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.ascontiguousarray(pixels))


def _map_image(path: Path) -> Tensor:
    """Map a cache file as `Tensor[3, H, W]`, uint8, without reading it.

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


def hash_files(files: Iterable[Path], folder: Path) -> dict[Path, str]:
    """A digest of the content of every file.

    An index in the cache's folder saves reading gigabytes at every start: a file that is older than its entry and still
    has its size, inode and times (the second of which no program can set) is taken to have the content of then.
    """
    paths = {file: str(file.resolve()) for file in files}
    folders = sorted({str(Path(path).parent) for path in paths.values()})
    index_file = folder / f"index-{_digest(json.dumps(folders).encode())}.json"
    index = _read_index(index_file)
    begun = time.time_ns()
    stats = {file: _read(Path.stat, file) for file in paths}
    stamps = {file: [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for file, s in stats.items()}
    stale = []
    for file, path in paths.items():
        *stamp, hashed, _ = index.get(path, [0, ""])
        if stamp != stamps[file] or max(stamp[1:3]) > hashed - TICK:
            stale.append(file)
    digests = _map_parallel(lambda file: _digest(_read(Path.read_bytes, file)), stale, "Hashing files")
    for file, digest in zip(stale, digests, strict=True):
        index[paths[file]] = [*stamps[file], begun, digest]
    if stale:
        with atomic_write(index_file) as temporary:
            temporary.write_text(json.dumps(index))
    return {file: index[path][-1] for file, path in paths.items()}


def _read(function: Callable[[Path], T], file: Path) -> T:
    """`function(file)`; DataError if the file cannot be read."""
    try:
        return function(file)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _read_index(path: Path) -> dict[str, list]:
    """The index without entries that are damaged or of an older version; empty if it is missing or no index."""
    with suppress(OSError, ValueError, AttributeError):
        entries = json.loads(path.read_text()).items()
        return {path: entry for path, entry in entries if isinstance(entry, list) and len(entry) == 6}
    return {}


def _map_parallel(function: Callable[[T], R], items: Sequence[T], title: str) -> list[R]:
    """Map a function over items in threads (decoders release Python's lock); a progress bar for 50 items or more."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(track(pool.map(function, items), title, total=len(items), disable=len(items) < 50))
