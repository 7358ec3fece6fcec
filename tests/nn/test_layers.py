"""What a block computes, as weights: `layer()` held against the block itself by plain convolutions."""

import copy
import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.nn import ALDBlock, Dense, DWBlock, Layer, LDWBlock, Separable, StandardBlock

SEPARABLE = [DWBlock, LDWBlock, functools.partial(ALDBlock, reduction=2)]
BLOCKS = [StandardBlock, *SEPARABLE]


def made(block: Any, *, kernel_size: int = 3, channels: int = 6) -> nn.Module:
    """A block of 4 channels out, with an attention that differs from filter to filter."""
    torch.manual_seed(0)
    made: nn.Module = block(channels, 4, kernel_size=kernel_size).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.7)
    return made


def layer_of(block: nn.Module) -> Any:
    return block.layer()  # type: ignore[operator]


def literal(x: Tensor, layer: Layer) -> Tensor:
    """The layer written out with torch's convolutions. `Tensor[B, K, H, W]` → `Tensor[B, G, H, W]`."""
    if isinstance(layer, Dense):
        return F.conv2d(x, layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2).clamp_min(0)
    halo, channels = layer.depthwise.shape[-1] // 2, len(layer.depthwise)
    features = F.conv2d(x, layer.depthwise, layer.depthwise_bias, padding=halo, groups=channels)
    features = features.clamp_min(0) if layer.hasty else features
    return F.conv2d(features, layer.pointwise, layer.pointwise_bias).clamp_min(0)


def picture(channels: int = 6) -> Tensor:
    return torch.randn(2, channels, 7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_layer_gives_the_blocks_output(block: Any, kernel_size: int) -> None:
    block, x = made(block, kernel_size=kernel_size), picture()
    torch.testing.assert_close(literal(x, layer_of(block)), block(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("block", BLOCKS)
def test_layer_passes_gradients_to_every_parameter_of_the_block(block: Any) -> None:
    block, x = made(block), picture()
    upstream = torch.linspace(-1, 1, 2 * 4 * 7 * 5, dtype=torch.float64).view(2, 4, 7, 5)
    outputs = (literal(x, layer_of(block)), block(x))
    ours, theirs = (torch.autograd.grad(each, list(block.parameters()), upstream) for each in outputs)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("block", "hasty"), list(zip(SEPARABLE, [True, False, False], strict=True)))
def test_only_dw_has_the_hasty_relu(block: Any, hasty: bool) -> None:
    layer = layer_of(made(block))
    assert isinstance(layer, Separable)
    assert layer.hasty is hasty


def test_standard_is_a_dense_layer() -> None:
    layer = layer_of(made(StandardBlock, kernel_size=5))
    assert isinstance(layer, Dense)
    assert layer.weight.shape == (4, 6, 5, 5)
    assert layer.bias.shape == (4,)


@pytest.mark.parametrize("block", SEPARABLE)
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_separable_layer_knows_its_shape(block: Any, kernel_size: int) -> None:
    layer = layer_of(made(block, kernel_size=kernel_size))
    shapes = [tuple(each.shape) for each in layer[:4]]
    assert shapes == [(6, 1, kernel_size, kernel_size), (6,), (4, 6, 1, 1), (4,)]
    assert layer.growth == 4
    assert layer.halo == kernel_size // 2


@pytest.mark.parametrize("block", SEPARABLE)
@pytest.mark.parametrize("channels", [6, 32])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("rows", [slice(0, 7), slice(0, 2), slice(3, 4), slice(5, 7)], ids=str)
def test_some_rows_of_a_layer_are_those_rows_before_the_relu(
    block: Any, channels: int, dtype: torch.dtype, rows: slice
) -> None:
    block, x = made(block, channels=channels), picture(channels)
    layer = layer_of(copy.deepcopy(block).to(dtype))
    some = layer.rows(x.to(dtype).permute(0, 2, 3, 1).contiguous(), rows)
    assert some.shape == (2, rows.stop - rows.start, 5, 4)
    assert some.min() < 0
    tolerance = 1e-12 if dtype == torch.float64 else 1e-4
    expected = block(x).permute(0, 2, 3, 1)[:, rows]
    torch.testing.assert_close(some.clamp_min(0).double(), expected, rtol=tolerance, atol=tolerance)
