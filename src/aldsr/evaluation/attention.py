"""What the attention of a trained network says of its filters, and what the network is without it.

r depends on the weights only (ALDNet, eq. 3), so nothing here needs a picture: whatever is done to z or r, what
comes out is another folded network.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from aldsr.data import BenchmarkSet
from aldsr.evaluation.views import super_resolve
from aldsr.imaging import psnr_y
from aldsr.nn import ALDBlock, fold

Values = NDArray[np.float64]  # [channels]
UNTOUCHED = "untouched"
Change = Callable[[Tensor], Tensor]  # z or r of a layer → another one: Tensor[C] → Tensor[C]


class LayerAttention(NamedTuple):
    """The attention of one layer: C filters, H hidden units."""

    place: str  # "RDBs.0.layers.3"
    z: Values  # [C], the descriptor
    hidden: Values  # [H], before the ReLU
    r: Values  # [C]
    due: Values  # [C], the part of r that is due to z: r less the r of a layer whose filters all have the mean z

    def statistics(self) -> dict[str, float | None]:
        """The layer in figures: of r and z mean and standard deviation over its channels.

        `live` is the fraction of hidden units that the ReLU lets through, `due` the root mean square of the part of r
        that is due to z, `pearson` and `spearman` the correlation of r and z (None where one of them is the same in
        all channels). Correlation alone shows little: filters and biases are trained side by side.
        """
        constant = min(np.ptp(self.z), np.ptp(self.r)) < 1e-12
        return {
            "live": float((self.hidden > 0).mean()),
            "r_mean": float(self.r.mean()),
            "r_sd": float(self.r.std()),
            "z_mean": float(self.z.mean()),
            "z_sd": float(self.z.std()),
            "due": float(np.square(self.due).mean() ** 0.5),
            "pearson": None if constant else float(stats.pearsonr(self.z, self.r).statistic),
            "spearman": None if constant else float(stats.spearmanr(self.z, self.r).statistic),
        }


def attention_of(network: nn.Module) -> list[LayerAttention]:
    """The attention of every ALD block, from the input to the output; empty of a network that has none."""
    return [_layer(place, block) for place, block in _blocks(network)]


@torch.no_grad()
def _layer(place: str, block: ALDBlock) -> LayerAttention:
    attention = block.attention
    z = attention.descriptor(block.depthwise.weight.squeeze(1))
    r = attention.gate(z)
    found = z, attention.squeeze(z), r, r - attention.gate(averaged(z))
    return LayerAttention(place, *(each.double().cpu().numpy() for each in found))


def _blocks(network: nn.Module) -> list[tuple[str, ALDBlock]]:
    return [(place, block) for place, block in network.named_modules() if isinstance(block, ALDBlock)]


def unchanged(values: Tensor) -> Tensor:
    """As it was learned."""
    return values


def averaged(values: Tensor) -> Tensor:
    """The layer's mean in every channel."""
    return values.mean().expand_as(values)


def shuffled(seed: int) -> Change:
    """Channels permuted at random, in each layer that comes anew; the same seed gives the same permutations."""
    generator = torch.Generator().manual_seed(seed)
    return lambda values: values[torch.randperm(len(values), generator=generator).to(values.device)]


class Ablation(NamedTuple):
    """What is done to z and to r in every layer."""

    name: str
    z: Change = unchanged
    r: Change = unchanged


def ablations(*, shuffles: int) -> list[Ablation]:
    """Nothing first, then every ablation; "z shuffled" as often as asked for, with seeds 0, 1, …"""
    return [
        Ablation(UNTOUCHED),
        Ablation("z = 0", z=torch.zeros_like),
        Ablation("z = mean", z=averaged),
        *(Ablation("z shuffled", z=shuffled(seed)) for seed in range(shuffles)),
        Ablation("r = mean", r=averaged),
        Ablation("r = 0", r=torch.zeros_like),
    ]


class GivenAttention(nn.Module):
    """Stands in for `FilterAttention`: r as it is given, whatever the filters."""

    r: Tensor

    def __init__(self, r: Tensor) -> None:
        super().__init__()
        self.register_buffer("r", r)

    def forward(self, filters: Tensor) -> Tensor:
        return self.r


@torch.no_grad()
def ablated(network: nn.Module, ablation: Ablation) -> nn.Module:
    """A copy with z and r changed in every layer, folded: the network that it would be with these scales."""
    copied = copy.deepcopy(network)
    for _, block in _blocks(copied):
        attention, filters = block.attention, block.depthwise.weight.squeeze(1)
        r = ablation.r(attention.gate(ablation.z(attention.descriptor(filters))))
        block.attention = GivenAttention(r)  # type: ignore[assignment]
    return fold(copied)


def ablation_scores(
    network: nn.Module, benchmarks: Sequence[BenchmarkSet], wanted: Iterable[Ablation]
) -> dict[str, dict[str, dict[str, float]]]:
    """PSNR-Y (dB) per set, ablation and image, by the literature's protocol; of ablations of one name their mean.

    Args:
        network: with ALD blocks, in evaluation mode; its pictures are made in float32.
        benchmarks: the sets.
        wanted: see `ablations`.
    """
    found: dict[str, dict[str, list[list[float]]]] = {each.name: {} for each in benchmarks}
    for ablation in wanted:
        form = ablated(network, ablation)
        for each in benchmarks:
            found[each.name].setdefault(ablation.name, []).append(set_psnr(form, each))
    return {
        each.name: {
            name: dict(zip(each.image_names, np.mean(scores, axis=0).tolist(), strict=True))
            for name, scores in found[each.name].items()
        }
        for each in benchmarks
    }


def set_psnr(network: nn.Module, benchmark: BenchmarkSet) -> list[float]:
    """PSNR-Y (dB) of every image of a set, by the literature's protocol."""
    scale: int = network.scale  # type: ignore[assignment]
    pairs = (benchmark[place] for place in range(len(benchmark)))
    return [psnr_y(super_resolve(network, pair.lr), pair.hr, shave=scale).item() for pair in pairs]
