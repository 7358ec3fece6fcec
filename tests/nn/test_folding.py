"""A folded or collapsed network computes what the network computes: LDW for ALD, dense convolutions for both."""

import copy
import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.nn import (
    RDN,
    ALDBlock,
    BicubicUpscale,
    ConvBlock,
    Dense,
    Descriptor,
    DWBlock,
    LDWBlock,
    Separable,
    StandardBlock,
    average,
    collapse,
    determinant,
    fold,
    maximum,
    scale_free,
    standardised,
    zero,
)

BEYOND = [functools.partial(standardised, of=determinant), functools.partial(scale_free, of=determinant)]
DESCRIPTORS = [average, determinant, maximum, zero, *BEYOND]
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


# collapse


def biased(block: nn.Module) -> nn.Module:
    """The block with biases that matter, the depthwise one's most: at the picture's edge it is not padded."""
    for name, parameter in block.named_parameters():
        if name.endswith("bias") and "attention" not in name:
            parameter.copy_(torch.linspace(-2, 3, parameter.numel()))
    return block


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("block", [LDWBlock, ald()])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (7, 9)])
def test_collapsed_block_gives_the_same_output_up_to_the_edges(
    block: Any, kernel_size: int, dtype: torch.dtype, tolerance: float, height: int, width: int
) -> None:
    torch.manual_seed(1)
    block = biased(alive(block(6, 4, kernel_size=kernel_size))).to(dtype)
    x, dense = picture(channels=6, dtype=dtype)[..., :height, :width], collapse(block)
    assert type(dense) is StandardBlock
    torch.testing.assert_close(dense(x), block(x), rtol=tolerance, atol=tolerance)
    before_relu = dense[0](x)  # where the ReLU hides nothing
    weights = block.layer()
    features = F.conv2d(x, weights.depthwise, weights.depthwise_bias, padding=kernel_size // 2, groups=6)
    expected = F.conv2d(features, weights.pointwise, weights.pointwise_bias)
    torch.testing.assert_close(before_relu, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("block", [LDWBlock, ald()])
def test_collapsed_network_gives_the_same_output(block: ConvBlock, dtype: torch.dtype, tolerance: float) -> None:
    network, x = rdn(block).to(dtype), picture(dtype=dtype)
    dense = collapse(network)
    torch.testing.assert_close(dense(x), network(x), rtol=tolerance, atol=tolerance)
    assert shapes(dense) == shapes(RDN(conv=StandardBlock, **SMALL))


def test_dw_is_not_linear_so_it_does_not_collapse() -> None:
    block = DWBlock(3, 3)
    with pytest.raises(ValueError, match=r"^a block with a ReLU between depthwise and pointwise \(DW\) is not linear"):
        collapse(block, [""])
    assert type(collapse(block)) is DWBlock
    with pytest.raises(ValueError, match="cannot collapse"):
        collapse(rdn(DWBlock), ["RDBs.0.layers.0"])


def test_only_the_named_blocks_are_collapsed() -> None:
    network, x = rdn().double(), picture()
    dense = collapse(network, ["RDBs.0.layers.1", "RDBs.1.layers.0"])
    kinds = [type(block) for rdb in dense.get_submodule("RDBs").children() for block in rdb.get_submodule("layers")]  # type: ignore[attr-defined]
    assert kinds == [ALDBlock, StandardBlock, StandardBlock, ALDBlock]
    torch.testing.assert_close(dense(x), network(x), rtol=0, atol=1e-12)


def test_nothing_is_collapsed_if_nothing_is_named() -> None:
    network = rdn()
    assert same_state(collapse(network, []).state_dict(), network.state_dict())


def test_place_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'RDBs\.0\.layer\.1' is no place of a block that can be folded or collapsed"):
        collapse(rdn(), ["RDBs.0.layer.1"])


def test_collapsing_leaves_the_network_as_it_is() -> None:
    network = rdn()
    types, before = [type(module) for module in network.modules()], copy.deepcopy(network.state_dict())
    for parameter in collapse(network).parameters():
        parameter.add_(1)
    assert [type(module) for module in network.modules()] == types
    assert same_state(network.state_dict(), before)


def test_dense_block_is_collapsed_to_itself() -> None:
    network = rdn(StandardBlock)
    assert same_state(collapse(network, ["RDBs.0.layers.0"]).state_dict(), network.state_dict())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_collapsed_network_keeps_mode_and_type(training: bool, dtype: torch.dtype) -> None:
    dense = collapse(rdn().to(dtype).train(training))
    assert {parameter.dtype for parameter in dense.parameters()} == {dtype}
    assert {module.training for module in dense.modules()} == {training}


def test_a_users_dense_layer_is_folded_to_the_standard_block() -> None:
    class Halved(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = StandardBlock(3, 4, kernel_size=5)

        def layer(self) -> Dense:
            layer = self.inner.layer()
            return layer._replace(weight=layer.weight / 2)

    network = nn.Sequential(Halved())
    folded = fold(network)
    assert type(folded[0]) is StandardBlock  # type: ignore[index]
    x, layer = picture(dtype=torch.float32), network[0].layer()  # type: ignore[operator]
    torch.testing.assert_close(folded(x), F.conv2d(x, *layer, padding=2).relu(), rtol=1e-6, atol=1e-6)


def test_fold_and_collapse_are_exact_at_the_papers_size() -> None:
    torch.manual_seed(0)
    network = alive_gently(RDN(conv=ALDBlock))  # the defaults are the papers'
    x = torch.rand(1, 3, 12, 12)
    exact = network(x)
    assert exact.std() > 1e-2
    folded = fold(network)
    assert (folded(x) - exact).abs().max() <= 1e-5
    assert (collapse(folded)(x) - exact).abs().max() <= 1e-5


def alive_gently(network: nn.Module) -> nn.Module:
    """The network with an attention that differs from filter to filter and filters as at initialisation."""
    for module in network.modules():
        if isinstance(module, ALDBlock):
            nn.init.normal_(module.attention.excite.bias)
    return network
