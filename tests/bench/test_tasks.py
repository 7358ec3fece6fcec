"""What is timed, on tiny networks."""

from contextlib import nullcontext
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
import torch
from torch import nn

from aldsr.bench.gpu import CapturedGraph, copy_rate
from aldsr.bench.tasks import BenchmarkCase, DescribedCase, Task, benchmark_names
from aldsr.core.device import time_once
from aldsr.nn.description import BACKBONES, NetworkError
from aldsr.nn.folding import foldable_blocks
from aldsr.nn.grouped_attention import GroupedAttention
from aldsr.run.network import read_size
from aldsr.training import TrainingStep

TINY = {"D": 1, "C": 1, "G": 4, "G0": 4}
CONV = {"_target_": "aldsr.nn.ALDBlock", "_partial_": True}
DESCRIPTION = {"_target_": "aldsr.nn.RDN", "scale": 2, "conv": CONV, **TINY}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.OUTPUT", (32, 48))


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("batch", [0, 2])
def test_every_network_trains_and_upscales(backbone: str, batch: int) -> None:
    for network in benchmark_names(backbone):
        Task(read_size(backbone.lower(), "tiny"), batch=batch, patch=4).prepare(BenchmarkCase(network, "32-true"))()


def test_micro_batches_and_checkpointing_sum_to_the_gradient_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[torch.nn.Module] = []
    build = BenchmarkCase.build
    monkeypatch.setattr(BenchmarkCase, "build", lambda case, size: built.append(build(case, size)) or built[-1])
    for options in ({}, {"micro_batches": 2, "checkpoint": True}):
        torch.manual_seed(1)
        Task(TINY, batch=4, patch=4).prepare(BenchmarkCase("LDW-RDN", "32-true", **options))()
    whole, parts = ([parameter.grad for parameter in network.parameters()] for network in built)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_a_step_keeps_nothing_of_the_last_ones_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[TrainingStep] = []

    def make(*given: nn.Module, **options: Any) -> TrainingStep:
        made.append(TrainingStep(*given, **options | {"sharing": GroupedAttention}))
        return made[0]

    monkeypatch.setattr("aldsr.bench.tasks.TrainingStep", make)
    Task(TINY, batch=2, patch=4).prepare(BenchmarkCase("ALD-RDN", "32-true"))()
    assert isinstance(made[0].shared, nullcontext)


def test_operations_are_counted_forward_and_backward() -> None:
    network = BenchmarkCase("RDN").build(TINY)
    expected = 3 * 2 * 10**2 / (8 * 12) * Task(TINY, 0).flops(network)
    assert Task(TINY, batch=2, patch=10).flops(network) == pytest.approx(expected)


def test_the_features_of_all_layers_move_once_and_those_between_depthwise_and_pointwise_never() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 6, 1))
    network.scale = 1
    read, written = 3 + 4, 4 + 6  # of a pixel
    assert Task(TINY, batch=0).traffic(network) == 32 * 48 * (read + written)
    assert Task(TINY, batch=2, patch=10).traffic(network) == pytest.approx(200 * (3 * read + 2 * written))


def test_work_is_recorded_once_after_it_is_warm_and_replayed_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, recording, work = MagicMock(), MagicMock(), Mock()
    stand_ins = {name: MagicMock() for name in ("Stream", "stream", "current_stream", "graph_pool_handle")}
    for name, stand_in in {**stand_ins, "graph": recording, "CUDAGraph": Mock(return_value=graph)}.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(CapturedGraph, "pool", None)
    captured, other = CapturedGraph(work), CapturedGraph(work)
    for _ in range(3):
        captured()
    assert (work.call_count, graph.replay.call_count) == (4, 3)
    other()
    assert [call.kwargs["pool"] for call in recording.call_args_list] == 2 * [stand_ins["graph_pool_handle"]()]


@pytest.mark.gpu
@pytest.mark.parametrize("batch", [0, 2])
@pytest.mark.parametrize("network", benchmark_names("RDN"))
def test_a_graph_does_what_the_launches_do(network: str, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[nn.Module] = []
    build = BenchmarkCase.build
    monkeypatch.setattr(BenchmarkCase, "build", lambda case, size: built.append(build(case, size)) or built[-1])
    for compiled, runs in (("none", 5), ("graph", 2)):  # three more to warm up; nothing runs while it is recorded
        torch.manual_seed(1)
        work = Task(TINY, batch, patch=8, device="cuda").prepare(BenchmarkCase(network, compile=compiled))
        for _ in range(runs):
            assert time_once(work, torch.device("cuda")) > 0
    eager, graph = ([*each.parameters()] for each in built[-2:])
    torch.testing.assert_close(graph, eager, rtol=1e-3, atol=1e-5)
    assert copy_rate(torch.device("cuda")) > 1e9


def test_a_network_of_any_description_is_deployed() -> None:
    case = DescribedCase("mine", "32-true", description=DESCRIPTION)
    network, lr = case.build({}), torch.rand(1, 3, 16, 24)
    deployed = case.deploy(network, lr)
    assert not foldable_blocks(deployed)
    torch.testing.assert_close(deployed(lr), network(lr), rtol=1e-4, atol=1e-5)
    Task({}, batch=0).prepare(case)()
    stranger = {**DESCRIPTION, "conv": {"_target_": "subprocess.run", "_partial_": True}}
    with pytest.raises(NetworkError, match=r"subprocess\.run"):
        DescribedCase("theirs", description=stranger).build({})
