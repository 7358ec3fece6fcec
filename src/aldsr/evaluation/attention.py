"""The attention of trained networks: r and z of every layer, and scores without parts of it.

r depends on the weights only (ALDNet, eq. 3), so no image is needed to read it, and whatever replaces z or r gives
another folded network.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from aldsr.core.files import to_json
from aldsr.data import BenchmarkSet
from aldsr.evaluation.views import super_resolve
from aldsr.imaging import psnr_y
from aldsr.nn import ALDBlock, fold
from aldsr.nn.description import Description, NetworkError, complete_description, label, scale_of
from aldsr.nn.initial import hash_weights
from aldsr.nn.weights import load_network

Values = NDArray[np.float64]  # [channels]
UNTOUCHED = "untouched"
Change = Callable[[Tensor], Tensor]  # z or r of a layer → another one: Tensor[C] → Tensor[C]


def load_networks(
    paths: Sequence[Path], *, allow_code: Sequence[str] = ()
) -> dict[Path, tuple[nn.Module, Description]]:
    """Load networks with attention of one scale from run folders, weights files or checkpoints, for evaluation.

    Raises NetworkError if one cannot be loaded or has no attention, or the scales differ.
    """
    networks: dict[Path, tuple[nn.Module, Description]] = {}
    for path in paths:
        network, description = load_network(path, allow_code)
        if not read_attention(network):
            raise NetworkError(
                f"{path}: {label(description)} has no attention; expected networks of ALD blocks, as they were "
                "trained: a deployed or exported one has its attention in its weights"
            )
        networks[path] = network.eval(), description
        scale, other = scale_of(networks[paths[0]][1]), scale_of(description)
        if other != scale:
            raise NetworkError(f"{paths[0]} is for x{scale} and {path} for x{other}; give networks of one scale")
    return networks


def find_copies(networks: Mapping[Path, tuple[nn.Module, Description]]) -> dict[Path, Path]:
    """Networks that have the description and weights of an earlier one, and that one."""
    known: dict[tuple[str, str], Path] = {}
    for path, (network, description) in networks.items():
        known.setdefault(_identity(network, description), path)
    return {path: first for path, each in networks.items() if (first := known[_identity(*each)]) != path}


def _identity(network: nn.Module, description: Description) -> tuple[str, str]:
    return hash_weights(network.state_dict()), to_json(complete_description(description))


class LayerAttention(NamedTuple):
    """The attention of one layer: C filters, H hidden units."""

    place: str  # "RDBs.0.layers.3", "body.0.conv1"
    z: Values  # [C], the descriptor
    hidden: Values  # [H], before the ReLU
    r: Values  # [C]
    due: Values  # [C], the part of r that is due to z: r minus the r of a layer whose filters all have the mean z

    def statistics(self) -> dict[str, float | None]:
        """Means and standard deviations over the channels, the root mean square of `due`, and more.

        `live` is the fraction of hidden units that the ReLU lets through; `pearson` and `spearman` are the correlation
        of r and z, None where one of them is constant. It shows little: filters and biases are trained together.
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


@torch.no_grad()
def read_attention(network: nn.Module) -> list[LayerAttention]:
    """The attention of every ALD block, from the input to the output; empty if the network has none."""
    layers = []
    for place, block in _blocks(network):
        attention = block.attention
        z = attention.descriptor(block.depthwise.weight.squeeze(1))
        r = attention.gate(z)
        values = z, attention.squeeze(z), r, r - attention.gate(channel_mean(z))
        layers.append(LayerAttention(place, *(each.double().cpu().numpy() for each in values)))
    return layers


def _blocks(network: nn.Module) -> list[tuple[str, ALDBlock]]:
    return [(place, block) for place, block in network.named_modules() if isinstance(block, ALDBlock)]


def channel_mean(values: Tensor) -> Tensor:
    """The layer's mean in every channel."""
    return values.mean().expand_as(values)


def shuffle_channels(seed: int) -> Change:
    """Random permutations of the channels, another one at every call; a seed always gives the same sequence."""
    generator = torch.Generator().manual_seed(seed)
    return lambda values: values[torch.randperm(len(values), generator=generator).to(values.device)]


class Ablation(NamedTuple):
    """What is done to z and to r in every layer; by default nothing: `torch.positive` returns its argument."""

    name: str
    z: Change = torch.positive
    r: Change = torch.positive


def make_ablations(*, shuffles: int) -> list[Ablation]:
    """The untouched network first, then every ablation; "z shuffled" is repeated with seeds 0 to `shuffles` - 1."""
    return [
        Ablation(UNTOUCHED),
        Ablation("z = 0", z=torch.zeros_like),
        Ablation("z = mean", z=channel_mean),
        *(Ablation("z shuffled", z=shuffle_channels(seed)) for seed in range(shuffles)),
        Ablation("r = mean", r=channel_mean),
        Ablation("r = 0", r=torch.zeros_like),
    ]


@torch.no_grad()
def ablate(network: nn.Module, ablation: Ablation) -> nn.Module:
    """A folded copy of a network with z and r changed in every layer."""
    copied = copy.deepcopy(network)
    for _, block in _blocks(copied):
        block.attention.squeeze.register_forward_pre_hook(lambda module, z: ablation.z(*z))
        block.attention.register_forward_hook(lambda module, filters, r: ablation.r(r))
    return fold(copied)


def ablation_scores(
    network: nn.Module, benchmarks: Sequence[BenchmarkSet], ablations: Iterable[Ablation]
) -> dict[str, dict[str, dict[str, float]]]:
    """PSNR-Y (dB) per set, ablation and image, by the literature's protocol; ablations of one name are averaged.

    The network is in evaluation mode and runs in float32.
    """
    repeats: dict[str, dict[str, list[list[float]]]] = {each.name: {} for each in benchmarks}
    for ablation in ablations:
        ablated = ablate(network, ablation)
        for each in benchmarks:
            repeats[each.name].setdefault(ablation.name, []).append(_set_psnr(ablated, each))
    return {
        each.name: {
            name: dict(zip(each.image_names, np.mean(values, axis=0).tolist(), strict=True))
            for name, values in repeats[each.name].items()
        }
        for each in benchmarks
    }


def _set_psnr(network: nn.Module, benchmark: BenchmarkSet) -> list[float]:
    scale: int = network.scale  # type: ignore[assignment]
    pairs = (benchmark[number] for number in range(len(benchmark)))
    return [psnr_y(super_resolve(network, pair.lr), pair.hr, shave=scale).item() for pair in pairs]
