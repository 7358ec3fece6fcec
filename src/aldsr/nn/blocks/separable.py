"""Depthwise separable convolution: with and without a ReLU between its halves (ALDNet, Fig. 1), and turned round."""

from torch import nn

from aldsr.nn.blocks.standard import same_conv
from aldsr.nn.layers import PointwiseFirst, Separable, make_activation, weights_and_biases


class DWBlock(nn.Sequential):
    """Depthwise separable convolution with a ReLU between its two halves, the paper's "hasty ReLU" (Fig. 1(a)).

    `activation` is that after the second half; between them it is always a ReLU.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3, activation: str = "relu") -> None:
        super().__init__(
            same_conv(in_channels, in_channels, kernel_size, groups=in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, out_channels, 1),
            make_activation(activation),
        )

    def layer(self) -> Separable:
        """What the block computes, as weights."""
        return Separable._make((*weights_and_biases(self[0], self[2]), True, self[3]))


class LDWBlock(nn.Sequential):
    """Linear depthwise convolution: DW without the inner ReLU (Fig. 1(b))."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3, activation: str = "relu") -> None:
        super().__init__(
            same_conv(in_channels, in_channels, kernel_size, groups=in_channels),
            nn.Conv2d(in_channels, out_channels, 1),
            make_activation(activation),
        )

    def layer(self) -> Separable:
        """What the block computes, as weights."""
        return Separable._make((*weights_and_biases(self[0], self[1]), False, self[2]))


class BSConvBlock(nn.Sequential):
    """Blueprint separable convolution, BSConv-U: the pointwise half comes first.

    Haase, Amthor: Rethinking Depthwise Separable Convolutions, CVPR 2020. As published it has no bias between its
    halves; `bias` adds one, and the block can then not be collapsed (see `layers.collapse_layer`).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 3,
        activation: str = "relu",
        bias: bool = False,
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 1, bias=bias),
            same_conv(out_channels, out_channels, kernel_size, groups=out_channels),
            make_activation(activation),
        )

    def layer(self) -> PointwiseFirst:
        """What the block computes, as weights."""
        return PointwiseFirst._make((*weights_and_biases(self[0], self[1]), self[2]))
