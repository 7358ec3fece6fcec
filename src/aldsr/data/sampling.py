"""Stateless sampling: training patch number n is a pure function of (seed, n).

So the sequence of patches depends neither on the number of workers, ranks or micro-batches nor on
where a run was interrupted, and all networks of a study are trained on the same data. Random bits come from
Philox (Salmon et al., SC 2011), a counter-based generator: block n of the stream is computed directly.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from aldsr.core.frozen import thaw
from aldsr.data.images import DataError

SHUFFLES = 1 << 64  # separates the random streams of image orders from those of patch positions


@dataclass(frozen=True)
class Draw:
    """Training patch n: the image's index, the position in it (both in [0, 1)), and flips."""

    image: int
    top: float
    left: float
    flips: tuple[bool, bool, bool]  # horizontal, vertical, rotation by 90°

    def corner(self, height: int, width: int, patch: int) -> tuple[int, int]:
        """The patch's top left pixel in an image of this size."""
        return int(self.top * (height - patch + 1)), int(self.left * (width - patch + 1))


def draw(seed: int, n: int, images: int) -> Draw:
    """Draw training patch n. Each pass over the images takes every image once, in a new order."""
    top, left, bits, _ = np.random.Philox(key=seed, counter=n).random_raw(4).tolist()
    image = _order(seed, n // images, images)[n % images]
    flips = (bool(bits >> 63), bool(bits >> 62 & 1), bool(bits >> 61 & 1))
    return Draw(image, (top >> 11) * 2.0**-53, (left >> 11) * 2.0**-53, flips)


@lru_cache(maxsize=8)
def _order(seed: int, number: int, images: int) -> list[int]:
    """The order of the images in pass `number`."""
    key = np.random.Philox(key=seed + SHUFFLES, counter=number << 64).random_raw(images)
    return np.argsort(key, kind="stable").tolist()


def micro_batch_size(batch_size: int, *, ranks: int, micro_batches: int) -> int:
    """Samples that each rank processes at a time. Raises DataError if the batch cannot be divided evenly."""
    if batch_size < 1 or batch_size % (ranks * micro_batches):
        raise DataError(
            f"data.batch_size={batch_size} cannot be divided among {ranks} ranks × {micro_batches} "
            f"micro-batches; choose a multiple of {ranks * micro_batches}"
        )
    return batch_size // (ranks * micro_batches)


def patch_sizes(patch_size: int | Mapping[Any, int]) -> list[tuple[int, int]]:
    """Sides of LR patches, one after another, each after its first step. Raises DataError for what is none."""
    sizes = list((patch_size if isinstance(patch_size, Mapping) else {0: patch_size}).items())
    whole = all(str(step).isdigit() and type(side) is int and side > 0 for step, side in sizes)
    found = sorted((int(step), side) for step, side in sizes) if whole else []
    if not found or found[0][0]:
        raise DataError(
            f"data.patch_size={thaw(patch_size)}: expected the side of a patch in LR pixels, or sides by the steps "
            "from which they hold, the first from 0: {0: 24, 1000: 48}"
        )
    return [each for number, each in enumerate(found) if not number or each[1] != found[number - 1][1]]


@dataclass(kw_only=True, eq=False)
class StepBatches(Sampler[list[int]]):
    """The sample numbers of this rank's (micro-)batches, from the current step to the epoch's end.

    A batch of `batch_size` is shared by `ranks`, each of which takes its share in `micro_batches` parts. `first_step`
    returns the number of steps done; it is called at the start of every epoch, so that a run resumed within one
    continues where it was. Raises DataError if the batch cannot be divided evenly.
    """

    first_step: Callable[[], int]
    steps_per_epoch: int
    batch_size: int
    rank: int = 0
    ranks: int = 1
    micro_batches: int = 1

    def __post_init__(self) -> None:
        self.micro_batch = micro_batch_size(self.batch_size, ranks=self.ranks, micro_batches=self.micro_batches)

    def __len__(self) -> int:
        return self.steps_per_epoch * self.micro_batches

    def __iter__(self) -> Iterator[list[int]]:
        first = self.first_step()
        end = (first // self.steps_per_epoch + 1) * self.steps_per_epoch
        share = self.batch_size // self.ranks
        for step in range(first, end):
            start = step * self.batch_size + self.rank * share
            for part in range(start, start + share, self.micro_batch):
                yield list(range(part, part + self.micro_batch))
