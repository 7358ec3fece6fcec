"""Files that were made of a network, held against it before they are kept."""

import random
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from aldsr.core.errors import UserError
from aldsr.nn.deployment import described
from aldsr.nn.description import Description, NetworkError, scale_of
from aldsr.nn.formats import Format, Upscaler

TOLERANCE = 1e-4  # of outputs in [0, 1]: a fortieth of a step of an 8-bit picture


class CheckError(UserError):
    """A file that does not compute what the network computes."""


def plain_description(network: nn.Module, description: Description, weights: Path) -> Description:
    """The description of the folded network.

    Raises:
        NetworkError: if it is no network that upscales.
    """
    try:
        plain = described(description, network)
        scale_of(plain)
    except KeyError as error:
        raise NetworkError(f"{weights}: its description has no {error}, so it is no network that upscales") from error
    return plain


def checked(network: nn.Module, kind: Format, file: Path, output: Path, trusted: Sequence[str] = ()) -> float:
    """The largest difference between a network and a file that was made of it.

    Raises:
        CheckError: if it is larger than `TOLERANCE`, or the file cannot be read back.
    """
    try:
        apart = difference(network, kind.read(file, trusted))
    except Exception as error:  # whatever a runtime may raise, the file is of no use
        reason = " ".join(str(error).split())
        raise CheckError(f"{output}: not written, because what {kind.said} made does not run: {reason}") from error
    if not apart <= TOLERANCE:  # also if it is NaN
        raise CheckError(
            f"{output}: not written, because what {kind.said} made differs from the network by {apart:.1e}, "
            f"more than {TOLERANCE:.0e}"
        )
    return apart


def pictures() -> list[Tensor]:
    """Noise that files are compared on: a single pixel, a single row, two pictures, and three of random sizes."""
    sizes, noise = random.Random(0), torch.Generator().manual_seed(0)  # a check that fails, fails again
    shapes = [(1, 1, 1), (1, 1, 7), (2, 5, 4), *((1, sizes.randint(2, 32), sizes.randint(2, 32)) for _ in range(3))]
    return [torch.rand(batch, 3, height, width, generator=noise) for batch, height, width in shapes]


@torch.no_grad()
def difference(ours: Upscaler, theirs: Upscaler) -> float:
    """The largest difference of two networks' outputs on `pictures`; infinite if their sizes differ, else maybe NaN."""
    largest = []
    for lr in pictures():
        wanted, made = ours(lr), theirs(lr)
        if made.shape != wanted.shape:
            return float("inf")
        largest.append((made - wanted).abs().max())
    return torch.stack(largest).max().item()  # torch's maximum, unlike Python's, is NaN where one is
