"""The deployed form: folded always, collapsed where a measurement says so, and the same function in a file."""

import copy
import importlib
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aldsr.nn import ALDBlock, DWBlock, LDWBlock, StandardBlock, deploy, deployed
from aldsr.nn.description import NetworkError, build, deployed_description, label, scale_of
from aldsr.nn.weights import load_network
from tests.nn.conftest import description, network_of, same_state, save

FIRST, SECOND = "RDBs.0.layers.0", "RDBs.0.layers.1"  # of the kinds 4→4 and 8→4
MODULE = importlib.import_module("aldsr.nn.deployment")


def decide(monkeypatch: pytest.MonkeyPatch, *winners: str) -> list[str]:
    """Let these be faster collapsed, of "4→4", "8→4" and "network"; what is timed is written down in the result."""
    timed: list[str] = []

    def is_faster(collapsed: nn.Module, folded: nn.Module, x: Tensor) -> bool:
        timed.append("network" if x.shape[1] == 3 else f"{x.shape[1]}→4")
        assert x.shape[-2:] == (6, 5)
        ours, theirs = collapsed(x), folded(x)
        assert not theirs.requires_grad
        assert theirs.dtype == ours.dtype == (torch.bfloat16 if torch.is_autocast_enabled("cpu") else x.dtype)
        torch.testing.assert_close(theirs.float(), ours.float(), rtol=5e-2, atol=5e-2)
        return timed[-1] in winners

    monkeypatch.setattr(MODULE, "is_faster", is_faster)
    return timed


def lr() -> Tensor:
    return torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(0))


def kinds(network: nn.Module) -> list[type[nn.Module]]:
    return [type(network.get_submodule(path)) for path in (FIRST, SECOND)]


def same_output(ours: nn.Module, theirs: nn.Module) -> None:
    with torch.no_grad():
        torch.testing.assert_close(ours(lr()), theirs(lr()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("winners", "collapsed"),
    [
        ([], []),
        (["4→4", "network"], [FIRST]),
        (["8→4", "network"], [SECOND]),
        (["4→4", "8→4"], []),  # which would be slower as a whole
        (["4→4", "8→4", "network"], [FIRST, SECOND]),
    ],
)
@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_what_is_faster_collapsed_is_collapsed(
    winners: list[str], collapsed: list[str], dtype: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, network = decide(monkeypatch, *winners), network_of().train()
    before = copy.deepcopy(network)
    result = deploy(network, lr=lr(), dtype=dtype)
    timed = ["4→4", "8→4", *(["network"] if winners else [])]  # the whole one only where a block is faster
    assert (result.collapsed, log) == (collapsed, timed)
    assert kinds(result.network) == [StandardBlock if each in collapsed else LDWBlock for each in (FIRST, SECOND)]
    same_output(result.network, network)  # exact in whatever type it was timed
    assert not any(module.training for module in result.network.modules())
    assert all(module.training for module in network.modules())
    assert kinds(network) == [ALDBlock, ALDBlock]
    assert same_state(network, before)
    assert all(parameter.is_contiguous() for parameter in network.parameters())


@pytest.mark.parametrize("block", [StandardBlock, DWBlock])
def test_blocks_that_are_not_linear_are_left_and_not_timed(
    block: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = decide(monkeypatch, "4→4", "8→4", "network")
    result = deploy(network_of(block.__name__), lr=lr())
    assert (result.collapsed, timed) == ([], [])
    assert kinds(result.network) == [block, block]


class Slow(nn.Identity):
    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0.02)
        return x


def test_seconds_decide_what_is_faster() -> None:
    assert MODULE.is_faster(nn.Identity(), Slow(), lr())
    assert not MODULE.is_faster(Slow(), nn.Identity(), lr())
    assert deploy(network_of(), lr=lr()).collapsed in ([], [FIRST], [SECOND], [FIRST, SECOND])


@pytest.mark.parametrize(
    ("block", "plain", "collapsed"),
    [
        ("ALDBlock", "LDWBlock", []),
        ("ALDBlock", "LDWBlock", [SECOND]),
        ("LDWBlock", "LDWBlock", [FIRST, SECOND]),
        ("DWBlock", "DWBlock", []),
    ],
)
def test_a_deployed_network_comes_back_from_its_file(
    block: str, plain: str, collapsed: list[str], tmp_path: Path
) -> None:
    size: dict[str, Any] = {"scale": 3, "residual": "bicubic"}
    conv, folded = (description(each)["conv"] | {"kernel_size": 5} for each in (block, plain))
    if block == "ALDBlock":
        conv |= {"reduction": 2, "descriptor": {"_target_": "aldsr.nn.average", "_partial_": True}}
    network = network_of(conv=conv, **size)
    form = deployed(network=network, collapsed=collapsed)
    described = deployed_description(description(conv=conv, **size), network, collapsed)
    expected = description(conv=folded, **size)
    named = "ALD-RDN (5x5, folded)" if block == "ALDBlock" else f"{block.removesuffix('Block')}-RDN"
    if block == "ALDBlock":  # what it was made of
        expected["_label_"] = named
    if collapsed:
        expected = {"_target_": "aldsr.nn.deployed", "network": expected, "collapsed": collapsed}
    assert described == expected
    loaded, read = load_network(save(tmp_path / "deployed.safetensors", form, described))
    assert read == described
    assert kinds(loaded) == kinds(form)
    same_output(loaded, network)
    assert (label(read), scale_of(read)) == (named, 3)


def test_a_network_can_be_deployed_twice() -> None:
    once = deployed_description(description(), network_of(), [FIRST])
    twice = deployed_description(once, build(once), [SECOND])
    assert (label(twice), scale_of(twice)) == ("ALD-RDN (folded)", 2)
    assert kinds(build(twice)) == [StandardBlock, StandardBlock]


@pytest.mark.parametrize(("block", "place"), [("LDWBlock", "RDBs.7"), ("LDWBlock", "SFE1"), ("DWBlock", FIRST)])
def test_a_file_that_collapses_what_it_cannot_is_refused(block: str, place: str) -> None:
    with pytest.raises(NetworkError, match=r"aldsr\.nn\.deployed: "):
        build({"_target_": "aldsr.nn.deployed", "network": description(block), "collapsed": [place]})
