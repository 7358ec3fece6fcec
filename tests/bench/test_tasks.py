"""What is timed, on tiny networks."""

import pytest
import torch

from aldsr.bench.tasks import BLOCKS, BenchmarkCase, DescribedCase, Task
from aldsr.nn.description import NetworkError
from aldsr.nn.folding import foldable_blocks

TINY = {"D": 1, "C": 1, "G": 4, "G0": 4}
CONV = {"_target_": "aldsr.nn.ALDBlock", "_partial_": True}
DESCRIPTION = {"_target_": "aldsr.nn.RDN", "scale": 2, "conv": CONV, **TINY}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.OUTPUT", (32, 48))


@pytest.mark.parametrize("network", [*BLOCKS, "literal"])
@pytest.mark.parametrize("batch", [0, 2])
def test_every_network_trains_and_upscales(network: str, batch: int) -> None:
    Task(TINY, batch=batch, patch=4).prepare(BenchmarkCase(network, "32-true"))()


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
    expected = 3 * 2 * 10**2 / (8 * 12) * Task(TINY, 0).flops(network)
    assert Task(TINY, batch=2, patch=10).flops(network) == pytest.approx(expected)


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
