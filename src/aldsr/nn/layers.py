"""What a block computes, as plain weights: the two kinds of layer that all blocks come down to.

A block returns its own by `layer()`. The attention of ALD is part of the weights by then, so folding, collapsing and
the RDB without concatenation need not know of it.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Dense(NamedTuple):
    """Convolution k×k → ReLU. `weight` `Tensor[G, K, k, k]`, `bias` `Tensor[G]`."""

    weight: Tensor
    bias: Tensor


class Separable(NamedTuple):
    """Depthwise k×k → ReLU, if `inner_relu` → pointwise 1×1 → ReLU.

    `depthwise` `Tensor[K, 1, k, k]`, `depthwise_bias` `Tensor[K]`, `pointwise` `Tensor[G, K, 1, 1]`,
    `pointwise_bias` `Tensor[G]`.
    """

    depthwise: Tensor
    depthwise_bias: Tensor
    pointwise: Tensor
    pointwise_bias: Tensor
    inner_relu: bool = False


Layer = Dense | Separable


def has_layer(module: nn.Module) -> bool:
    """Whether a module is a block with a method `layer()`; a submodule of that name does not count."""
    return callable(getattr(type(module), "layer", None))


def weights_and_biases(*convolutions: nn.Module) -> list[Any]:
    """The weight and the bias of each convolution in turn."""
    return [tensor for conv in convolutions for tensor in (conv.weight, conv.bias)]


def collapse_layer(layer: Layer) -> Dense:
    """The dense convolution that equals a linear depthwise layer. Raises ValueError for one with an inner ReLU."""
    if isinstance(layer, Dense):
        return layer
    if layer.inner_relu:
        raise ValueError("a block with a ReLU between depthwise and pointwise (DW) is not linear and cannot collapse")
    with torch.autocast(layer.pointwise.device.type, enabled=False):  # weights must not be rounded
        pointwise = layer.pointwise.flatten(1)
        weight = pointwise[:, :, None, None] * layer.depthwise.squeeze(1)
        return Dense(weight, layer.pointwise_bias + pointwise @ layer.depthwise_bias)


def compute_dtype(x: Tensor) -> torch.dtype:
    """The type that layers compute in: that of autocast if it is on, else of x."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
