"""The deployed form: folded always, collapsed where a measurement says so, and the same function in a file."""

import copy
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aldsr.nn import ALDBlock, Deployment, DWBlock, LDWBlock, StandardBlock, deploy, deployed
from aldsr.nn.deployment import described
from aldsr.nn.description import NetworkError, build, label, scale_of
from aldsr.nn.weights import load_network, pack_weights
from tests.nn.conftest import description

FIRST, SECOND = "RDBs.0.layers.0", "RDBs.0.layers.1"  # of the kinds 4→4 and 8→4
MODULE = importlib.import_module("aldsr.nn.deployment")  # as an attribute of the package, the function hides it
CASTING: list[torch.dtype | None] = [None, torch.bfloat16]


def decided(monkeypatch: pytest.MonkeyPatch, *winners: str) -> list[str]:
    """Let these be faster collapsed, of "4→4", "8→4" and "network"; what is raced is written down in the result."""
    raced: list[str] = []

    def race(candidates: Mapping[str, nn.Module], x: Tensor) -> dict[str, float]:
        kind = "network" if x.shape[1] == 3 else f"{x.shape[1]}→4"
        raced.append(kind)
        assert list(candidates) == ["folded", "collapsed"]
        assert x.shape[-2:] == (6, 5)
        torch.testing.assert_close(*(each(x).float() for each in candidates.values()), rtol=5e-2, atol=5e-2)
        return {"folded": 2.0, "collapsed": 1.0 if kind in winners else 3.0}

    monkeypatch.setattr(MODULE, "_race", race)
    return raced


def network_of(block: str = "ALDBlock", **options: Any) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = build(description(block, **options))
    for module in network.modules():
        if isinstance(module, ALDBlock):
            nn.init.normal_(module.attention.excite.bias)
    return network


def lr() -> Tensor:
    return torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(0))


def kinds(network: nn.Module) -> list[type[nn.Module]]:
    return [type(network.get_submodule(path)) for path in (FIRST, SECOND)]


def same_output(ours: nn.Module, theirs: nn.Module) -> None:
    with torch.no_grad():
        torch.testing.assert_close(ours(lr()), theirs(lr()), rtol=1e-5, atol=1e-5)


# deploy


def test_where_folded_is_always_faster_nothing_is_collapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    raced, network = decided(monkeypatch), network_of()
    found = deploy(network, lr=lr())
    assert found.collapsed == []
    assert kinds(found.network) == [LDWBlock, LDWBlock]
    assert found.measured == {kind: {"folded": 2.0, "collapsed": 3.0} for kind in ("4→4", "8→4")}
    assert raced == ["4→4", "8→4"]  # the whole network need not be measured
    same_output(found.network, network)


@pytest.mark.parametrize(("winner", "path"), [("4→4", FIRST), ("8→4", SECOND)])
def test_kind_that_is_faster_collapsed_is_collapsed(winner: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raced, network = decided(monkeypatch, winner, "network"), network_of()
    found = deploy(network, lr=lr())
    assert found.collapsed == [path]
    assert [kind is StandardBlock for kind in kinds(found.network)] == [path == FIRST, path == SECOND]
    assert raced == ["4→4", "8→4", "network"]
    assert list(found.measured) == raced
    same_output(found.network, network)


def test_every_block_of_a_kind_is_collapsed_by_one_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    raced, network = decided(monkeypatch, "4→4", "network"), network_of(D=3)
    found = deploy(network, lr=lr())
    assert found.collapsed == [f"RDBs.{d}.layers.0" for d in range(3)]
    assert raced == ["4→4", "8→4", "network"]
    same_output(found.network, network)


def test_blocks_that_make_the_whole_network_slower_are_not_collapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, "4→4", "8→4")
    network = network_of()
    found = deploy(network, lr=lr())
    assert found.collapsed == []
    assert kinds(found.network) == [LDWBlock, LDWBlock]
    assert found.measured["network"] == {"folded": 2.0, "collapsed": 3.0}
    same_output(found.network, network)


@pytest.mark.parametrize(("block", "kind"), [("StandardBlock", StandardBlock), ("DWBlock", DWBlock)])
def test_blocks_that_are_not_linear_are_left_and_not_measured(
    block: str, kind: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    raced, network = decided(monkeypatch, "4→4", "8→4", "network"), network_of(block)
    found = deploy(network, lr=lr())
    assert (found.collapsed, found.measured, raced) == ([], {}, [])
    assert kinds(found.network) == [kind, kind]
    same_output(found.network, network)


@pytest.mark.parametrize("dtype", CASTING)
def test_candidates_run_under_autocast_and_without_gradients(
    dtype: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def race(candidates: Mapping[str, nn.Module], x: Tensor) -> dict[str, float]:
        output = candidates["collapsed"](x)
        seen.append((output.dtype, output.requires_grad))
        return {"folded": 2.0, "collapsed": 1.0}

    monkeypatch.setattr(MODULE, "_race", race)
    deploy(network_of(), lr=lr(), dtype=dtype)
    assert seen == [(dtype or torch.float32, False)] * 3
    assert not torch.is_autocast_enabled("cpu")
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("winners", [[], ["4→4", "8→4"], ["4→4", "8→4", "network"]], ids=len)
@pytest.mark.parametrize("block", ["StandardBlock", "DWBlock", "LDWBlock", "ALDBlock"])
def test_the_network_itself_stays_as_it_is(block: str, winners: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    decided(monkeypatch, *winners)
    network = network_of(block).train()
    types, before = [type(module) for module in network.modules()], copy.deepcopy(network.state_dict())
    found = deploy(network, lr=lr()).network
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.add_(1)
    assert [type(module) for module in network.modules()] == types
    assert all(module.training for module in network.modules())
    assert not any(module.training for module in found.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.is_contiguous() for parameter in network.parameters())


@pytest.mark.parametrize("dtype", CASTING)
def test_a_real_race_decides_by_its_seconds(dtype: torch.dtype | None) -> None:
    network, layouts = network_of(), [parameter.stride() for parameter in network_of().parameters()]
    found = deploy(network, lr=lr(), dtype=dtype)
    assert isinstance(found, Deployment)
    assert found.measured.keys() >= {"4→4", "8→4"}
    assert all(seconds > 0 for times in found.measured.values() for seconds in times.values())
    faster = [kind for kind, times in found.measured.items() if times["collapsed"] < times["folded"]]
    expected = [path for kind, path in (("4→4", FIRST), ("8→4", SECOND)) if kind in faster]
    assert found.collapsed == (expected if "network" in faster else [])
    if dtype is None:
        same_output(found.network, network)
    assert [parameter.stride() for parameter in network.parameters()] == layouts


@pytest.mark.parametrize(
    "dtype",
    [None, torch.bfloat16],
)
def test_weights_of_the_form_are_exact_in_whatever_type_it_is_raced(
    dtype: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(monkeypatch, "4→4", "8→4", "network")
    network = network_of()
    found = deploy(network, lr=lr(), dtype=dtype)
    assert found.collapsed == [FIRST, SECOND]
    again = deployed(network=network, collapsed=found.collapsed).state_dict()
    for key, value in found.network.state_dict().items():
        torch.testing.assert_close(value, again[key], rtol=1e-6, atol=1e-7)


# deployed


@pytest.mark.parametrize("collapsed", [[], [FIRST], [SECOND], [FIRST, SECOND]], ids=len)
def test_a_choice_made_before_gives_the_same_form_again(collapsed: list[str]) -> None:
    network = network_of()
    form = deployed(network=network, collapsed=collapsed)
    chosen = [StandardBlock if path in collapsed else LDWBlock for path in (FIRST, SECOND)]
    assert kinds(form) == chosen
    assert kinds(network) == [ALDBlock, ALDBlock]
    same_output(form, network)


def test_without_a_choice_a_network_is_only_folded() -> None:
    assert kinds(deployed(network=network_of())) == [LDWBlock, LDWBlock]


# described, and its weights file


@pytest.mark.parametrize("winners", [["4→4", "network"], ["4→4", "8→4", "network"], []], ids=len)
@pytest.mark.parametrize(("block", "named"), [("ALDBlock", "LDW-RDN"), ("LDWBlock", "LDW-RDN"), ("DWBlock", "DW-RDN")])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_deployed_network_comes_back_from_its_file(
    block: str, named: str, kernel_size: int, winners: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(monkeypatch, *winners)
    conv = description(block)["conv"] | {"kernel_size": kernel_size}
    if block == "ALDBlock":
        conv |= {"reduction": 2, "descriptor": {"_target_": "aldsr.nn.average", "_partial_": True}}
    plain = description(block, conv=conv)
    network = network_of(block, conv=conv)
    found = deploy(network, lr=lr())
    written = described(plain, network, found.collapsed)
    path = tmp_path / "deployed.safetensors"
    path.write_bytes(pack_weights(found.network, written))

    loaded, read = load_network(path)
    assert read == written
    assert kinds(loaded) == kinds(found.network)
    same_output(loaded, network)
    assert (label(read), scale_of(read)) == (named, 2)


def test_description_of_a_deployed_network_says_which_blocks_are_collapsed() -> None:
    written = described(description(), network_of(), [SECOND])
    assert written == {"_target_": "aldsr.nn.deployed", "network": description("LDWBlock"), "collapsed": [SECOND]}


def test_description_of_a_folded_network_is_an_ldw_networks() -> None:
    assert described(description(), network_of()) == description("LDWBlock")


@pytest.mark.parametrize("block", ["StandardBlock", "DWBlock", "LDWBlock"])
def test_description_of_a_network_with_nothing_to_fold_stays(block: str) -> None:
    assert described(description(block), network_of(block)) == description(block)


def test_describing_leaves_the_description_as_it_is() -> None:
    plain = description()
    described(plain, network_of(), [FIRST])
    assert plain == description()


def test_other_options_of_the_network_are_kept_in_its_description() -> None:
    options = {"scale": 3, "residual": "bicubic"}
    written = described(description(**options), network_of(**options), [FIRST])
    assert written["network"] == description("LDWBlock", **options)
    assert scale_of(written) == 3


def test_network_that_is_deployed_twice_has_a_scale() -> None:
    once = described(description(), network_of(), [FIRST])
    twice = described(once, build(once), [SECOND])
    assert label(twice) == "LDW-RDN"
    assert kinds(build(twice)) == [StandardBlock, StandardBlock]
    assert scale_of(twice) == 2


@pytest.mark.parametrize("place", ["RDBs.7.layers.0", "nonsense", "SFE1"])
def test_file_that_collapses_what_is_not_there_is_refused_in_a_sentence(place: str) -> None:
    with pytest.raises(NetworkError):
        build({"_target_": "aldsr.nn.deployed", "network": description("LDWBlock"), "collapsed": [place]})


def test_file_that_collapses_what_is_not_linear_is_refused_in_a_sentence() -> None:
    with pytest.raises(NetworkError, match="cannot collapse"):
        build({"_target_": "aldsr.nn.deployed", "network": description("DWBlock"), "collapsed": [FIRST]})
