"""Networks as plain data: what a description makes, and what a stranger's may not name."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from aldsr.nn import RDN, ALDBlock, BicubicUpscale, LDWBlock, determinant, maximum, standardised
from aldsr.nn.description import NetworkError, build, flat, label
from aldsr.nn.weights import load_network, pack_weights
from tests.nn.conftest import description

# build


def test_build_makes_the_network_with_its_options() -> None:
    network = build(description(scale=3, residual="bicubic"))
    assert isinstance(network, RDN)
    assert network.scale == 3
    assert isinstance(network.upscale, BicubicUpscale)
    assert network.SFE2.weight.shape == (4, 4, 3, 3)
    assert [type(layer) for layer in network.get_submodule("RDBs.0.layers").children()] == [ALDBlock, ALDBlock]


def test_build_binds_a_partial_inside_a_partial() -> None:
    conv = {
        "_target_": "aldsr.nn.ALDBlock",
        "_partial_": True,
        "reduction": 2,
        "descriptor": {"_target_": "aldsr.nn.maximum", "_partial_": True},
    }
    attention = build(description(conv=conv)).RDBs[0].layers[0].attention
    assert isinstance(attention.descriptor, functools.partial)
    assert attention.descriptor.func is maximum
    assert attention.squeeze.out_features == 2


def with_descriptor(descriptor: dict[str, Any]) -> dict[str, Any]:
    conv = {"_target_": "aldsr.nn.ALDBlock", "_partial_": True, "live": True, "descriptor": descriptor}
    return description(conv=conv)


def test_build_binds_a_descriptor_that_is_made_of_another(tmp_path: Path) -> None:
    of = {"_target_": "aldsr.nn.descriptors.determinant", "_partial_": True}
    described = with_descriptor({"_target_": "aldsr.nn.descriptors.standardised", "_partial_": True, "of": of})
    network = build(described)
    descriptor = network.RDBs[0].layers[0].attention.descriptor
    assert (descriptor.func, descriptor.keywords["of"].func) == (standardised, determinant)
    (tmp_path / "w.safetensors").write_bytes(pack_weights(network, described))
    again, read = load_network(tmp_path / "w.safetensors")
    lr = torch.rand(1, 3, 6, 6)
    assert read == described
    assert torch.equal(again(lr), network(lr))


@pytest.mark.parametrize("target", ["os.system", "aldsr.nn.description.lookup", "aldsr.nn.descriptors.F.layer_norm"])
def test_a_descriptor_cannot_be_made_of_what_is_not_trusted(target: str) -> None:
    of = {"_target_": target, "_partial_": True}
    with pytest.raises(NetworkError, match=f"'{target}'"):
        build(with_descriptor({"_target_": "aldsr.nn.standardised", "_partial_": True, "of": of}))


def test_build_of_a_partial_gives_a_factory_of_new_blocks() -> None:
    factory = build({"_target_": "aldsr.nn.LDWBlock", "_partial_": True, "kernel_size": 5})
    first, second = factory(2, 3), factory(2, 3)
    assert isinstance(first, LDWBlock)
    assert first is not second
    assert first[0].kernel_size == (5, 5)


def test_build_calls_a_nested_target_that_is_not_partial() -> None:
    with pytest.raises(NetworkError, match=r"aldsr\.nn\.LDWBlock: .*in_channels"):  # called, so it misses its channels
        build(description(conv={"_target_": "aldsr.nn.LDWBlock"}))


def test_build_ignores_hydras_convert_key_and_keeps_plain_mappings() -> None:
    assert build({"a": 1, "b": {"c": [2]}}) == {"a": 1, "b": {"c": [2]}}
    assert isinstance(build(description(_convert_="all")), RDN)


def test_build_names_an_unknown_option_and_those_there_are() -> None:
    with pytest.raises(NetworkError, match=r"aldsr\.nn\.RDN has no option \['growth'\]; it takes .*'scale'"):
        build(description(growth=3))
    with pytest.raises(NetworkError, match=r"no option \['ratio'\]"):  # of a partial too, before it is ever called
        build({"_target_": "aldsr.nn.ALDBlock", "_partial_": True, "ratio": 3})


@pytest.mark.parametrize(
    "options", [{"scale": 5}, {"residual": "lanczos"}, {"conv": {"_target_": "aldsr.nn.ALDBlock", "_partial_": True}}]
)
def test_build_says_which_target_refused_its_options(options: dict[str, Any]) -> None:
    if "conv" in options:
        options["conv"]["reduction"] = 0
    with pytest.raises(NetworkError, match=r"^aldsr\.nn\.RDN: .* must be "):
        build(description(**options))


# What may be named


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "aldsr.nn.weights.torch.load",
        "aldsr.nn.description.importlib.import_module",
        "aldsr.nn.description.functools.partial",
        "aldsr.nn.blocks.Tensor",
        "aldsr.nn.description.TRUSTED",
        "aldsr.nn.weights.pack_weights",
        "aldsr.nn.pretrained.from_pretrained",
        "aldsr.nnx.Foo",
        "aldsr.nn.NoSuchBlock",
        "aldsr.nn",
        "aldsr.nn.",
        "aldsr.data.read_image",
        "RDN",
        "",
    ],
)
def test_untrusted_or_absent_name_is_refused(target: str) -> None:
    with pytest.raises(NetworkError, match=f"'{target}'"):
        build({"_target_": target, "_partial_": True})
    with pytest.raises(NetworkError, match=f"'{target}'"):
        build(description(conv={"_target_": target, "_partial_": True}))


def test_untrusted_module_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aldsr_stranger.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NetworkError, match=r"allow_code=\[aldsr_stranger\]"):
        build({"_target_": "aldsr_stranger.Net"})


def test_trust_in_any_package_cannot_be_smuggled_in_by_a_description() -> None:
    with pytest.raises(NetworkError):
        build({"_target_": "aldsr.nn.description.lookup", "target": "os.system", "trusted": None})


def test_trusted_package_does_not_vouch_for_what_it_imported(users_module: str) -> None:
    for target in (f"{users_module}.system", f"{users_module}.os.system", f"{users_module}.nn.Conv2d"):
        with pytest.raises(NetworkError):
            build({"_target_": target, "_partial_": True}, ["aldsr.nn", users_module])


def test_package_whose_name_begins_like_a_trusted_one_is_not_trusted(users_module: str) -> None:
    with pytest.raises(NetworkError, match="outside the trusted packages"):
        build({"_target_": f"{users_module}.Plain", "_partial_": True}, [users_module[:-1]])


def test_no_list_of_trusted_packages_allows_what_the_user_typed() -> None:
    assert build({"_target_": "torch.nn.Identity"}, None).__class__ is nn.Identity


# label


@pytest.mark.parametrize(
    ("described", "name"),
    [
        (description("ALDBlock"), "ALD-RDN"),
        (description("LDWBlock"), "LDW-RDN"),
        (description("DWBlock"), "DW-RDN"),
        (description("StandardBlock"), "RDN"),
        ({"_target_": "aldsr.nn.RDN"}, "RDN"),
        ({"_target_": "aldsr.nn.BicubicUpscale", "scale": 2}, "BicubicUpscale"),
        (description(conv={"_target_": "mypackage.blocks.MyBlock"}), "My-RDN"),
        (description(conv={"_target_": "mypackage.Ghost"}), "Ghost-RDN"),
    ],
)
def test_label_is_what_tables_call_the_network(described: dict[str, Any], name: str) -> None:
    assert label(described) == name


def test_options_go_by_their_dotted_names() -> None:
    options = flat(description("LDWBlock"))
    assert options["model.scale"] == 2
    assert options["model.conv._target_"] == "aldsr.nn.LDWBlock"
