"""A folded network computes what the network computes, with LDW blocks in place of ALD."""

import copy
import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aldsr.nn import (
    RDN,
    ALDBlock,
    BicubicUpscale,
    ConvBlock,
    Descriptor,
    DWBlock,
    LDWBlock,
    Separable,
    StandardBlock,
    average,
    determinant,
    fold,
    maximum,
    zero,
)

DESCRIPTORS = [average, determinant, maximum, zero]
SMALL: dict[str, Any] = {"scale": 2, "D": 2, "C": 2, "G": 4, "G0": 6}


@pytest.fixture(autouse=True)
def _without_gradients() -> Any:
    with torch.no_grad():
        yield


def alive(network: nn.Module) -> nn.Module:
    """The network with an attention that differs from filter to filter."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, ALDBlock):
            for parameter in (module.depthwise.weight, *module.attention.parameters()):
                parameter.data.copy_(torch.randn(parameter.shape, generator=generator))
            module.attention.squeeze.bias.fill_(1)
    return network


def ald(*, kernel_size: int = 3, descriptor: Descriptor = determinant) -> functools.partial[ALDBlock]:
    return functools.partial(ALDBlock, kernel_size=kernel_size, reduction=2, descriptor=descriptor)


def rdn(conv: ConvBlock | None = None) -> nn.Module:
    torch.manual_seed(0)
    return alive(RDN(conv=conv or ald(), **SMALL))


def picture(*, channels: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(2, channels, 7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).to(dtype)


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def same_state(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(a[key].dtype == b[key].dtype and torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("descriptor", DESCRIPTORS)
def test_folded_block_gives_the_same_output(
    descriptor: Descriptor, kernel_size: int, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(1)
    block = alive(ald(kernel_size=kernel_size, descriptor=descriptor)(6, 4)).to(dtype)
    assert isinstance(block, ALDBlock)
    x, folded = picture(channels=6, dtype=dtype), fold(block)
    torch.testing.assert_close(folded(x), block(x), rtol=0, atol=tolerance)
    assert type(folded) is LDWBlock
    assert shapes(folded) == shapes(LDWBlock(6, 4, kernel_size=kernel_size))
    plain = LDWBlock(6, 4, kernel_size=kernel_size).to(dtype)  # the same filters without attention: another function
    theirs = [block.depthwise.weight, block.depthwise.bias, block.pointwise.weight, block.pointwise.bias]
    plain.load_state_dict(dict(zip(plain.state_dict(), theirs, strict=True)))
    assert (plain(x) - block(x)).abs().max() > 1e-2


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("descriptor", DESCRIPTORS)
def test_folded_network_gives_the_same_output(
    descriptor: Descriptor, kernel_size: int, dtype: torch.dtype, tolerance: float
) -> None:
    network = rdn(ald(kernel_size=kernel_size, descriptor=descriptor)).to(dtype)
    x = picture(dtype=dtype)
    torch.testing.assert_close(fold(network)(x), network(x), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_folded_network_is_made_of_ldw_blocks(kernel_size: int) -> None:
    folded = fold(rdn(ald(kernel_size=kernel_size)))
    assert not any(isinstance(module, ALDBlock) for module in folded.modules())
    ldw = RDN(conv=functools.partial(LDWBlock, kernel_size=kernel_size), **SMALL)
    assert shapes(folded) == shapes(ldw)
    assert [type(module) for module in folded.modules()] == [type(module) for module in ldw.modules()]


def test_weights_of_a_folded_network_are_an_ldw_networks() -> None:
    network, ldw = rdn().double(), RDN(conv=LDWBlock, **SMALL).double()
    ldw.load_state_dict(fold(network).state_dict())
    torch.testing.assert_close(ldw(picture()), network(picture()), rtol=0, atol=1e-12)


def test_folding_leaves_the_network_as_it_is() -> None:
    network = rdn()
    types, before = [type(module) for module in network.modules()], copy.deepcopy(network.state_dict())
    folded = fold(network)
    for parameter in folded.parameters():
        parameter.add_(1)
    assert [type(module) for module in network.modules()] == types
    assert same_state(network.state_dict(), before)


def test_folded_network_does_not_follow_later_training() -> None:
    network = rdn()
    folded = fold(network)
    before = folded(picture(dtype=torch.float32))
    for parameter in network.parameters():
        parameter.add_(0.1)
    assert torch.equal(folded(picture(dtype=torch.float32)), before)


@pytest.mark.parametrize("training", [True, False])
def test_mode_is_kept(training: bool) -> None:
    assert {module.training for module in fold(rdn().train(training)).modules()} == {training}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_type_is_kept(dtype: torch.dtype) -> None:
    assert {parameter.dtype for parameter in fold(rdn().to(dtype)).parameters()} == {dtype}


def test_folded_weights_carry_no_graph() -> None:
    network = rdn()
    with torch.enable_grad():
        folded = fold(network)
        assert all(parameter.is_leaf for parameter in folded.parameters())
        folded(picture(dtype=torch.float32)).sum().backward()


def test_blocks_are_folded_however_deep_they_lie() -> None:
    deep = alive(nn.Sequential(nn.Sequential(nn.Sequential(ALDBlock(3, 3)), nn.ReLU()), ALDBlock(3, 3)))
    folded = fold(deep)
    assert sum(isinstance(module, LDWBlock) for module in folded.modules()) == 2
    x = picture(dtype=torch.float32)
    torch.testing.assert_close(folded(x), deep(x), rtol=1e-5, atol=1e-5)


def test_network_that_is_a_block_itself_is_folded() -> None:
    assert type(fold(ald()(3, 3))) is LDWBlock


def test_block_used_twice_is_folded_in_both_places() -> None:
    block = ald()(3, 3)
    assert [type(child) for child in fold(nn.Sequential(block, block))] == [LDWBlock, LDWBlock]


@pytest.mark.parametrize("block", [StandardBlock, DWBlock, LDWBlock, None])
def test_network_with_nothing_to_fold_comes_back_as_an_equal_copy(block: ConvBlock | None) -> None:
    network = rdn(block) if block else BicubicUpscale(scale=2)
    folded, x = fold(network), picture(dtype=torch.float32)
    assert folded is not network
    assert type(folded) is type(network)
    assert same_state(folded.state_dict(), network.state_dict())
    assert torch.equal(folded(x), network(x))
    assert {id(p) for p in folded.parameters()}.isdisjoint(id(p) for p in network.parameters())


def test_a_users_block_is_folded_by_the_layer_that_it_offers() -> None:
    class Halved(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = LDWBlock(3, 3)

        def layer(self) -> Separable:
            layer = self.inner.layer()
            return layer._replace(depthwise=layer.depthwise / 2)

    folded = fold(nn.Sequential(Halved(), nn.ReLU()))
    assert [type(child) for child in folded] == [LDWBlock, nn.ReLU]
