"""The blocks without attention: that of RDN (Zhang et al., CVPR 2018), and depthwise ones (ALDNet, Fig. 1)."""

from collections.abc import Callable

from torch import nn

from aldsr.nn.layers import Dense, Separable, weights_and_biases

ConvBlock = Callable[[int, int], nn.Module]  # called with in_channels and out_channels


def same_padding(kernel_size: int) -> int:
    """The padding with which a k×k convolution keeps height and width. Raises ValueError for an even k."""
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and positive to keep the image's size, got {kernel_size}")
    return kernel_size // 2


class StandardBlock(nn.Sequential):
    """Dense k×k convolution, then ReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3) -> None:
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=same_padding(kernel_size))
        super().__init__(conv, nn.ReLU(inplace=True))

    def layer(self) -> Dense:
        """What the block computes, as weights."""
        return Dense(*weights_and_biases(self[0]))


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
