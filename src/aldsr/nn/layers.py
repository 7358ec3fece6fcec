"""What a block computes, as plain weights: the three kinds of layer that all blocks come down to.

A block returns its own by `layer()`. The attention of ALD is part of the weights by then, so folding, collapsing and
the RDB without concatenation need not know of it. `activation` is the module that is applied last.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "leaky_relu": partial(nn.LeakyReLU, 0.05, inplace=True),  # the slope of IMDN
    "gelu": nn.GELU,
    "prelu": nn.PReLU,  # one slope for all channels
    "none": nn.Identity,
}
RELU = nn.ReLU(inplace=True)


def make_activation(name: str) -> nn.Module:
    """The activation of this name. Raises ValueError for one that is not in `ACTIVATIONS`."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name]()


class Dense(NamedTuple):
    """Convolution k×k → activation. `weight` `Tensor[G, K, k, k]`, `bias` `Tensor[G]`."""

    weight: Tensor
    bias: Tensor
    activation: nn.Module = RELU


class Separable(NamedTuple):
    """Depthwise k×k → ReLU, if `inner_relu` → pointwise 1×1 → activation.

    `depthwise` `Tensor[K, 1, k, k]`, `depthwise_bias` `Tensor[K]`, `pointwise` `Tensor[G, K, 1, 1]`,
    `pointwise_bias` `Tensor[G]`.
    """

    depthwise: Tensor
    depthwise_bias: Tensor
    pointwise: Tensor
    pointwise_bias: Tensor
    inner_relu: bool = False
    activation: nn.Module = RELU


class PointwiseFirst(NamedTuple):
    """Pointwise 1×1 → depthwise k×k → activation.

    `pointwise` `Tensor[G, K, 1, 1]`, `pointwise_bias` `Tensor[G]` or None, `depthwise` `Tensor[G, 1, k, k]`,
    `depthwise_bias` `Tensor[G]`.
    """

    pointwise: Tensor
    pointwise_bias: Tensor | None
    depthwise: Tensor
    depthwise_bias: Tensor
    activation: nn.Module = RELU


Layer = Dense | Separable | PointwiseFirst


def channels_of(layer: Layer) -> tuple[int, int]:
    """The channels that a layer reads and writes."""
    mixing = layer.weight if isinstance(layer, Dense) else layer.pointwise
    return mixing.shape[1], len(mixing)


def kernel_size_of(layer: Layer) -> int:
    return (layer.weight if isinstance(layer, Dense) else layer.depthwise).shape[-1]


def is_collapsible(layer: Layer) -> bool:
    """Whether one dense convolution computes the same, up to the edges."""
    if isinstance(layer, PointwiseFirst):
        return layer.pointwise_bias is None
    return isinstance(layer, Dense) or not layer.inner_relu


def depthwise_features(x: Tensor, layer: Separable) -> Tensor:
    """What the depthwise convolution of a layer makes of x, before its ReLU if it has one."""
    filters = layer.depthwise
    return F.conv2d(x, filters, layer.depthwise_bias, padding=kernel_size_of(layer) // 2, groups=len(filters))


def has_layer(module: nn.Module) -> bool:
    """Whether a module is a block with a method `layer()`; a submodule of that name does not count."""
    return callable(getattr(type(module), "layer", None))


def weights_and_biases(*convolutions: nn.Module) -> list[Any]:
    """The weight and the bias of each convolution in turn."""
    return [tensor for conv in convolutions for tensor in (conv.weight, conv.bias)]


def collapse_layer(layer: Layer) -> Dense:
    """The dense convolution that equals a linear layer. Raises ValueError for one that none equals."""
    if isinstance(layer, Dense):
        return layer
    if isinstance(layer, PointwiseFirst):
        if layer.pointwise_bias is not None:
            raise ValueError(
                "a block with a bias between pointwise and depthwise (BSConv, bias=True) cannot collapse: the bias is "
                "added inside the image, but not to the zeros around it"
            )
        return Dense(layer.pointwise * layer.depthwise, layer.depthwise_bias, layer.activation)
    if layer.inner_relu:
        raise ValueError("a block with a ReLU between depthwise and pointwise (DW) is not linear and cannot collapse")
    with torch.autocast(layer.pointwise.device.type, enabled=False):  # weights must not be rounded
        pointwise = layer.pointwise.flatten(1)
        weight = pointwise[:, :, None, None] * layer.depthwise.squeeze(1)
        return Dense(weight, layer.pointwise_bias + pointwise @ layer.depthwise_bias, layer.activation)


def compute_dtype(x: Tensor) -> torch.dtype:
    """The type that layers compute in: that of autocast if it is on, else of x."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
