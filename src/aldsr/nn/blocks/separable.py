"""Depthwise separable convolution, with and without a ReLU between its two halves (ALDNet, Fig. 1)."""

from torch import nn

from aldsr.nn.blocks.standard import same_padding
from aldsr.nn.layers import Separable, weights_and_biases


def depthwise_conv(channels: int, kernel_size: int) -> nn.Conv2d:
    """One k×k filter per channel, with bias."""
    return nn.Conv2d(channels, channels, kernel_size, padding=same_padding(kernel_size), groups=channels)


class DWBlock(nn.Sequential):
    """Depthwise separable convolution with a ReLU between its two halves, the paper's "hasty ReLU" (Fig. 1(a))."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3) -> None:
        super().__init__(
            depthwise_conv(in_channels, kernel_size),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, out_channels, 1),
            nn.ReLU(inplace=True),
        )

    def layer(self) -> Separable:
        """What the block computes, as weights."""
        return Separable._make((*weights_and_biases(self[0], self[2]), True))


class LDWBlock(nn.Sequential):
    """Linear depthwise convolution: DW without the inner ReLU (Fig. 1(b))."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3) -> None:
        super().__init__(
            depthwise_conv(in_channels, kernel_size),
            nn.Conv2d(in_channels, out_channels, 1),
            nn.ReLU(inplace=True),
        )

    def layer(self) -> Separable:
        """What the block computes, as weights."""
        return Separable(*weights_and_biases(self[0], self[1]))
