"""Networks in files: saved and loaded, and what strangers' files may not do."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aldsr.nn import RDN, BicubicUpscale, StandardBlock
from aldsr.nn.description import NetworkError, build
from aldsr.nn.weights import (
    check_network,
    check_resumable,
    load_checkpoint,
    load_network,
    load_state,
    pack_weights,
    read_weights,
)
from tests.nn.conftest import description


def save(path: Path, network: nn.Module, described: Any, state: Any = None) -> Path:
    """A checkpoint such as training writes: the network is one part of a larger module."""
    if state is None:
        state = {f"network.{key}": value for key, value in network.state_dict().items()}
    torch.save({"network": described, "state_dict": state, "epoch": 3}, path)
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save(tmp_path / "last.ckpt", build(description()), description())


def one_line_naming(error: pytest.ExceptionInfo[NetworkError], path: Path) -> bool:
    message = str(error.value)
    return message.startswith(f"{path}: ") and "\n" not in message


# load_checkpoint


def test_nothing_is_executed_through_the_loaders_own_functions(tmp_path: Path) -> None:
    """A description that feeds `build` itself a second description, with the trust switched off."""
    victim = tmp_path / "executed"
    inner = {"network._target_": "os.system", "network.command": f"touch {victim}"}
    described = {
        "_target_": "aldsr.nn.description.build",
        "description": {"_target_": "aldsr.nn.weights.network_state", "checkpoint": {"state_dict": inner}},
        "trusted": None,
    }
    path = save(tmp_path / "stranger.ckpt", nn.Identity(), described)
    with pytest.raises(NetworkError):
        load_checkpoint(path)
    assert not victim.exists()


def test_users_block_loads_once_its_package_is_trusted(users_module: str, tmp_path: Path) -> None:
    described = description(conv={"_target_": f"{users_module}.Plain", "_partial_": True})
    path = save(tmp_path / "mine.ckpt", build(described, None), described)
    with pytest.raises(NetworkError, match="outside the trusted packages"):
        load_checkpoint(path)
    network, _ = load_checkpoint(path, trusted=["aldsr.nn", users_module])
    assert type(network.RDBs[0].layers[0]).__name__ == "Plain"  # type: ignore[union-attr, index]


@pytest.mark.parametrize("block", ["StandardBlock", "DWBlock", "LDWBlock", "ALDBlock"])
def test_loaded_network_gives_identical_outputs(block: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, x = build(description(block)), torch.rand(1, 3, 6, 5)
    path = save(tmp_path / "last.ckpt", network, description(block))
    torch.manual_seed(1)
    loaded, described = load_checkpoint(path)
    assert torch.equal(loaded(x), network(x))
    assert described == description(block)


def test_weights_of_other_parts_of_the_module_are_left_out(tmp_path: Path) -> None:
    network = build(description())
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    path = save(tmp_path / "last.ckpt", network, description(), state | {"loss.weight": torch.ones(1)})
    loaded, _ = load_checkpoint(path)
    assert loaded.state_dict().keys() == network.state_dict().keys()


def test_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent.ckpt"
    for place in (path, tmp_path):  # a folder is no file either
        with pytest.raises(NetworkError, match="no such checkpoint file") as error:
            load_checkpoint(place)
        assert one_line_naming(error, place)


@pytest.mark.parametrize(
    "content",
    [b"these are no weights\n", b"", b"PK\x03\x04", bytes(range(256))],
    ids=["text", "empty", "half an archive", "noise"],
)
def test_file_that_is_no_checkpoint_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(NetworkError, match="not a readable checkpoint") as error:
        load_checkpoint(path)
    assert one_line_naming(error, path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_truncated_checkpoint_is_named(part: float, checkpoint: Path) -> None:
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(NetworkError, match="not a readable checkpoint") as error:
        load_checkpoint(checkpoint)
    assert one_line_naming(error, checkpoint)


class Touch:
    """Unpickled, it would make a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_pickle_does_not_run(legacy: bool, tmp_path: Path) -> None:
    path, victim = tmp_path / "stranger.ckpt", tmp_path / "executed"
    content = {"network": description(), "state_dict": {}, "extra": Touch(victim)}
    if legacy:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(NetworkError, match="not a readable checkpoint") as error:
        load_checkpoint(path)
    assert one_line_naming(error, path)
    assert not victim.exists()
    torch.load(path, weights_only=False) if not legacy else pickle.loads(path.read_bytes())
    assert victim.exists()  # the trap works


@pytest.mark.parametrize("kind", ["noise", "pickled code", "half an archive"])
def test_message_on_an_unreadable_file_is_one_sentence_and_does_not_advise_to_run_its_code(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "stranger.ckpt"
    code = pickle.dumps(Touch(tmp_path / "executed"))
    path.write_bytes({"noise": bytes(range(256)), "pickled code": code, "half an archive": b"PK\x03\x04"}[kind])
    with pytest.raises(NetworkError) as error:
        load_checkpoint(path)
    message = str(error.value).removeprefix(f"{path}: ")
    assert "weights_only" not in message
    assert "\x1b" not in message
    assert ". " not in message


@pytest.mark.parametrize("content", [{"state_dict": {}}, {"network": {}}, [1, 2], torch.zeros(2), {"weight": 1}])
def test_checkpoint_without_description_or_weights_is_named(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    torch.save(content, path)
    with pytest.raises(NetworkError, match="not one of aldsr") as error:
        load_checkpoint(path)
    assert one_line_naming(error, path)


@pytest.mark.parametrize(
    ("described", "kind"),
    [
        ({"_target_": "aldsr.nn.average", "_partial_": True}, "partial"),
        ({"_target_": "aldsr.nn.ALDBlock", "_partial_": True}, "partial"),
        ({"scale": 2}, "dict"),
        ({}, "dict"),
    ],
)
def test_description_of_something_else_than_a_network_is_refused(described: Any, kind: str, tmp_path: Path) -> None:
    path = save(tmp_path / "other.ckpt", nn.Identity(), described)
    with pytest.raises(NetworkError, match=f"makes a {kind}, not a network") as error:
        load_checkpoint(path)
    assert one_line_naming(error, path)


@pytest.mark.parametrize(
    "described",
    ["aldsr.nn.RDN", ["aldsr.nn.RDN"], {"_target_": 3}, description(G=-1)],
    ids=["text", "list", "number for a name", "negative width"],
)
def test_malformed_description_is_a_network_error(described: Any, tmp_path: Path) -> None:
    path = save(tmp_path / "other.ckpt", build(description()), described)
    with pytest.raises(NetworkError):
        load_checkpoint(path)


@pytest.mark.parametrize("kind", ["a list", "numbers for tensors"])
def test_malformed_weights_are_a_network_error(kind: str, tmp_path: Path) -> None:
    network = build(description())
    state = [1] if kind == "a list" else dict.fromkeys((f"network.{key}" for key in network.state_dict()), 3)
    path = save(tmp_path / "other.ckpt", network, description(), state)
    with pytest.raises(NetworkError):
        load_checkpoint(path)


def changed_state(network: nn.Module, fault: str) -> dict[str, Tensor]:
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    if fault == "lacks 'SFE2.bias'":
        del state["network.SFE2.bias"]
    elif fault == "has 'SFE9.bias', which the network lacks":
        state["network.SFE9.bias"] = torch.zeros(4)
    else:
        state["network.SFE2.bias"] = torch.zeros(5)
    return state


FAULTS = [
    "lacks 'SFE2.bias'",
    "has 'SFE9.bias', which the network lacks",
    "'SFE2.bias' is (5,), the network's is (4,)",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_do_not_fit_are_refused_naming_the_first(fault: str, tmp_path: Path) -> None:
    network = build(description())
    path = save(tmp_path / "last.ckpt", network, description(), changed_state(network, fault))
    with pytest.raises(NetworkError, match=r"another network \(1 differences\)") as error:
        load_checkpoint(path)
    assert fault in str(error.value)
    assert one_line_naming(error, path)


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_do_not_fit_leave_the_network_as_it_was(fault: str) -> None:
    donor, network = build(description()), build(description())
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = {key.removeprefix("network."): value for key, value in changed_state(donor, fault).items()}
    with pytest.raises(NetworkError, match=r"^donor: "):
        load_state(network, state, "donor")
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_weights_of_another_scale_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "last.ckpt", build(description(scale=3)), description(scale=2))
    with pytest.raises(NetworkError, match=r"'UPNet\.0\.\w+' is "):
        load_checkpoint(path)


# check_network


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_check_network_passes_what_makes_the_right_size(scale: int) -> None:
    check_network(build(description(scale=scale)), scale)
    check_network(BicubicUpscale(scale=scale), scale)


def test_check_network_refuses_a_wrong_output_size_and_says_it() -> None:
    with pytest.raises(NetworkError, match=r"makes \(1, 3, 16, 16\) of an 8x8 picture at scale 4"):
        check_network(build(description(scale=2)), 4)
    with pytest.raises(NetworkError, match=r"makes \(1, 1, 16, 16\)"):  # gray
        check_network(nn.Sequential(BicubicUpscale(scale=2), nn.Conv2d(3, 1, 1)), 2)


def test_check_network_refuses_a_block_whose_channels_do_not_fit() -> None:
    broken = RDN(conv=lambda inputs, outputs: StandardBlock(inputs, outputs + 1), D=1, C=2, G=4, G0=4)
    with pytest.raises(NetworkError, match="fails on an 8x8 picture: "):
        check_network(broken, 4)


def test_check_network_leaves_no_gradients() -> None:
    network = build(description())
    check_network(network, 2)
    assert all(parameter.grad is None for parameter in network.parameters())


# check_resumable


def test_resuming_the_same_network_is_allowed(checkpoint: Path) -> None:
    network = build(description())
    check_resumable(checkpoint, network, description())
    loaded, _ = load_checkpoint(checkpoint)
    ours, theirs = network.state_dict(), loaded.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize(
    ("ours", "difference"),
    [
        (description(C=3), "its model.C is 2, this run's is 3"),
        (description(C=3, scale=4, G0=8), "its model.C is 2, this run's is 3"),  # the first of three
        (
            description("LDWBlock"),
            "its model.conv._target_ is aldsr.nn.ALDBlock, this run's is aldsr.nn.LDWBlock",
        ),
        (description(residual="bicubic"), "its model.residual is None, this run's is bicubic"),
        (
            description(conv=description()["conv"] | {"descriptor": {"_target_": "aldsr.nn.zero"}}),
            "its model.conv.descriptor._target_ is None, this run's is aldsr.nn.zero",
        ),
    ],
)
def test_resuming_another_network_is_refused_naming_the_first_difference(
    ours: dict[str, Any], difference: str, checkpoint: Path
) -> None:
    with pytest.raises(NetworkError) as error:
        check_resumable(checkpoint, nn.Identity(), ours)
    assert difference in str(error.value)
    assert one_line_naming(error, checkpoint)


def test_resuming_from_other_weights_of_the_same_description_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "last.ckpt", build(description(C=1)), description())
    with pytest.raises(NetworkError, match=r"lacks 'RDBs\.0\.|has 'RDBs\.0\.|is \("):
        check_resumable(path, build(description()), description())


def test_resuming_from_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no such checkpoint file"):
        check_resumable(tmp_path / "absent.ckpt", nn.Identity(), description())


# Weights files


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    path.write_bytes(pack_weights(build(description()), description()))
    return path


@pytest.mark.parametrize("block", ["StandardBlock", "ALDBlock"])
def test_a_weights_file_gives_the_network_back(block: str, tmp_path: Path) -> None:
    network, path = build(description(block)), tmp_path / "net.safetensors"
    path.write_bytes(pack_weights(network, description(block)))
    loaded, described = load_network(path)
    image = torch.rand(1, 3, 9, 7)
    assert described == description(block)
    assert torch.equal(loaded(image), network(image))


def test_load_network_takes_checkpoints_too(checkpoint: Path) -> None:
    assert load_network(checkpoint)[1] == description()


def test_channels_last_weights_are_written_as_they_are(tmp_path: Path) -> None:
    network = build(description("StandardBlock")).to(memory_format=torch.channels_last)
    path = tmp_path / "net.safetensors"
    path.write_bytes(pack_weights(network, description("StandardBlock")))
    assert torch.equal(read_weights(path)[1]["SFE1.weight"], network.SFE1.weight)


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_file_that_holds_no_weights_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(NetworkError) as error:
        load_network(path)
    assert one_line_naming(error, path)


def test_a_truncated_weights_file_is_named(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(NetworkError) as error:
        load_network(weights)
    assert one_line_naming(error, weights)


def test_an_absent_weights_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no such weights file"):
        load_network(tmp_path / "net.safetensors")


def test_a_weights_file_may_not_name_anything_but_networks(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(pack_weights(nn.Identity(), {"_target_": "os.system"}))
    with pytest.raises(NetworkError, match="outside the trusted packages"):
        load_network(path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(pack_weights(build(description(D=2)), description(D=1)))
    with pytest.raises(NetworkError, match="these weights are of another network"):
        load_network(path)
