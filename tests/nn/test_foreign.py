"""Networks and weights of others."""

import json
import sys
from collections import OrderedDict
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from aldsr.evaluation.inference import Inference
from aldsr.nn import External, deployed, fold
from aldsr.nn.description import NetworkError, build, deployed_description
from aldsr.nn.foreign import describe_with_spandrel, read_state_dict, read_weights_of
from aldsr.nn.weights import load_network, load_state, write_weights
from tests.otherlab import odd

ODD = "tests.otherlab.odd"
STATE = {"head.weight": torch.ones(2), "tail.bias": torch.zeros(3)}


def under(prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in STATE.items()}


@pytest.mark.parametrize(
    "content",
    [
        OrderedDict(STATE),
        {"params": STATE},
        {"params": under("x."), "params_ema": STATE},
        {"state_dict": under("module."), "epoch": 3},
        {"model": {"state_dict": under("_orig_mod.module.")}, "optimizer": {"lr": 1}},
        under("network."),
    ],
)
def test_weights_are_found_in_what_training_code_wraps_them_in(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    assert list(read_state_dict(tmp_path / "w.pth")) == list(STATE)


def test_weights_of_a_safetensors_file(tmp_path: Path) -> None:
    save_file(under("module."), tmp_path / "w.safetensors")
    torch.testing.assert_close(read_state_dict(tmp_path / "w.safetensors"), STATE)


def test_a_file_without_weights_is_named_and_never_run(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    with pytest.raises(NetworkError, match=r"w\.pth"):
        read_state_dict(file)
    for content in (nn.Linear(1, 1), {"epoch": 3, "lr": 0.1}, [torch.ones(2)], {}):
        torch.save(content, file)
        with pytest.raises(NetworkError, match=r"w\.pth"):
            read_state_dict(file)
    file.write_bytes(b"PK\x03\x04")
    with pytest.raises(NetworkError, match=r"w\.pth"):
        read_state_dict(file)


# Networks of others


def wrap(name: str, **options: Any) -> External:
    network = build({"_target_": f"{ODD}.{name}"}, [ODD])
    return External(network=network, scale=2, **options)


def plain(x: Tensor) -> Tensor:
    """What all of `odd` compute."""
    return nn.functional.interpolate(x * 0.5 + 0.1, scale_factor=2)


@pytest.mark.parametrize("size", [(1, 1, 3, 19), (2, 1, 8, 16), (1, 1, 1, 1)])
def test_a_network_whose_sides_must_divide_sees_a_reflected_border_that_is_cropped(size: tuple[int, ...]) -> None:
    x = torch.rand(size).expand(-1, 3, -1, -1)
    torch.testing.assert_close(wrap("Windows", multiple_of=8)(x), plain(x))
    torch.testing.assert_close(wrap("Windows", multiple_of=8, minimum=17)(x), plain(x))
    seen: list[Tensor] = []
    network = wrap("Repeat", multiple_of=4, minimum=5)
    network.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.arange(7.0).expand(1, 3, 3, 7))
    assert seen[0].shape == (1, 3, 8, 8)
    assert seen[0][0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 5]


def test_range_and_order_of_channels_are_the_networks_own() -> None:
    x = torch.rand(1, 3, 4, 5)
    colours = torch.tensor([0.6, 0.4, 0.2]).view(3, 1, 1)  # R, G, B
    torch.testing.assert_close(wrap("Bytes", value_range=255, channel_order="bgr")(x), plain(x) * colours)


def test_a_network_that_fails_on_channels_last_tensors_may_have_its_layout() -> None:
    x = torch.rand(1, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    with pytest.raises(NetworkError, match="layout=contiguous"):
        wrap("View")(x)
    torch.testing.assert_close(wrap("View", layout="contiguous").to(memory_format=torch.channels_last)(x), plain(x))


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("Several", {}, "list"),
        ("Windows", {}, "multiple_of"),
        ("Windows", {"multiple_of": 6}, "12x12"),
        ("Repeat", {"value_range": 2}, "value_range=2"),
        ("Repeat", {"multiple_of": 0}, "multiple_of=0"),
        ("settings", {}, "dict"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, options: dict[str, Any], named: str) -> None:
    with pytest.raises(NetworkError, match=named):
        wrap(name, **options)(torch.rand(1, 3, 9, 9))
    with pytest.raises(NetworkError, match=r"\(1, 3, 18, 18\)"):
        External(network=build({"_target_": f"{ODD}.Repeat"}, [ODD]), scale=3)(torch.rand(1, 3, 9, 9))


def test_half_precision_is_refused_where_it_is_not_safe() -> None:
    Inference(wrap("Repeat"), precision="bf16-mixed")
    for unsafe in (wrap("Repeat", half=False), deployed(network=wrap("Repeat", half=False))):
        with pytest.raises(NetworkError, match="bf16-mixed"):
            Inference(unsafe, precision="bf16-mixed")


def test_weights_that_do_not_fit_name_what_is_missing_and_what_is_too_much(tmp_path: Path) -> None:
    torch.save({"module.gain": torch.ones(()), "module.extra": torch.ones(2)}, tmp_path / "w.pth")
    network = wrap("Repeat").network
    with pytest.raises(NetworkError, match=r"w\.pth.*'extra'.*'bias'"):
        load_state(network, read_weights_of(network, tmp_path / "w.pth"), tmp_path / "w.pth")


def test_names_that_a_network_and_its_file_both_begin_with_are_kept(tmp_path: Path) -> None:
    network = nn.ModuleDict({"model": nn.Linear(1, 1)})
    for prefix in ("", "module."):
        torch.save({f"{prefix}{key}": value for key, value in network.state_dict().items()}, tmp_path / "w.pth")
        assert list(read_weights_of(network, tmp_path / "w.pth")) == list(network.state_dict())


def test_blocks_of_aldsr_within_it_are_folded_and_the_description_says_so(tmp_path: Path) -> None:
    block = {"_target_": "aldsr.nn.ALDBlock", "_partial_": True}
    inner = {"_target_": "aldsr.nn.IMDN", "scale": 2, "nf": 16, "num_modules": 1, "conv": block}
    described = {"_target_": "aldsr.nn.External", "scale": 2, "network": inner}
    network = build(described).eval()
    described = deployed_description(described, network)
    write_weights(tmp_path / "w.safetensors", fold(network), described)
    x = torch.rand(1, 3, 9, 9)
    torch.testing.assert_close(load_network(tmp_path / "w.safetensors")[0](x), network(x))


# What spandrel recognises, as its public interface has it


class Descriptor:
    """Its ImageModelDescriptor."""

    def __init__(self, model: nn.Module, square: bool = False) -> None:
        self.model, self.scale, self.input_channels, self.output_channels = model, 2, 3, 3
        self.size_requirements = SimpleNamespace(minimum=0, multiple_of=8, square=square)
        self.supports_half, self.supports_bfloat16 = False, True
        self.architecture = SimpleNamespace(name="Windows")


@pytest.fixture
def spandrel(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stand-in for the package, with a class of its own; `spandrel.found` is what its loader gives."""
    package, module = ModuleType("spandrel"), ModuleType("spandrel.archs")
    module.Windows = type("Windows", (odd.Windows,), {"__module__": "spandrel.archs"})  # type: ignore[attr-defined]
    package.__spec__ = ModuleSpec("spandrel", None)
    stand_in: Any = package
    stand_in.found, stand_in.ImageModelDescriptor = Descriptor(module.Windows()), Descriptor
    stand_in.ModelLoader = lambda: SimpleNamespace(load_from_file=lambda path: stand_in.found)
    monkeypatch.setitem(sys.modules, "spandrel", package)
    monkeypatch.setitem(sys.modules, "spandrel.archs", module)
    return package


def test_spandrel_tells_class_arguments_scale_and_sizes(spandrel: Any) -> None:
    described = describe_with_spandrel("w.pth")
    assert described["network"] == {"_target_": "spandrel.archs.Windows", "scale": 2}  # no class, no constant
    assert (described["scale"], described["multiple_of"], described["minimum"], described["half"]) == (2, 8, 1, False)
    network = build(json.loads(json.dumps(described)), ["spandrel"])
    load_state(network.network, read_weights_of(network.network, "w.pth"), "w.pth")
    x = torch.rand(1, 3, 9, 11)
    torch.testing.assert_close(network(x), plain(x))
    with pytest.raises(NetworkError, match=r"allow_code=\[spandrel\]"):
        build(described)


def test_what_spandrel_recognises_and_cannot_be_used_is_named(spandrel: Any) -> None:
    model = spandrel.found.model
    spandrel.found = Descriptor(model, square=True)
    with pytest.raises(NetworkError, match=r"w\.pth.*Windows"):
        describe_with_spandrel("w.pth")
    model.hyperparameters["activation"] = nn.ReLU
    spandrel.found = Descriptor(model)
    with pytest.raises(NetworkError, match="arguments of Windows"):
        describe_with_spandrel("w.pth")
    spandrel.ModelLoader = None
    with pytest.raises(NetworkError, match=r"w\.pth"):
        describe_with_spandrel("w.pth")


def test_without_spandrel_weights_alone_are_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.nn.foreign.find_spec", lambda name: None)
    with pytest.raises(NetworkError, match=r"external\.target"):
        describe_with_spandrel("w.pth")
