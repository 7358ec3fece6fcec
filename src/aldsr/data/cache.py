"""Decoded images on disk, mapped into memory, so that a training step never decodes a file.

Images are named by the content of the file that they were decoded from, LR images made here by their HR image, scale
and recipe. What is there is complete (see `aldsr.data.stores`), and two processes may build the same cache.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar, cast

from rich.filesize import decimal as human_size
from rich.progress import track
from torch import Tensor

from aldsr.core.files import FULL, atomic_write, check_room
from aldsr.data.images import DataError, open_image, read_tensor
from aldsr.data.pairs import Pair
from aldsr.data.stores import KINDS, PARTS, Pack, PackedImage
from aldsr.imaging import BICUBIC, Degradation

T = TypeVar("T")
R = TypeVar("R")
TICK = 2_000_000_000  # ns, of the coarsest clock of a file system: changes within it may have one time
CHOICES = {"auto": ("raw", "tiles"), "raw": ("raw",), "packed": ("tiles",), "none": ("none",)}


def cache_dir() -> Path:
    """The folder of decoded images: `$ALDSR_CACHE`, else `$XDG_CACHE_HOME/aldsr`, else `~/.cache/aldsr`."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "aldsr")
    return Path(os.environ.get("ALDSR_CACHE") or usual).expanduser()


@contextmanager
def writing_cache(folder: Path) -> Iterator[None]:
    """Raise DataError for an error of writing to a folder of the cache."""
    try:
        yield
    except OSError as error:
        room = "free some space or " if error.errno in FULL else ""
        raise DataError(
            f"{folder}: cannot write the image cache ({error.strerror or error}); {room}set ALDSR_CACHE to a folder "
            "that can be written"
        ) from error


@dataclass(frozen=True)
class CachedPair:
    """A pair: `hr` is `Tensor[3, sH, sW]`, `lr` `Tensor[3, H, W]`, uint8, or a `PackedImage` of that shape."""

    name: str
    hr: Tensor
    lr: Tensor
    lr_made: bool = True
    track: str | None = "bicubic"  # how LR was made; None: not known


def cache_pairs(
    pairs: Sequence[Pair],
    *,
    scale: int,
    degradation: Degradation = BICUBIC,
    folder: Path | None = None,
    kinds: Sequence[str] = ("raw",),
) -> list[CachedPair]:
    """Decode what is not decoded yet, and make the LR images that are missing.

    HR is cropped at its right and bottom edge to a multiple of the scale, as the field does. `folder` is that of the
    cache, by default `images` in `cache_dir()`; `kinds` are those of `KINDS` from which one is chosen.

    Raises DataError if an image cannot be read, LR and HR do not fit, or the cache cannot be written.
    """
    folder = folder or cache_dir() / "images"
    with writing_cache(folder):
        folder.mkdir(parents=True, exist_ok=True)
        digests = hash_files([file for pair in pairs for file in (pair.hr, pair.lr) if file], folder)
        made = degradation.text if degradation == BICUBIC else _digest(degradation.text.encode())
        entries = []
        for pair in pairs:
            hr = digests[pair.hr]
            lr = digests[pair.lr] if pair.lr else f"{hr}-{made}-x{scale}"
            entries.append(_Entry(pair, scale, degradation, hr, _digest(f"{hr} {lr} x{scale}".encode())))
        store = _choose([Pack(folder, kind) for kind in kinds], entries, folder)
        if missing := [entry for entry in entries if not entry.is_in(store)]:
            room = PARTS[store.kind] * sum(_map_parallel(_Entry.size, missing, "Reading sizes"))
            check_room(f"ALDSR_CACHE={cache_dir()}", folder, int(room))
            with store.open():
                _map_parallel(partial(_Entry.build, store=store), missing, "Decoding images")
        return [entry.load(store) for entry in entries]


def _choose(stores: Sequence[Pack], entries: Sequence["_Entry"], folder: Path) -> Pack:
    """The store that holds all images already; else the first, arrays, where they fit, and else the last, tiles."""
    for store in stores:
        if len(stores) == 1 or all(entry.is_in(store) for entry in entries):
            return store
    sizes = _map_parallel(_Entry.size, entries, "Reading sizes")
    missing = sum(size for entry, size in zip(entries, sizes, strict=True) if not entry.is_in(stores[0]))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return stores[0 if sum(sizes) <= memory / 2 and missing <= shutil.disk_usage(folder).free / 2 else -1]


@dataclass(frozen=True)
class _Entry:
    """A pair and the names of its images in the cache."""

    pair: Pair
    scale: int
    degradation: Degradation
    hr: str
    lr: str  # of the pair, since the digests of both images are kept with it

    def is_in(self, store: Pack) -> bool:
        """Whether both images are."""
        return self.hr in store and self.lr in store

    def size(self) -> int:
        """About how many bytes it will have as arrays."""
        with open_image(self.pair.hr) as image:
            return 3 * image.width * image.height * (self.scale**2 + 1) // self.scale**2

    def build(self, store: Pack) -> None:
        """Add the images that are missing."""
        decoded = self.hr not in store or store.kind == "none"
        whole = read_tensor(self.pair.hr) if decoded else store.load(self.hr)[:, :, :].contiguous()
        if self.hr not in store:
            store.add(self.hr, whole)
        if self.lr not in store:
            hr = self.crop(whole)
            store.add(self.lr, read_tensor(self.pair.lr) if self.pair.lr else self.make_lr(hr), hr)

    def load(self, store: Pack) -> CachedPair:
        """Both images, to be read when they are cut."""
        hr, lr = store.load(self.hr), store.load(self.lr)
        hr.shape, hr.digest, lr.digest = (3, *self.sides(hr)), lr.digest[:64], lr.digest[64:]
        if store.kind == "none":
            hr.cut, lr.cut = self.cut_hr, self.cut_lr
        expected = hr.shape[-1] // self.scale, hr.shape[-2] // self.scale
        if (lr.shape[-1], lr.shape[-2]) != expected:
            raise DataError(
                f"{self.pair.lr}: is {lr.shape[-1]}x{lr.shape[-2]}, expected {expected[0]}x{expected[1]}: "
                f"{self.pair.hr} at scale 1/{self.scale}; is it of another image or another scale?"
            )
        made, track = self.pair.lr is None, self.pair.track
        return CachedPair(self.pair.name, cast(Tensor, hr), cast(Tensor, lr), lr_made=made, track=track)

    def crop(self, hr: Tensor) -> Tensor:
        """HR without the pixels at the right and bottom that no LR pixel stands for."""
        height, width = self.sides(hr)
        return hr[:, :height, :width]

    def sides(self, hr: Tensor | PackedImage) -> tuple[int, int]:
        """Height and width of HR when it is cropped."""
        height, width = (size - size % self.scale for size in hr.shape[-2:])
        if min(height, width) == 0:
            size = f"{hr.shape[-1]}x{hr.shape[-2]}"
            raise DataError(f"{self.pair.hr}: is {size}, too small for scale {self.scale}; remove it")
        return height, width

    def make_lr(self, hr: Tensor) -> Tensor:
        """LR of the whole image."""
        return self.degradation.make(hr[None], scale=self.scale)[0]

    def cut_hr(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """Part of HR, decoded anew."""
        return self.crop(_decode_again(self.pair.hr))[:, top:bottom, left:right]

    def cut_lr(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """Part of LR, decoded or made anew."""
        lr = _decode_again(self.pair.lr) if self.pair.lr else self.make_lr(self.crop(_decode_again(self.pair.hr)))
        return lr[:, top:bottom, left:right]


_decode_again = lru_cache(maxsize=2)(read_tensor)  # HR and LR that one patch is cut of


def describe_cache(pairs: Sequence[CachedPair]) -> str:
    """How images are kept, and in how many bytes: "3,450 in raw arrays, 29 GB"."""
    images = [image for pair in pairs for image in (pair.hr, pair.lr)]
    kinds = sorted({KINDS[getattr(image, "kind", "raw")] for image in images})
    size = sum(image.size if isinstance(image, PackedImage) else image.numel() for image in images)
    return f"{len(pairs):,} in {', '.join(kinds)}, {human_size(size)}"


def hash_files(files: Iterable[Path], folder: Path) -> dict[Path, str]:
    """A digest of the content of every file.

    An index in the cache's folder saves reading gigabytes at every start: a file that is older than its entry and still
    has its size, inode and times (the second of which no program can set) is taken to have the content of then.
    """
    files = dict.fromkeys(files)
    resolved = {parent: str(parent.resolve()) for parent in {file.parent for file in files}}
    paths = {file: f"{resolved[file.parent]}/{file.name}" for file in files}
    folders = sorted({*resolved.values()})
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
        with suppress(OSError), atomic_write(index_file) as temporary:  # read only, the cache may still be complete
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
