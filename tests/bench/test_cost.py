"""Seconds and memory of one network."""

from functools import partial

import pytest
import torch
from torch import nn

from aldsr.bench.cost import latency, measure_cost
from aldsr.evaluation.cost import count_parameters
from aldsr.nn import RDN, ALDBlock, fold


def test_latency_is_measured_at_least_three_times() -> None:
    assert len(latency(nn.Identity(), torch.zeros(1), budget=0.0)) == 3


@pytest.mark.slow
def test_costs_folded_and_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.OUTPUT", (32, 48))
    monkeypatch.setattr("aldsr.bench.cost.latency", partial(latency, budget=0.0))
    network = RDN(conv=partial(ALDBlock, reduction=2), D=1, C=2, G=4, G0=4, scale=4)
    cost = measure_cost(network, scale=4, precision="bf16-mixed")
    assert cost["lr"] == "12x8"
    assert cost["unfolded"]["parameters"] == count_parameters(network)
    assert cost["folded"]["parameters"] == count_parameters(fold(network)) < count_parameters(network)
    assert cost["folded"]["latency_s"] > 0
    assert "folded" not in measure_cost(RDN(D=1, C=2, G=4, G0=4, scale=4), scale=4)
