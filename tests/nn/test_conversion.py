"""Published weights: every layout at every scale computes the same by our names; what is not quite one is refused."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aldsr.nn.conversion import convert_state
from aldsr.nn.description import NetworkError, build
from aldsr.nn.foreign import read_state_dict
from aldsr.nn.weights import load_state
from tests.nn import published

# Whose, how it is made, what must be found of it.
RDN_SIZE = {"D": 2, "C": 3, "G": 5, "G0": 6}
NETWORKS: dict[str, tuple[Callable[..., nn.Module], dict[str, Any]]] = {
    "EDSR-PyTorch": (published.RDN, RDN_SIZE),
    "yjn870": (lambda scale: published.LowerRDN(scale, G=6), RDN_SIZE | {"G": 6, "up": 6}),
    "mmagic": (published.LowerRDN, RDN_SIZE | {"up": 6}),
    "EDSR": (published.edsr, {"n_resblocks": 3, "n_feats": 8, "res_scale": 0.1, "value_range": 255}),
    "RCAN": (published.rcan, {"n_resgroups": 3, "n_resblocks": 2, "n_feats": 8, "reduction": 4, "value_range": 255}),
    "IMDN": (published.IMDN, {"nf": 16, "num_modules": 6}),
}
GIVEN = {"EDSR": {"res_scale": 0.1}}


def make(name: str, scale: int = 2) -> nn.Module:
    torch.manual_seed(scale)
    return NETWORKS[name][0](scale).eval()


def convert(state: dict[str, Tensor], **given: Any) -> tuple[dict[str, Any], nn.Module]:
    _, description, weights = convert_state(state, "FILE", **given)
    network = build(description).eval()
    load_state(network, weights, "FILE")
    return description, network


def assert_same(network: nn.Module, theirs: nn.Module) -> None:
    """To 1e-6 of the range, at the edges too; in float64, as rounding in deep networks is larger."""
    lr = torch.rand(1, 3, 7, 9, dtype=torch.float64)
    with torch.no_grad():
        ours, expected = network.double()(lr), published.upscale(theirs.double(), lr)
    assert (ours - expected).abs().max() <= 1e-6 * expected.abs().max().clamp_min(1)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_converted_computes_the_same(name: str, scale: int) -> None:
    theirs = make(name, scale)
    description, network = convert(theirs.state_dict(), **GIVEN.get(name, {}))
    found = NETWORKS[name][1]
    assert {option: description[option] for option in found} == found
    assert description["scale"] == scale
    if "mean" in description:
        assert description["mean"] == [0.4488, 0.4371, 0.4040]
    assert_same(network, theirs)


def test_a_range_that_no_tensor_shows_can_be_given() -> None:
    theirs = make("EDSR-PyTorch")
    theirs.value_range = 1  # type: ignore[assignment]
    assert_same(convert(theirs.state_dict(), value_range=1)[1], theirs)
    theirs = make("IMDN")
    theirs.value_range = 255  # type: ignore[assignment]
    assert_same(convert(theirs.state_dict(), value_range=255)[1], theirs)


def test_a_mean_tells_its_range() -> None:
    theirs = published.edsr(3, value_range=1)
    description, network = convert(theirs.state_dict(), res_scale=0.1)
    assert (description["mean"], description["value_range"]) == ([0.4488, 0.4371, 0.4040], 1)
    assert_same(network, theirs)
    with pytest.raises(NetworkError, match="sub_mean"):
        convert(make("EDSR").state_dict(), res_scale=0.1, value_range=1)
    state = theirs.state_dict()
    state["sub_mean.bias"] = state["sub_mean.bias"] * 2
    with pytest.raises(NetworkError, match="sub_mean"):
        convert(state, res_scale=0.1)


def test_res_scale_is_its_authors_for_their_sizes_and_else_must_be_given() -> None:
    baseline = published.edsr(2, blocks=16, features=64, res_scale=1)
    description, network = convert(baseline.state_dict())
    assert description["res_scale"] == 1
    assert_same(network, baseline)
    for given in ({}, {"res_scale": 0.0}, {"res_scale": float("nan")}):
        with pytest.raises(NetworkError, match=r"FILE.*--res-scale"):
            convert(make("EDSR").state_dict(), **given)
    with pytest.raises(NetworkError, match=r"^--res-scale 0\.1: .*RCAN"):
        convert(make("RCAN").state_dict(), res_scale=0.1)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_single_name_and_shape_must_fit(name: str) -> None:
    """Any one renamed, missing, too many or misshapen is named; one of each kind of tensor is tried."""
    state = make(name, 4).state_dict()
    for key in {re.sub(r"\d+", "#", each): each for each in state}.values():
        renamed = {"odd.name" if each == key else each: value for each, value in state.items()}
        with pytest.raises(NetworkError) as refused:
            convert(renamed, **GIVEN.get(name, {}))
        assert all(f"'{each}'" in str(refused.value) for each in (key, "odd.name"))
        with pytest.raises(NetworkError, match=f"'{key}'"):
            convert(state | {key: state[key][:1].repeat(11, *[1] * (state[key].ndim - 1))}, **GIVEN.get(name, {}))
    with pytest.raises(NetworkError, match="odd"):
        convert(state | {"odd": torch.zeros(())}, **GIVEN.get(name, {}))


def test_what_is_none_of_them_is_pointed_to_its_own_code() -> None:
    for state in ({"layer.weight": torch.zeros(3)}, nn.TransformerEncoderLayer(8, 2).state_dict()):
        with pytest.raises(NetworkError, match=r"FILE.*EDSR-PyTorch.*model=external"):
            convert(state)
    for other in (published.edsr(4), published.rcan(4)):  # x8
        other.tail[0].extend(published.upscaler(2, 8, 8))
        with pytest.raises(NetworkError, match=r"tail\.0\.4\.weight"):
            convert(other.state_dict(), res_scale=0.1)


def test_weights_in_half_precision_are_taken_as_they_are() -> None:
    theirs = make("mmagic").half().float()
    _, network = convert({key: value.half() for key, value in theirs.state_dict().items()})
    assert_same(network, theirs)


def test_the_published_imdn_computes_the_same(shared: Path) -> None:
    state = read_state_dict(shared / "published" / "IMDN_x4.pth")
    theirs = published.IMDN(4, nf=64)
    theirs.load_state_dict(state)
    description, network = convert(state)
    assert (description["nf"], description["num_modules"], description["scale"]) == (64, 6, 4)
    assert_same(network, theirs)
