"""Parameters and multi-adds against the published numbers; seconds and memory."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from aldsr.evaluation.cost import block_parameters, count_parameters, latency, measure_cost, multi_adds
from aldsr.nn import RDN, ALDBlock, BicubicUpscale, LDWBlock, fold


def test_the_block_of_a_description_is_counted_at_the_papers_size_without_biases() -> None:
    dw = {"_target_": "aldsr.nn.DWBlock", "_partial_": True}
    assert block_parameters({"_target_": "aldsr.nn.RDN", "scale": 2, "D": 1, "conv": dw}) == 205_056
    assert block_parameters({"_target_": "aldsr.nn.BicubicUpscale", "scale": 2}) is None
    assert block_parameters({"_target_": "aldsr.nn.EDSR", "scale": 2, "conv": dw}) is None  # it has no RDB
    stranger = {"_target_": "os.mkdir", "_partial_": True, "path": "made"}
    assert block_parameters({"_target_": "aldsr.nn.RDN", "conv": stranger}) is None


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


def test_bicubic_costs_25_multi_adds_a_value_and_a_network_that_looks_at_values_is_not_counted() -> None:
    class Branches(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.mean() > 0 else -x

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
