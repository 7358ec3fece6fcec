"""Checks of the files that a network was written to, before they are kept."""

import random
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from aldsr.core.errors import UserError
from aldsr.nn.deployment import deployed_description
from aldsr.nn.description import Description, NetworkError, scale_of
from aldsr.nn.formats import Format, Upscaler

TOLERANCE = 1e-4  # of outputs in [0, 1]: a fortieth of a step of an 8-bit image


class CheckError(UserError):
    """A file that does not compute what the network computes."""


def folded_description(network: nn.Module, description: Description, weights: Path) -> Description:
    """The description of the folded network.

    Raises:
        NetworkError: if the description has no scale, as that of a block.
    """
    try:
        folded = deployed_description(description, network)
        scale_of(folded)
    except KeyError as error:
        raise NetworkError(f"{weights}: its description has no {error}, so it is no network that upscales") from error
    return folded


def check_file(network: nn.Module, kind: Format, file: Path, output: Path, allow_code: Sequence[str] = ()) -> float:
    """The largest difference between the outputs of a network and of a file that was written of it.

    Args:
        file: where it is now.
        output: what messages call it.

    Raises:
        CheckError: if the difference exceeds `TOLERANCE`, or the file does not run.
    """
    try:
        difference = max_difference(network, kind.read(file, allow_code))
    except Exception as error:  # runtimes raise errors of many kinds
        reason = " ".join(str(error).split())
        raise CheckError(f"{output}: not written, because the {kind.title} file does not run: {reason}") from error
    if not difference <= TOLERANCE:  # also if it is NaN
        raise CheckError(
            f"{output}: not written, because the {kind.title} file differs from the network by {difference:.1e}, "
            f"more than {TOLERANCE:.0e}"
        )
    return difference


def make_test_images() -> list[Tensor]:
    """Noise to compare outputs on: a single pixel, a single row, a batch of two, and three random sizes."""
    sizes, noise = random.Random(0), torch.Generator().manual_seed(0)  # a check that fails, fails again
    shapes = [(1, 1, 1), (1, 1, 7), (2, 5, 4), *((1, sizes.randint(2, 32), sizes.randint(2, 32)) for _ in range(3))]
    return [torch.rand(batch, 3, height, width, generator=noise) for batch, height, width in shapes]


@torch.no_grad()
def max_difference(ours: Upscaler, theirs: Upscaler) -> float:
    """The largest difference of outputs on `make_test_images`: infinite if sizes differ, NaN if an output has NaN."""
    differences = []
    for lr in make_test_images():
        expected, actual = ours(lr), theirs(lr)
        if actual.shape != expected.shape:
            return float("inf")
        differences.append((actual - expected).abs().max())
    return torch.stack(differences).max().item()  # unlike Python's max, NaN where one is
