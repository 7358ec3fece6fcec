"""What is timed, on tiny networks."""

import pytest
import torch

from aldsr.bench.tasks import BLOCKS, BenchmarkCase, DescribedCase, Task, growing_tasks
from aldsr.nn.description import NetworkError

TINY = {"D": 1, "C": 1, "G": 4, "G0": 4}
CONV = {"_target_": "aldsr.nn.ALDBlock", "_partial_": True}
DESCRIPTION = {"_target_": "aldsr.nn.RDN", "scale": 2, "conv": CONV, **TINY}


@pytest.mark.parametrize("network", [*BLOCKS, "literal"])
@pytest.mark.parametrize("batch", [0, 2])
def test_every_network_trains_and_upscales(network: str, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.OUTPUT", (32, 48))
    task = Task(TINY, batch=batch, patch=4)
    task.prepare(BenchmarkCase(network, "32-true"))()
    assert task.flops(BenchmarkCase(network).build(TINY)) > 0


def test_micro_batches_and_checkpointing_sum_to_the_gradient_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[torch.nn.Module] = []
    build = BenchmarkCase.build
    monkeypatch.setattr(BenchmarkCase, "build", lambda case, size: built.append(build(case, size)) or built[-1])
    for options in ({}, {"micro_batches": 2, "checkpoint": True}):
        torch.manual_seed(1)
        Task(TINY, batch=4, patch=4).prepare(BenchmarkCase("LDW-RDN", "32-true", **options))()
    whole, parts = ([parameter.grad for parameter in network.parameters()] for network in built)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_operations_are_counted_forward_and_backward() -> None:
    network = BenchmarkCase("RDN").build(TINY)
    assert Task(TINY, batch=2, patch=10).flops(network) == pytest.approx(3 * 200 / 57600 * Task(TINY, 0).flops(network))


def test_a_network_of_any_description_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.OUTPUT", (32, 48))
    case = DescribedCase("mine", "32-true", description=DESCRIPTION)
    network, lr = case.build({}), torch.rand(1, 3, 16, 24)
    deployed = case.deploy(network, lr)
    assert not [name for name, _ in deployed.named_modules() if name.endswith("attention")]
    torch.testing.assert_close(deployed(lr), network(lr), rtol=1e-4, atol=1e-5)
    Task({}, batch=0).prepare(case)()
    stranger = {**DESCRIPTION, "conv": {"_target_": "subprocess.run", "_partial_": True}}
    with pytest.raises(NetworkError, match=r"subprocess\.run"):
        DescribedCase("theirs", description=stranger).build({})


def test_growing_tasks_differ_from_the_largest_in_one_thing() -> None:
    paper = Task({"D": 16, "C": 8, "G": 64, "G0": 64}, batch=16, patch=48)
    *smaller, largest = growing_tasks(paper)
    assert largest == paper
    assert [task.batch for task in smaller] == [2, 4, 8] + [16] * 6
    assert [task.patch for task in smaller] == [48] * 3 + [12, 24, 36] + [48] * 3
    assert [task.size["D"] for task in smaller] == [16] * 6 + [2, 4, 8]
    assert {task.size["C"] for task in smaller} == {8}
    smallest = Task(TINY, batch=1, patch=1)
    assert growing_tasks(smallest) == [smallest]
