"""What is timed, on tiny networks."""

import pytest
import torch

from aldsr.bench.tasks import BLOCKS, Described, Task, Way
from aldsr.nn.description import NetworkError

TINY = {"D": 1, "C": 1, "G": 4, "G0": 4}
DESCRIPTION = {
    "_target_": "aldsr.nn.RDN",
    "scale": 2,
    "conv": {
        "_target_": "aldsr.nn.ALDBlock",
        "_partial_": True,
        "descriptor": {"_target_": "aldsr.nn.descriptors.determinant", "_partial_": True},
    },
    **TINY,
}


@pytest.mark.parametrize("network", [*BLOCKS, "literal"])
@pytest.mark.parametrize("batch", [0, 2])
def test_every_network_trains_and_upscales(network: str, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.OUTPUT", (32, 48))
    task = Task(TINY, batch=batch, patch=4)
    task.work(Way(network, "32-true"))()
    assert task.flops(Way(network).build(TINY)) > 0


def test_micro_batches_and_checkpointing_sum_to_the_gradient_of_the_batch() -> None:
    weights = {}
    for way in (Way("LDW-RDN", "32-true"), Way("LDW-RDN", "32-true", micro_batches=2, checkpoint=True)):
        torch.manual_seed(1)
        network = way.build(TINY)
        torch.manual_seed(2)
        Task(TINY, batch=4, patch=4)._training(network, way)()
        weights[way] = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
    whole, parts = weights.values()
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_operations_are_counted_forward_and_backward() -> None:
    network = Way("RDN").build(TINY)
    assert Task(TINY, batch=2, patch=10).flops(network) == pytest.approx(3 * 200 / 57600 * Task(TINY, 0).flops(network))


def test_a_network_of_any_description_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.OUTPUT", (32, 48))
    way = Described("mine", "32-true", description=DESCRIPTION)
    network = way.build({})
    lr = torch.rand(1, 3, 16, 24)
    deployed = way.deployed(network, lr)
    assert not [name for name, _ in deployed.named_modules() if name.endswith("attention")]
    torch.testing.assert_close(deployed(lr), network(lr), rtol=1e-4, atol=1e-5)
    Task({}, batch=0).work(way)()
    assert len({way, Described("mine", "32-true", description=DESCRIPTION), Way("mine", "32-true")}) == 2


def test_a_network_of_a_strangers_code_is_not_built() -> None:
    stranger = {**DESCRIPTION, "conv": {"_target_": "subprocess.run", "_partial_": True}}
    with pytest.raises(NetworkError, match="outside the trusted packages"):
        Described("theirs", description=stranger).build({})
