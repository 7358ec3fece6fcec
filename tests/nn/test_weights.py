"""Networks in files: saved and loaded, and what strangers' files may not do."""

import copy
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from aldsr.nn import RDN, BicubicUpscale, StandardBlock
from aldsr.nn.description import NetworkError, build
from aldsr.nn.weights import check_network, check_resumable, load_network, load_state
from tests.nn.conftest import description, same_state, save

BLOCKS = ["StandardBlock", "DWBlock", "LDWBlock", "ALDBlock"]


@pytest.fixture(params=["last.ckpt", "weights.safetensors"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Of a file of each kind, which is not there yet."""
    return tmp_path / request.param


def refused(path: Path, match: str | None = None) -> None:
    """Loading raises one sentence that begins with the file, without advice to run a stranger's code."""
    with pytest.raises(NetworkError, match=match) as error:
        load_network(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert not [each for each in ("\n", "\x1b", "weights_only") if each in message]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_loaded_network_gives_identical_outputs(block: str, path: Path) -> None:
    network = build(description(block)).to(memory_format=torch.channels_last)
    save(path, network, description(block))
    loaded, described = load_network(path)
    image = torch.rand(1, 3, 9, 7)
    assert described == description(block)
    assert same_state(loaded, network)
    torch.testing.assert_close(loaded(image), network(image), rtol=1e-5, atol=1e-6)


def test_a_missing_file_or_a_folder_is_named(path: Path) -> None:
    refused(path, "no such")
    path.mkdir()
    refused(path, "a folder without")


def test_a_file_of_something_else_or_cut_short_is_named(path: Path) -> None:
    whole = save(path, build(description()), description()).read_bytes()
    parts = [whole[: len(whole) // 10], whole[: len(whole) // 2], whole[:-10]]
    no_tensors = b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "
    for content in (b"these are no weights\n", b"", b"PK\x03\x04", bytes(range(256)), no_tensors, *parts):
        path.write_bytes(content)
        refused(path)


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_code_in_a_pickle_does_not_run(write: Callable[[Any, Path], object], tmp_path: Path) -> None:
    path, victim = tmp_path / "stranger.ckpt", tmp_path / "executed"
    write({"network": description(), "state_dict": {}, "extra": Touch(victim)}, path)
    refused(path, "not a readable checkpoint")
    assert not victim.exists()
    pickle.loads(pickle.dumps(Touch(victim)))
    assert victim.exists()  # the trap works


def test_nothing_is_executed_through_the_loaders_own_functions(path: Path, tmp_path: Path) -> None:
    """A description that feeds `build` itself a second description, with everything allowed."""
    victim = tmp_path / "executed"
    inner = json.dumps({"_target_": "os.system", "command": f"touch {victim}"})
    described = {
        "_target_": "aldsr.nn.description.build",
        "description": {"_target_": "aldsr.nn.weights.json.loads", "s": inner},
        "allow_code": None,
    }
    save(path, nn.Identity(), described)
    with pytest.raises(NetworkError, match=r"aldsr\.nn\.weights\.json\.loads"):
        load_network(path)
    assert not victim.exists()


@pytest.mark.parametrize(
    "content", [{"state_dict": {}}, {"network": {}}, [1], {"network": {}, "state_dict": {"SFE1.bias": 3}}]
)
def test_a_checkpoint_without_description_or_weights_is_named(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.ckpt")
    refused(tmp_path / "other.ckpt", "not one of aldsr")


@pytest.mark.parametrize(
    "described", [{"_target_": "aldsr.nn.average", "_partial_": True}, {"scale": 2}, {}, "RDN", [1]]
)
def test_a_description_of_something_else_than_a_network_is_refused(described: Any, path: Path) -> None:
    save(path, nn.Identity(), described)
    refused(path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"SFE2.bias": None}, "lacks 'SFE2.bias'"),
        ({"SFE9.bias": torch.zeros(4)}, "has 'SFE9.bias', which the network lacks"),
        ({"SFE2.bias": torch.zeros(5)}, "'SFE2.bias' is (5,), the network's is (4,)"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_leave_the_network_as_it_was(change: Any, fault: str) -> None:
    network = build(description())
    before = copy.deepcopy(network)
    state = {key: value for key, value in (build(description()).state_dict() | change).items() if value is not None}
    with pytest.raises(NetworkError, match=re.escape(fault)):
        load_state(network, state, "donor")
    assert same_state(network, before)


def test_weights_of_another_network_are_refused(path: Path) -> None:
    save(path, build(description(scale=3)), description(scale=2))
    refused(path, r"'UPNet\.0\.\w+' is ")


def test_a_network_with_a_wrong_output_or_channels_that_do_not_fit_is_refused() -> None:
    check_network(BicubicUpscale(scale=3), 3)
    with pytest.raises(NetworkError, match=r"\(1, 3, 16, 16\) .*scale 4"):
        check_network(build(description(scale=2)), 4)
    with pytest.raises(NetworkError, match=r"\(1, 1, 16, 16\)"):  # gray
        check_network(nn.Sequential(BicubicUpscale(scale=2), nn.Conv2d(3, 1, 1)), 2)
    broken = RDN(conv=lambda inputs, outputs: StandardBlock(inputs, outputs + 1), D=1, C=2, G=4, G0=4)
    with pytest.raises(NetworkError, match="fails"):
        check_network(broken, 4)


def test_resuming_loads_the_weights_of_the_same_network_only(tmp_path: Path) -> None:
    donor, network = build(description()), build(description())
    path = save(tmp_path / "last.ckpt", donor, description())
    check_resumable(path, network, description())
    assert same_state(network, donor)
    zero = description()["conv"] | {"descriptor": {"_target_": "aldsr.nn.descriptors.zero"}}
    for ours in (description(C=3, scale=4, G0=8), description(conv=zero)):
        with pytest.raises(NetworkError, match=f"^{path}: "):
            check_resumable(path, nn.Identity(), ours)
