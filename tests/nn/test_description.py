"""Networks as plain data: what a description makes, what it may name, and what it means where it lacks an option."""

import importlib
import inspect
import pkgutil
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import aldsr.nn
from aldsr.nn import RDN, ALDBlock, BicubicUpscale, StandardBlock, determinant, standardised
from aldsr.nn.description import (
    BACKBONES,
    MISSING_OPTIONS,
    PUBLIC,
    NetworkError,
    build,
    complete_description,
    find_target,
    label,
    scale_of,
)
from aldsr.nn.weights import check_resumable
from tests.nn.conftest import description, save

ROOT = Path(__file__).parents[2]


def partial(name: str, **options: Any) -> dict[str, Any]:
    return {"_target_": f"aldsr.nn.{name}", "_partial_": True, **options}


# build


def test_build_makes_the_network_with_its_options_and_binds_partials_inside_partials() -> None:
    descriptor = partial("descriptors.standardised", of=partial("descriptors.determinant"))
    conv = partial("ALDBlock", reduction=2, descriptor=descriptor)
    network = build(description(scale=3, residual="bicubic", conv=conv, _convert_="all"))
    assert isinstance(network, RDN)
    assert network.scale == 3
    assert isinstance(network.upscale, BicubicUpscale)
    layers: Any = network.RDBs[0].layers
    assert [type(layer) for layer in layers] == [ALDBlock, ALDBlock]
    assert layers[0].attention.squeeze.out_features == 2
    assert layers[0].attention.descriptor.func is standardised
    assert layers[0].attention.descriptor.keywords["of"].func is determinant


@pytest.mark.parametrize(
    ("described", "named"),
    [
        (description(growth=3), r"RDN has no option \['growth'\]; it takes .*'scale'"),
        (partial("ALDBlock", ratio=3), r"no option \['ratio'\]"),  # of a partial too, before it is ever called
        (description(conv={"_target_": "aldsr.nn.LDWBlock"}), "LDWBlock: .*in_channels"),  # not partial, so called
        (description(scale=5), "RDN: scale"),
        (description(conv=partial("ALDBlock", reduction=0)), "RDN: reduction"),
    ],
)
def test_options_that_do_not_suit_are_named_with_their_target(described: dict[str, Any], named: str) -> None:
    with pytest.raises(NetworkError, match=named):
        build(described)


# What may be named


def test_of_all_that_aldsr_nn_holds_only_networks_blocks_and_descriptors_can_be_named() -> None:
    modules = [name for _, name, _ in pkgutil.walk_packages(aldsr.nn.__path__, "aldsr.nn.")]
    present = [name for name in modules if find_spec("triton") or ".triton" not in name]
    accepted = set()
    for module in map(importlib.import_module, ["aldsr.nn", *present]):
        for attribute in dir(module):
            try:
                found = find_target(f"{module.__name__}.{attribute}", allow_code=["aldsr", "aldsr.nn", module.__name__])
            except NetworkError:
                continue
            assert found is getattr(module, attribute)
            accepted.add(found.__name__)
    networks = {*BACKBONES, "BicubicUpscale", "External", "deployed"}
    blocks = {"StandardBlock", "DWBlock", "LDWBlock", "ALDBlock", "BSConvBlock"}
    descriptors = {"average", "maximum", "determinant", "zero", "standardised", "scale_free"}
    assert accepted == networks | blocks | descriptors == {target.__name__ for target in PUBLIC.values()}


@pytest.mark.parametrize(
    "target", ["os.system", "aldsr.nn.weights.torch.load", "aldsr.nnx.Foo", "aldsr.data.read_image", "RDN", "", 3]
)
def test_what_is_not_allowed_is_refused_at_every_depth(target: Any) -> None:
    conv = {"_target_": target, "_partial_": True}
    of = partial("ALDBlock", descriptor=partial("standardised", of=conv))
    for described in (conv, description(conv=conv), description(conv=of)):
        with pytest.raises(NetworkError, match=f"'{target}'"):
            build(described)


def test_a_package_that_is_not_allowed_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aldsr_stranger.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NetworkError, match=r"allow_code=\[aldsr_stranger\]"):
        build({"_target_": "aldsr_stranger.Net"})


def test_an_allowed_package_vouches_for_what_is_written_in_it_only(users_module: str) -> None:
    assert build({"_target_": f"{users_module}.Plain", "_partial_": True}, [users_module])(2, 3).weight.shape[0] == 3
    for target in (f"{users_module}.system", f"{users_module}.os.system", f"{users_module}.nn.Conv2d"):
        with pytest.raises(NetworkError, match=target):
            build({"_target_": target, "_partial_": True}, [users_module])
    with pytest.raises(NetworkError, match="outside the trusted packages"):
        build({"_target_": f"{users_module}.Plain", "_partial_": True}, [users_module[:-1]])


def test_what_the_user_typed_may_name_anything_that_is_there() -> None:
    assert isinstance(build({"_target_": "torch.nn.Identity"}, allow_code=None), nn.Identity)
    with pytest.raises(NetworkError, match="PYTHONPATH"):
        build({"_target_": "mypackage.MyBlock"}, allow_code=None)


@pytest.mark.slow
def test_every_recorded_target_resolves() -> None:
    """Those in the configs, results and weights files of the project."""
    files = [path for folder in ("conf", "experiments", "src") for path in (ROOT / folder).rglob("*.*")]
    texts = [file.read_text("latin-1") for file in files if file.suffix in (".yaml", ".json", ".safetensors")]
    targets = set(re.findall(r"""_target_\\?["']?:\s*\\?["']?(aldsr\.[\w.]+)""", "\n".join(texts)))
    assert {"aldsr.nn.RDN", "aldsr.nn.descriptors.zero", "aldsr.data.SuperResolutionData"} <= targets
    for name in targets:
        allow_code: Any = () if name.startswith("aldsr.nn.") else None
        assert callable(find_target(name, allow_code)), name


# Options that a description lacks


def test_every_optional_argument_has_a_value_for_descriptions_that_lack_it() -> None:
    for target, absent in MISSING_OPTIONS.items():
        parameters = inspect.signature(target).parameters.values()
        assert {each.name for each in parameters if each.default is not each.empty} == absent.keys(), target.__name__


def test_a_new_option_does_not_change_what_older_descriptions_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if `kernel_size` had been added with a default, 3, that is not what the code did before."""
    monkeypatch.setitem(MISSING_OPTIONS, StandardBlock, {"kernel_size": 1})
    old, new = description("StandardBlock"), description(conv=partial("StandardBlock", kernel_size=1))
    network = build(old)
    assert network.RDBs[0].layers[0][0].kernel_size == (1, 1)
    for theirs, ours in ((old, new), (new, old)):
        check_resumable(save(tmp_path / "last.ckpt", network, theirs), build(ours), ours)
    with pytest.raises(NetworkError, match="of another network"):
        check_resumable(tmp_path / "last.ckpt", network, description(conv=partial("StandardBlock", kernel_size=3)))


def test_the_smallest_description_is_the_papers_network_completed_at_every_depth() -> None:
    described = {"_target_": "aldsr.nn.deployed", "network": {"_target_": "aldsr.nn.RDN", "conv": partial("ALDBlock")}}
    network = complete_description(described)["network"]
    assert (network["residual"], network["checkpoint"], network["D"]) == ("none", False, 16)
    assert (network["conv"]["live"], network["conv"]["reduction"]) == (False, 32)
    assert network["conv"]["descriptor"]["_target_"] == "aldsr.nn.descriptors.determinant"
    assert complete_description(network) == network
    assert complete_description({"_target_": "mypackage.Net"}) == {"_target_": "mypackage.Net"}
    with torch.device("meta"):
        ours, papers = (each.state_dict() for each in (build({"_target_": "aldsr.nn.RDN"}), RDN()))
    assert [(key, value.shape) for key, value in ours.items()] == [(key, papers[key].shape) for key in papers]


# label, scale_of


@pytest.mark.parametrize(
    ("described", "name"),
    [
        (description("StandardBlock"), "RDN"),
        ({"_target_": "aldsr.nn.RDN", "scale": 2}, "RDN"),
        ({"_target_": "aldsr.nn.BicubicUpscale", "scale": 2}, "BicubicUpscale"),
        (description(conv={"_target_": "mypackage.Ghost"}), "Ghost-RDN"),
        ({"_target_": "aldsr.nn.deployed", "network": description("DWBlock"), "collapsed": []}, "DW-RDN"),
    ],
)
def test_label_is_what_tables_call_the_network(described: dict[str, Any], name: str) -> None:
    assert label(described) == name
    assert scale_of(described) == 2
