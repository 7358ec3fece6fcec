"""The block of RDN itself (Zhang et al., CVPR 2018), and the convolution that all blocks begin with."""

import inspect
from collections.abc import Callable

from torch import nn

from aldsr.nn.layers import Dense, make_activation, weights_and_biases

ConvBlock = Callable[[int, int], nn.Module]  # called with in_channels and out_channels


def same_conv(in_channels: int, out_channels: int, kernel_size: int, *, groups: int = 1) -> nn.Conv2d:
    """A biased k×k convolution that keeps height and width. Raises ValueError for an even k."""
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and positive to keep the image's size, got {kernel_size}")
    return nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, groups=groups)


def make_block(conv: ConvBlock, in_channels: int, out_channels: int, *, activation: str) -> nn.Module:
    """A block with the activation of one place in a network. Raises ValueError for one that cannot have it."""
    parameters = inspect.signature(conv).parameters.values()
    name = getattr(getattr(conv, "func", conv), "__name__", str(conv))
    if not any(each.name == "activation" or each.kind is each.VAR_KEYWORD for each in parameters):
        raise ValueError(f"the block {name} has no option activation, which this network sets at each place; add it")
    chosen = getattr(conv, "keywords", {}).get("activation", "relu")
    if chosen != "relu":  # the default, which a completed description states
        raise ValueError(f"activation={chosen}: this network sets it at each place of {name} itself; leave it out")
    made: Callable[..., nn.Module] = conv
    return made(in_channels, out_channels, activation=activation)


class StandardBlock(nn.Sequential):
    """Dense k×k convolution, then the activation (see `layers.ACTIVATIONS`)."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3, activation: str = "relu") -> None:
        super().__init__(same_conv(in_channels, out_channels, kernel_size), make_activation(activation))

    def layer(self) -> Dense:
        """What the block computes, as weights."""
        return Dense._make((*weights_and_biases(self[0]), self[1]))
