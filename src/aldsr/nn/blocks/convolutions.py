"""The convolutions that blocks are made of."""

from collections.abc import Callable

from torch import nn

ConvBlock = Callable[[int, int], nn.Module]  # called with in_channels and out_channels


def same_padding(kernel_size: int) -> int:
    """The padding with which a k×k convolution keeps height and width.

    Raises:
        ValueError: for an even k, for which there is none.
    """
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and positive to keep the image's size, got {kernel_size}")
    return kernel_size // 2


def depthwise_conv(channels: int, kernel_size: int) -> nn.Conv2d:
    """One k×k filter per channel, with bias."""
    return nn.Conv2d(channels, channels, kernel_size, padding=same_padding(kernel_size), groups=channels)
