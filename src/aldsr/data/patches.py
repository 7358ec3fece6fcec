"""Datasets for a DataLoader: training patches by sample number, and whole images of a benchmark set."""

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.utils.data import Dataset

from aldsr.data.cache import CachedPair, cache_pairs
from aldsr.data.images import is_gray
from aldsr.data.layouts import describe_lr
from aldsr.data.pairs import Pair
from aldsr.data.sampling import draw, patch_sizes
from aldsr.data.stores import PackedImage, pixel_digest
from aldsr.imaging import BICUBIC, Degradation


class PatchBatch(NamedTuple):
    """Training patches, uint8, not yet flipped: `lr` `Tensor[B, 3, p, p]`, `hr` `Tensor[B, 3, sp, sp]`."""

    lr: Tensor
    hr: Tensor
    flips: Tensor  # Tensor[B, 3], bool


class ImagePair(NamedTuple):
    """One image of a benchmark set, uint8: `lr` `Tensor[1, 3, H, W]`, `hr` `Tensor[1, 3, sH, sW]`."""

    lr: Tensor
    hr: Tensor
    number: int  # index in the set
    gray: bool = False  # whether the HR file is a gray image


@dataclass(eq=False)
class Patches(Dataset[PatchBatch]):
    """Training patches: batch `numbers` is a pure function of (seed, numbers).

    None of `pairs` is smaller than a patch; `patch_size` is its side in LR pixels, or as in `patch_sizes`; `batch_size`
    is that of a step. `degradation` is how LR was made, where it was; if it is random, it is made anew for every patch.
    """

    pairs: Sequence[CachedPair]
    _: KW_ONLY
    patch_size: int | Mapping[Any, int]
    scale: int
    seed: int
    batch_size: int = 16
    degradation: Degradation = BICUBIC

    def __getitem__(self, numbers: Sequence[int]) -> PatchBatch:
        step, s = numbers[0] // self.batch_size, self.scale
        *_, p = (side for first, side in patch_sizes(self.patch_size) if first <= step)
        lr, hr, flips = [], [], []
        for n in numbers:
            choice = draw(self.seed, n, len(self.pairs))
            pair = self.pairs[choice.image]
            y, x = choice.corner(pair.lr.shape[-2], pair.lr.shape[-1], p)
            if pair.lr_made and self.degradation.random:
                lr.append(self.degradation.make_patch(pair.hr, (y, x), p, scale=s, seed=self.seed, number=n))
            else:
                lr.append(pair.lr[:, y : y + p, x : x + p])
            hr.append(pair.hr[:, s * y : s * (y + p), s * x : s * (x + p)])
            flips.append(choice.flips)
        return PatchBatch(torch.stack(lr), torch.stack(hr), torch.tensor(flips))


@dataclass(eq=False)
class BenchmarkSet(Dataset[ImagePair]):
    """Whole images for measuring, one at a time, since their sizes differ."""

    name: str
    pairs: Sequence[CachedPair]
    gray: Container[str] = ()  # names of those whose HR file is a gray image

    @classmethod
    def load(cls, name: str, pairs: Sequence[Pair], *, scale: int, degradation: Degradation = BICUBIC) -> Self:
        """Load files through the cache; raises DataError if they cannot be used."""
        gray = [pair.name for pair in pairs if is_gray(pair.hr)]
        return cls(name, cache_pairs(pairs, scale=scale, degradation=degradation), gray)

    @property
    def lr_source(self) -> str:
        """How LR came about: "given" beside HR, or "made" from HR."""
        return "made" if any(pair.lr_made for pair in self.pairs) else "given"

    @property
    def image_names(self) -> list[str]:
        return [pair.name for pair in self.pairs]

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What two comparable measurements have in common: number of images, fingerprints of HR and LR."""
        return {
            "number": len(self),
            "fingerprint": fingerprint(pair.hr for pair in self.pairs),
            "lr": self.lr_source,
            "lr_track": next((pair.track for pair in self.pairs), None),
            "lr_fingerprint": fingerprint(pair.lr for pair in self.pairs),
        }

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> ImagePair:
        pair = self.pairs[index]
        return ImagePair(pair.lr[:, :, :][None], pair.hr[:, :, :][None], index, pair.name in self.gray)


def describe_pairs(pairs: Iterable[CachedPair]) -> str:
    """Say how LR of images came about: "given (unknown), made (bicubic)"."""
    return ", ".join(sorted({describe_lr("made" if pair.lr_made else "given", pair.track) for pair in pairs}))


def fingerprint(images: Iterable[Tensor | PackedImage]) -> str:
    """A hash of the pixels of images, `Tensor[3, H, W]`, uint8, independent of file names, file formats and order."""
    digests = sorted(image.digest if isinstance(image, PackedImage) else pixel_digest(image) for image in images)
    return hashlib.blake2b(b"".join(digests), digest_size=8).hexdigest()
