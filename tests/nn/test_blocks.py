"""The four blocks, held against the equations of the paper written out with torch.nn.functional."""

import copy
import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.nn import (
    ALDBlock,
    ConvBlock,
    Descriptor,
    DWBlock,
    FilterAttention,
    LDWBlock,
    StandardBlock,
    average,
    determinant,
    maximum,
    scale_free,
    standardised,
    zero,
)

DESCRIPTORS = [average, determinant, maximum, zero]
BEYOND = [functools.partial(standardised, of=determinant), functools.partial(scale_free, of=determinant)]
BLOCKS = [StandardBlock, DWBlock, LDWBlock, ALDBlock]


def picture(*, channels: int = 6, height: int = 7, width: int = 9, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, height, width, generator=generator, dtype=torch.float64).requires_grad_()


def ald(*, kernel_size: int = 3, descriptor: Descriptor = determinant, seed: int = 1, **options: Any) -> ALDBlock:
    """A block whose attention is alive: filters and attention weights larger than at initialisation."""
    torch.manual_seed(seed)
    block = ALDBlock(6, 4, kernel_size=kernel_size, reduction=2, descriptor=descriptor, **options).double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_(std=0.7)
        block.attention.squeeze.bias.add_(1)
    return block


def literal_ald(x: Tensor, block: ALDBlock) -> Tensor:
    """Eqs. 3–6 as printed: convolve, then scale the feature map by 1 + r, then mix the channels."""
    depthwise, pointwise, attention = block.depthwise, block.pointwise, block.attention
    k = depthwise.weight.shape[-1]
    f = F.conv2d(x, depthwise.weight, depthwise.bias, padding=k // 2, groups=x.shape[1])
    z = attention.descriptor(depthwise.weight[:, 0])
    hidden = torch.clamp(attention.squeeze.weight @ z + attention.squeeze.bias, min=0)
    r = 1 / (1 + torch.exp(-(attention.excite.weight @ hidden + attention.excite.bias)))  # eq. 3
    scaled = r[:, None, None] * f  # eq. 4
    return torch.clamp(F.conv2d(f + scaled, pointwise.weight, pointwise.bias), min=0)  # eqs. 5, 6


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("descriptor", DESCRIPTORS + BEYOND)
def test_ald_output_is_that_of_the_literal_equations(descriptor: Descriptor, kernel_size: int) -> None:
    block, x = ald(kernel_size=kernel_size, descriptor=descriptor), picture()
    assert (block.attention(block.depthwise.weight).std() > 0.01).item()  # or the comparison would show little
    torch.testing.assert_close(block(x), literal_ald(x, block), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("descriptor", DESCRIPTORS + BEYOND)
def test_ald_gradients_are_those_of_the_literal_equations(descriptor: Descriptor, kernel_size: int) -> None:
    block, x = ald(kernel_size=kernel_size, descriptor=descriptor), picture()
    names, parameters = zip(*block.named_parameters(), strict=True)
    upstream = torch.linspace(-1, 1, 2 * 4 * 7 * 9, dtype=torch.float64).view(2, 4, 7, 9)
    inputs = (x, *parameters)
    # With z = 0 the first attention weights get no gradient, which both may say as None or as zeros.
    ours = torch.autograd.grad(block(x), inputs, upstream, materialize_grads=True)
    theirs = torch.autograd.grad(literal_ald(x, block), inputs, upstream, materialize_grads=True)
    for name, our, their in zip(("x", *names), ours, theirs, strict=True):
        assert torch.allclose(our, their, rtol=1e-10, atol=1e-11), name


def test_descriptor_reaches_the_filters_through_the_attention() -> None:
    block = ald()
    (gradient,) = torch.autograd.grad(block.attention(block.depthwise.weight).sum(), block.depthwise.weight)
    assert (gradient.abs().amax((1, 2, 3)) > 0).all()


def kept_feature_maps(block: nn.Module, x: Tensor) -> int:
    """Distinct tensors with a picture's height and width that autograd keeps for the backward pass."""
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.shape[-2:] == x.shape[-2:]:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = block(x)
    assert output.requires_grad
    return len(kept)


def test_ald_keeps_no_more_feature_maps_for_backward_than_ldw() -> None:
    x = picture()
    as_many = kept_feature_maps(LDWBlock(6, 4).double(), x)
    assert kept_feature_maps(ald(), x) == as_many

    class Literal(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return literal_ald(x, ald())

    assert kept_feature_maps(Literal(), x) > as_many  # what the claim is worth


def test_standard_is_convolution_then_relu() -> None:
    block, x = StandardBlock(6, 4).double(), picture()
    state = block.state_dict()
    expected = torch.clamp(F.conv2d(x, state["0.weight"], state["0.bias"], padding=1), min=0)
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-13)


def separable(x: Tensor, state: dict[str, Tensor], *, pointwise: str, hasty: bool) -> Tensor:
    f = F.conv2d(x, state["0.weight"], state["0.bias"], padding=1, groups=6)
    f = torch.clamp(f, min=0) if hasty else f
    return torch.clamp(F.conv2d(f, state[f"{pointwise}.weight"], state[f"{pointwise}.bias"]), min=0)


def test_dw_has_the_hasty_relu_between_its_halves() -> None:
    block, x = DWBlock(6, 4).double(), picture()
    expected = separable(x, block.state_dict(), pointwise="2", hasty=True)
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-13)


def test_ldw_is_dw_without_the_hasty_relu() -> None:
    dw, ldw, x = DWBlock(6, 4).double(), LDWBlock(6, 4).double(), picture()
    ldw.load_state_dict({key.replace("2.", "1."): value for key, value in dw.state_dict().items()})
    expected = separable(x, dw.state_dict(), pointwise="2", hasty=False)
    torch.testing.assert_close(ldw(x), expected, rtol=0, atol=1e-13)
    assert not torch.allclose(ldw(x), dw(x))
    without = nn.Sequential(dw[0], *list(dw)[2:])
    torch.testing.assert_close(ldw(x), without(x), rtol=0, atol=0)


def test_attention_without_weights_is_one_half_so_features_are_scaled_by_three_halves() -> None:
    block, x = ald(), picture()
    nn.init.zeros_(block.attention.excite.weight)
    nn.init.zeros_(block.attention.excite.bias)
    assert block.attention(block.depthwise.weight).tolist() == [0.5] * 6
    ldw = LDWBlock(6, 4).double()
    for own, theirs, factor in ((ldw[0], block.depthwise, 1.5), (ldw[1], block.pointwise, 1.0)):
        own.load_state_dict({key: value * factor for key, value in theirs.state_dict().items()})
    torch.testing.assert_close(block(x), ldw(x), rtol=1e-13, atol=1e-13)


LIVE = [determinant, zero, BEYOND[0]]


def hidden_units(block: ALDBlock) -> Tensor:
    attention, filters = block.attention, block.depthwise.weight[:, 0]
    return attention.squeeze.weight @ attention.descriptor(filters) + attention.squeeze.bias


@pytest.mark.parametrize("descriptor", LIVE)
def test_every_hidden_unit_starts_alive_if_that_is_asked_for(descriptor: Descriptor) -> None:
    torch.manual_seed(0)
    assert (hidden_units(ALDBlock(64, 4, reduction=2, descriptor=descriptor)) < 0).any()
    torch.manual_seed(0)
    assert (hidden_units(ALDBlock(64, 4, reduction=2, descriptor=descriptor, live=True)) > 1 - 1e-5).all()


def test_a_live_start_draws_the_same_numbers_and_changes_one_bias_only() -> None:
    states, after = [], []
    for live in (False, True):
        torch.manual_seed(0)
        states.append(ALDBlock(64, 4, reduction=2, live=live).state_dict())
        after.append(torch.rand(1).item())
    assert after[0] == after[1]
    assert states[0].keys() == states[1].keys()
    changed = {key for key, value in states[0].items() if not torch.equal(value, states[1][key])}
    assert changed == {"attention.squeeze.bias"}


def test_attention_lies_between_zero_and_one() -> None:
    block = ald()
    r = block.attention(block.depthwise.weight)
    assert r.shape == (6,)
    assert ((r > 0) & (r < 1)).all()


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("kernel_size", [0, 2, 4, -1])
def test_kernel_size_that_changes_the_pictures_size_is_refused(block: Any, kernel_size: int) -> None:
    with pytest.raises(ValueError, match="kernel_size must be odd"):
        block(4, 4, kernel_size=kernel_size)


@pytest.mark.parametrize("reduction", [0, -1])
def test_reduction_below_one_is_refused(reduction: int) -> None:
    with pytest.raises(ValueError, match="reduction must be at least 1"):
        ALDBlock(4, 4, reduction=reduction)


@pytest.mark.parametrize(("channels", "reduction", "hidden"), [(64, 32, 2), (576, 32, 18), (100, 32, 3), (8, 32, 1)])
def test_hidden_width_is_channels_over_reduction_and_at_least_one(channels: int, reduction: int, hidden: int) -> None:
    attention = ALDBlock(channels, 4, reduction=reduction).attention
    assert attention.squeeze.weight.shape == (hidden, channels)
    assert attention.excite.weight.shape == (channels, hidden)


def test_default_reduction_is_32_and_default_descriptor_the_determinant() -> None:
    attention = ALDBlock(128, 4).attention
    assert attention.squeeze.out_features == 4
    assert attention.descriptor is determinant


def test_blocks_from_one_factory_share_no_parameters_and_keep_their_own_descriptor() -> None:
    factory = functools.partial(ALDBlock, reduction=2, descriptor=maximum)
    first, second, other = factory(6, 4), factory(6, 4), ALDBlock(6, 4, descriptor=average)
    assert {id(p) for p in first.parameters()}.isdisjoint(id(p) for p in second.parameters())
    before = copy.deepcopy(second.state_dict())
    second(torch.rand(1, 6, 5, 5)).sum().backward()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(1)
    assert all(torch.equal(value, before[key]) for key, value in second.state_dict().items())
    assert all(parameter.grad is None for parameter in first.parameters())
    assert (second.attention.descriptor, other.attention.descriptor) == (maximum, average)


def test_descriptor_is_not_in_the_state_dict() -> None:
    names = {key.rpartition(".")[0] for key in ALDBlock(6, 4).state_dict()}
    assert names == {"depthwise", "pointwise", "attention.squeeze", "attention.excite"}


def test_attention_is_computed_in_float32_under_autocast() -> None:
    block, x = ald().float(), picture().float()
    plain = block.attention(block.depthwise.weight)
    seen: list[Tensor] = []
    block.attention.register_forward_hook(lambda module, args, output: seen.append(output))
    with torch.autocast("cpu", torch.bfloat16):
        assert block(x).dtype == torch.bfloat16  # autocast is on
    assert seen[0].dtype == torch.float32
    assert torch.equal(seen[0], plain)


def test_attention_under_autocast_gives_the_gradients_of_float32() -> None:
    torch.manual_seed(0)
    attention = FilterAttention(6, reduction=2, descriptor=determinant)
    nn.init.constant_(attention.squeeze.bias, 1)
    filters = torch.randn(6, 1, 3, 3, requires_grad=True)
    inputs = (filters, *attention.parameters())
    plain = torch.autograd.grad(attention(filters).square().sum(), inputs)
    with torch.autocast("cpu", torch.bfloat16):
        loss = attention(filters).square().sum()
    cast = torch.autograd.grad(loss, inputs)
    assert all(torch.equal(a, b) for a, b in zip(plain, cast, strict=True))


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7)])
def test_every_block_keeps_the_pictures_size(block: ConvBlock, height: int, width: int) -> None:
    assert block(3, 5)(torch.rand(2, 3, height, width)).shape == (2, 5, height, width)


@pytest.mark.parametrize("block", BLOCKS)
def test_no_block_changes_its_input(block: ConvBlock) -> None:
    x = torch.randn(1, 3, 5, 5)
    before = x.clone()
    block(3, 3)(x)
    assert torch.equal(x, before)
