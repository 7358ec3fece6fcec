"""The four blocks, compared with the equations of the paper written out with torch.nn.functional."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.nn import ALDBlock, BSConvBlock, Dense, DWBlock, FilterAttention, Layer, LDWBlock, StandardBlock
from aldsr.nn.descriptors import Descriptor, average, determinant, maximum, scale_free, standardised, zero
from aldsr.nn.layers import ACTIVATIONS, PointwiseFirst, channels_of, kernel_size_of
from tests.nn.conftest import activate, kept_features, same_with_gradients

DESCRIPTORS = [average, determinant, maximum, zero]
DESCRIPTORS += [functools.partial(standardised, of=determinant), functools.partial(scale_free, of=determinant)]
BLOCKS = [StandardBlock, DWBlock, LDWBlock, ALDBlock, BSConvBlock, functools.partial(BSConvBlock, bias=True)]


def image() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 6, 7, 9, generator=generator, dtype=torch.float64).requires_grad_()


def make(block: Any, **options: Any) -> Any:
    """A block whose attention is active."""
    torch.manual_seed(1)
    return activate(block(6, 4, **options, **({"reduction": 2} if block is ALDBlock else {}))).double()


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
@pytest.mark.parametrize("descriptor", DESCRIPTORS)
def test_ald_is_the_literal_equations_with_their_gradients(descriptor: Descriptor, kernel_size: int) -> None:
    block, x = make(ALDBlock, kernel_size=kernel_size, descriptor=descriptor), image()
    assert block.attention(block.depthwise.weight).std() > 0.01  # or the comparison would show little
    same_with_gradients(block(x), literal_ald(x, block), (x, *block.parameters()))


def literal_layer(x: Tensor, layer: Layer) -> Tensor:
    """A layer written out with torch's convolutions. `Tensor[B, K, H, W]` → `Tensor[B, G, H, W]`."""
    halo = kernel_size_of(layer) // 2
    if isinstance(layer, Dense):
        return layer.activation(F.conv2d(x, layer.weight, layer.bias, padding=halo))
    channels = len(layer.depthwise)
    if isinstance(layer, PointwiseFirst):
        features = F.conv2d(x, layer.pointwise, layer.pointwise_bias)
        return layer.activation(
            F.conv2d(features, layer.depthwise, layer.depthwise_bias, padding=halo, groups=channels)
        )
    features = F.conv2d(x, layer.depthwise, layer.depthwise_bias, padding=halo, groups=channels)
    features = features.clamp_min(0) if layer.inner_relu else features
    return layer.activation(F.conv2d(features, layer.pointwise, layer.pointwise_bias))


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("block", BLOCKS)
def test_layer_is_what_the_block_computes_with_its_gradients(block: Any, kernel_size: int) -> None:
    for activation in ACTIVATIONS:
        made, x = make(block, kernel_size=kernel_size, activation=activation), image()
        layer = made.layer()
        assert (channels_of(layer), kernel_size_of(layer)) == ((6, 4), kernel_size)
        assert type(layer.activation) is type(ACTIVATIONS[activation]())
        same_with_gradients(literal_layer(x, layer), made(x), (x, *made.parameters()))


def test_ald_keeps_no_more_feature_maps_for_backward_than_ldw() -> None:
    x, ald = image(), make(ALDBlock)
    as_many = len(kept_features(make(LDWBlock), x))
    assert len(kept_features(ald, x)) == as_many
    assert len(kept_features(functools.partial(literal_ald, block=ald), x)) > as_many  # what the claim is worth


@pytest.mark.parametrize("descriptor", [determinant, zero, DESCRIPTORS[4]])
def test_a_live_start_activates_every_hidden_unit_and_changes_one_bias_only(descriptor: Descriptor) -> None:
    states, after, units = [], [], []
    for live in (False, True):
        torch.manual_seed(0)
        block = ALDBlock(64, 4, reduction=2, descriptor=descriptor, live=live)
        after.append(torch.rand(1).item())  # as many numbers were drawn
        states.append(block.state_dict())
        units.append(block.attention.squeeze(descriptor(block.depthwise.weight[:, 0])))
    assert (units[0] < 0).any()
    assert (units[1] > 1 - 1e-5).all()
    assert after[0] == after[1]
    changed = {key for key, value in states[0].items() if not torch.equal(value, states[1][key])}
    assert changed == {"attention.squeeze.bias"}


@pytest.mark.parametrize("block", BLOCKS)
def test_options_that_make_no_block_are_refused(block: Any) -> None:
    for kernel_size in (0, 2, -1):
        with pytest.raises(ValueError, match="kernel_size"):
            block(4, 4, kernel_size=kernel_size)
    with pytest.raises(ValueError, match=r"activation.*'swish'"):
        block(4, 4, activation="swish")
    with pytest.raises(ValueError, match="reduction"):
        ALDBlock(4, 4, reduction=0)


def test_hidden_width_is_channels_over_reduction_and_at_least_one() -> None:
    for channels, hidden in ((64, 2), (576, 18), (100, 3), (8, 1)):
        attention = ALDBlock(channels, 4).attention
        assert attention.squeeze.weight.shape == (hidden, channels)
        assert attention.descriptor is determinant  # the default


def test_attention_under_autocast_is_that_of_float32_with_its_gradients() -> None:
    torch.manual_seed(0)
    attention = FilterAttention(6, reduction=2, descriptor=determinant)
    nn.init.constant_(attention.squeeze.bias, 1)
    filters = torch.randn(6, 1, 3, 3, requires_grad=True)
    inputs = (filters, *attention.parameters())
    plain = attention(filters)
    with torch.autocast("cpu", torch.bfloat16):
        assert F.linear(plain, plain[None]).dtype == torch.bfloat16  # autocast is on
        cast = attention(filters)
    assert cast.dtype == torch.float32
    assert torch.equal(cast, plain)
    grads = (torch.autograd.grad(each.square().sum(), inputs) for each in (plain, cast))
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))
