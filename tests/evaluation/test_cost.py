"""Parameters and multi-adds against the published numbers; seconds and memory."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.evaluation.cost import (
    CHALLENGE_INPUT,
    count_activations,
    count_parameters,
    latency,
    measure_cost,
    multi_adds,
)
from aldsr.nn import EDSR, RDN, ALDBlock, BicubicUpscale, LDWBlock, fold


@pytest.mark.parametrize(("scale", "published"), [(2, 5096.2), (3, 2281.2), (4, 1309.2)])
def test_multi_adds_of_rdn_are_the_published_ones(scale: int, published: float) -> None:
    """In G, as tables of lightweight networks quote RDN."""
    with torch.device("meta"):
        network = RDN(scale=scale)
    assert multi_adds(network, scale=scale) / 1e9 == pytest.approx(published, abs=0.05)


def test_attention_adds_next_to_nothing_and_folding_takes_it_away() -> None:
    options = {"D": 2, "C": 3, "G": 16, "G0": 16, "scale": 4}
    ald, ldw = RDN(conv=partial(ALDBlock, reduction=4), **options), RDN(conv=LDWBlock, **options)
    attention = sum(2 * c * (c // 4) for c in (16, 32, 48)) * 2  # two small layers a block
    assert multi_adds(ald, scale=4) == multi_adds(ldw, scale=4) + attention
    assert multi_adds(fold(ald), scale=4) == multi_adds(ldw, scale=4)


class Branches(nn.Module):
    """It looks at values."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.mean() > 0 else -x


def test_bicubic_costs_25_multi_adds_a_value_and_a_network_that_looks_at_values_is_not_counted() -> None:
    assert multi_adds(BicubicUpscale(scale=4), scale=4) == 25 * 3 * 1280 * 720
    assert multi_adds(Branches(), scale=4) is None


def test_seconds_and_memory_are_measured_folded_and_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.OUTPUT", (32, 48))
    monkeypatch.setattr("aldsr.evaluation.cost.latency", partial(latency, budget=0.0))
    network = RDN(conv=partial(ALDBlock, reduction=2), D=1, C=2, G=4, G0=4, scale=4)
    cost = measure_cost(network, scale=4, precision="bf16-mixed")
    assert cost["lr"] == "12x8"
    assert cost["unfolded"]["parameters"] == count_parameters(network)
    assert cost["folded"]["parameters"] == count_parameters(fold(network)) < count_parameters(network)
    assert cost["folded"]["latency_s"] > 0
    assert cost["folded"]["runs"] == 3
    assert "folded" not in measure_cost(RDN(D=1, C=2, G=4, G0=4, scale=4), scale=4)


# What the challenges on efficient super-resolution report, for LR of 256x256

PIXELS = 256 * 256


class Kept(nn.Module):
    """Like SwinIR, it keeps a tensor, which is no buffer, in the type of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.zeros(1, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        self.mean = self.mean.type_as(x)
        return x - self.mean


def test_counting_leaves_a_network_as_it_was() -> None:
    kept = Kept()
    assert multi_adds(kept, scale=4) == 0
    assert count_activations(kept) == (0, 0)
    assert kept(torch.ones(1, 3, 2, 2)).sum() == 12


def test_activations_and_multi_adds_are_those_counted_by_hand() -> None:
    one = nn.Conv2d(3, 10, 3, padding=1)
    assert count_activations(one) == (10 * PIXELS, 1)
    assert multi_adds(one, scale=4, lr=CHALLENGE_INPUT) == 10 * PIXELS * 3 * 9
    transposed = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2, stride=2), nn.ConvTranspose2d(8, 3, 9, 4, 3, 1))
    assert count_activations(transposed) == (8 * 128**2 + 3 * 512**2, 2)
    assert multi_adds(transposed, scale=2, lr=CHALLENGE_INPUT) == 8 * 128**2 * 3 * 25 + 8 * 128**2 * 3 * 81
    upscaler = 4 * 8 * PIXELS + 4 * 8 * 4 * PIXELS + 3 * 16 * PIXELS
    edsr = EDSR(n_resblocks=2, n_feats=8, scale=4)  # head, two blocks of two, the body's last
    assert count_activations(edsr) == (6 * 8 * PIXELS + upscaler, 6 + 3)
    rdn = RDN(D=2, C=3, G=4, G0=8, up=8, scale=4)  # SFE1, SFE2, two RDBs of three layers and LFF, two of GFF
    assert count_activations(rdn) == ((4 * 8 + 2 * (3 * 4 + 8)) * PIXELS + upscaler, 4 + 8 + 3)


class DistillationBlock(nn.Module):
    """The block of IMDN without attention, as in the challenges' baseline."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList(nn.Conv2d(n, 64, 3, padding=1) for n in (64, 48, 48))
        self.last, self.fuse = nn.Conv2d(48, 16, 3, padding=1), nn.Conv2d(64, 64, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept, features = [], x
        for step in self.steps:
            distilled, features = F.leaky_relu(step(features), 0.05).split((16, 48), 1)
            kept.append(distilled)
        return x + self.fuse(torch.cat([*kept, self.last(features)], 1))


def challenge_imdn() -> nn.Module:
    """Without its skip from head to tail, which needs no convolution."""
    body = [*(DistillationBlock() for _ in range(8)), nn.Conv2d(64, 64, 3, padding=1)]
    return nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), *body, nn.Conv2d(64, 48, 3, padding=1), nn.PixelShuffle(4))


def challenge_msrresnet() -> nn.Module:
    """Without the skips of its blocks, which need no convolution."""
    convolutions = [nn.Conv2d(64 if n else 3, 64, 3, padding=1) for n in range(33)]
    up = [layer for _ in range(2) for layer in (nn.Conv2d(64, 256, 3, padding=1), nn.PixelShuffle(2))]
    return nn.Sequential(*convolutions, *up, nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 3, 3, padding=1))


@pytest.mark.parametrize(
    ("network", "parameters", "activations", "convolutions", "flops", "functions"),
    [
        (challenge_imdn, 893_936, 154.14, 43, 58.53, 8 * 3 * 64 * PIXELS),
        (challenge_msrresnet, 1_517_571, 292.55, 37, 166.36, (16 + 4 + 16) * 64 * PIXELS),
    ],
)
def test_the_counts_are_the_published_ones_of_the_challenges_baselines(
    network: Any, parameters: int, activations: float, convolutions: int, flops: float, functions: int
) -> None:
    """Of AIM 2020, in M and G; its script counts one operation more for each value of an activation function."""
    with torch.device("meta"):
        made = network()
    assert count_parameters(made) == parameters
    values, number = count_activations(made)
    assert (round(values / 1e6, 2), number) == (activations, convolutions)
    assert round((multi_adds(made, scale=4, lr=CHALLENGE_INPUT) + functions) / 1e9, 2) == flops


def test_all_of_it_is_in_the_cost_of_each_form_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.latency", partial(latency, budget=0.0))
    network = RDN(conv=partial(ALDBlock, reduction=2), D=1, C=2, G=4, G0=4, scale=4)
    cost = measure_cost(network, scale=4, full=True)
    assert cost["folded"]["multi_adds"] == multi_adds(fold(network), scale=4) < cost["unfolded"]["multi_adds"]
    assert cost["folded"]["multi_adds_256x256"] * 320 * 180 == cost["folded"]["multi_adds"] * PIXELS
    assert (cost["folded"]["activations_256x256"], cost["folded"]["convolutions"]) == count_activations(fold(network))
    assert measure_cost(Branches(), scale=4, full=True)["unfolded"]["activations_256x256"] is None
