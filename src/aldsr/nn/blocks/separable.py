"""Depthwise separable convolution, with and without a ReLU between its two halves (ALDNet, Fig. 1)."""

from torch import nn

from aldsr.nn.blocks.standard import same_conv
from aldsr.nn.layers import Separable, weights_and_biases


class DWBlock(nn.Sequential):
    """Depthwise separable convolution with a ReLU between its two halves, the paper's "hasty ReLU" (Fig. 1(a))."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3) -> None:
        super().__init__(
            same_conv(in_channels, in_channels, kernel_size, groups=in_channels),
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
            same_conv(in_channels, in_channels, kernel_size, groups=in_channels),
            nn.Conv2d(in_channels, out_channels, 1),
            nn.ReLU(inplace=True),
        )

    def layer(self) -> Separable:
        """What the block computes, as weights."""
        return Separable(*weights_and_biases(self[0], self[1]))
