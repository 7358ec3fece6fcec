"""A folded or collapsed network computes what the network computes: LDW for ALD, dense convolutions for both."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.nn import (
    RDN,
    ALDBlock,
    BicubicUpscale,
    BSConvBlock,
    ConvBlock,
    DWBlock,
    LDWBlock,
    StandardBlock,
    collapse,
    fold,
)
from aldsr.nn.descriptors import Descriptor, determinant, standardised, zero
from aldsr.nn.folding import collapsible_blocks
from aldsr.nn.layers import ACTIVATIONS
from tests.nn.conftest import activate, same_state

SMALL: dict[str, Any] = {"scale": 2, "D": 2, "C": 2, "G": 4, "G0": 6}
PRECISIONS = [(torch.float64, 1e-12), (torch.float32, 1e-5)]


@pytest.fixture(autouse=True)
def _without_gradients() -> Any:
    with torch.no_grad():
        yield


def ald(**options: Any) -> functools.partial[ALDBlock]:
    return functools.partial(ALDBlock, **{"reduction": 2, **options})


def rdn(conv: ConvBlock | None = None) -> Any:
    torch.manual_seed(0)
    return activate(RDN(conv=conv or ald(), **SMALL))


def image(*, channels: int = 3, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(2, channels, 7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).to(dtype)


def places(network: nn.Module) -> set[int]:
    """Where the weights lie in memory."""
    return {parameter.data_ptr() for parameter in network.parameters()}


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("descriptor", [determinant, zero, functools.partial(standardised, of=determinant)])
def test_a_folded_network_is_an_ldw_network_with_the_same_output(
    descriptor: Descriptor, kernel_size: int, dtype: torch.dtype, tolerance: float
) -> None:
    network = rdn(ald(kernel_size=kernel_size, descriptor=descriptor)).to(dtype)
    ldw = RDN(conv=functools.partial(LDWBlock, kernel_size=kernel_size), **SMALL).to(dtype)
    x, folded = image(dtype=dtype), fold(network)
    torch.testing.assert_close(folded(x), network(x), rtol=tolerance, atol=tolerance)
    assert [type(module) for module in folded.modules()] == [type(module) for module in ldw.modules()]
    ldw.load_state_dict(folded.state_dict())
    assert torch.equal(ldw(x), folded(x))
    for block in network.RDBs[0].layers:
        r = block.attention(block.depthwise.weight)
        assert r.std() > 1e-2  # or the comparison would show little


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("block", [LDWBlock, ald(), BSConvBlock])
def test_a_collapsed_block_gives_the_same_output_up_to_the_edges(
    block: Any, kernel_size: int, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(1)
    block = activate(block(6, 4, kernel_size=kernel_size, activation="none")).to(dtype)  # no ReLU hides anything
    dense = collapse(block)
    assert type(dense) is StandardBlock
    for height, width in ((1, 1), (2, 3), (7, 9)):
        x = image(channels=6, dtype=dtype)[..., :height, :width]
        torch.testing.assert_close(dense(x), block(x), rtol=tolerance, atol=tolerance)


def test_bsconv_with_a_bias_between_its_halves_does_not_collapse_because_of_the_edges() -> None:
    torch.manual_seed(0)
    block = BSConvBlock(6, 4, activation="none", bias=True).double()
    pointwise, pointwise_bias, depthwise, bias, _ = block.layer()
    x, total = image(channels=6, dtype=torch.float64), depthwise.sum((1, 2, 3)) * pointwise_bias
    dense, expected = F.conv2d(x, pointwise * depthwise, bias + total, padding=1), block(x)
    torch.testing.assert_close(dense[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], rtol=0, atol=1e-12)
    assert (dense - expected).abs().max() > 0.01
    assert collapsible_blocks(nn.Sequential(block, BSConvBlock(4, 4))) == ["1"]
    with pytest.raises(ValueError, match="bias"):
        collapse(block, [""])


@pytest.mark.parametrize("simplify", [fold, collapse])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_activation_travels_with_its_weights(activation: str, simplify: Callable[[nn.Module], nn.Module]) -> None:
    network = nn.Sequential(ald(activation=activation)(3, 4), LDWBlock(4, 4, activation=activation))
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    simple, x = simplify(network), image()
    torch.testing.assert_close(simple(x), network(x), rtol=1e-5, atol=1e-5)
    assert places(simple).isdisjoint(places(network))


def test_only_the_named_blocks_are_collapsed() -> None:
    network, x = rdn().double(), image(dtype=torch.float64)
    dense = collapse(network, ["RDBs.0.layers.1", "RDBs.1.layers.0"])
    kinds = [type(block) for rdb in dense.get_submodule("RDBs").children() for block in rdb.get_submodule("layers")]  # type: ignore[attr-defined]
    assert kinds == [ALDBlock, StandardBlock, StandardBlock, ALDBlock]
    torch.testing.assert_close(dense(x), network(x), rtol=0, atol=1e-12)
    assert same_state(collapse(network, []), network)


def test_what_is_not_linear_or_not_there_does_not_collapse() -> None:
    for block, path in ((DWBlock(3, 3), ""), (rdn(DWBlock), "RDBs.0.layers.0")):
        with pytest.raises(ValueError, match="not linear"):
            collapse(block, [path])
    with pytest.raises(ValueError, match=r"'RDBs\.0\.layer\.1'"):
        collapse(rdn(), ["RDBs.0.layer.1"])
    network = rdn(StandardBlock)
    assert same_state(collapse(network, ["RDBs.0.layers.0"]), network)  # dense already


@pytest.mark.parametrize("simplify", [fold, collapse])
@pytest.mark.parametrize(("dtype", "training"), [(torch.float32, True), (torch.float64, False), (torch.bfloat16, True)])
def test_the_network_stays_as_it_is_and_the_copy_has_its_mode_and_type(
    simplify: Callable[[nn.Module], nn.Module], dtype: torch.dtype, training: bool
) -> None:
    network = rdn().to(dtype).train(training)
    before = copy.deepcopy(network)
    with torch.enable_grad():
        simple = simplify(network)
    assert all(parameter.is_leaf for parameter in simple.parameters())
    assert {module.training for module in simple.modules()} == {training}
    assert {parameter.dtype for parameter in simple.parameters()} == {dtype}
    assert places(simple).isdisjoint(places(network))
    assert same_state(network, before)
    assert [type(module) for module in network.modules()] == [type(module) for module in before.modules()]


def test_blocks_are_folded_wherever_they_are() -> None:
    block = activate(ALDBlock(3, 3))
    deep = nn.Sequential(nn.Sequential(nn.Sequential(block), nn.ReLU()), block)  # used twice
    folded = fold(deep)
    assert sum(isinstance(module, LDWBlock) for module in folded.modules()) == 2
    torch.testing.assert_close(folded(image()), deep(image()), rtol=1e-5, atol=1e-5)
    assert type(fold(block)) is LDWBlock


@pytest.mark.parametrize("block", [StandardBlock, DWBlock, LDWBlock, None])
def test_a_network_with_nothing_to_fold_comes_back_as_an_equal_copy(block: ConvBlock | None) -> None:
    network = rdn(block) if block else BicubicUpscale(scale=2)
    folded = fold(network)
    assert type(folded) is type(network)
    assert same_state(folded, network)
    assert torch.equal(folded(image()), network(image()))
    assert places(folded).isdisjoint(places(network))


@pytest.mark.parametrize("kind", [LDWBlock, StandardBlock])
def test_a_users_block_is_folded_by_its_layer(kind: Any) -> None:
    class Halved(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = kind(3, 4, kernel_size=5)

        def layer(self) -> Any:
            weight, *others = layer = self.inner.layer()
            return type(layer)._make((weight / 2, *others))

    network = nn.Sequential(Halved())
    folded: Any = fold(network)
    assert type(folded[0]) is kind
    halved = copy.deepcopy(network[0].inner)
    halved[0].weight.div_(2)
    torch.testing.assert_close(folded(image()), halved(image()), rtol=1e-6, atol=1e-6)
