"""Depthwise separable convolution: with and without a ReLU between its halves (ALDNet, Fig. 1), and turned round."""

import torch
from torch import Tensor, nn

from aldsr.nn.blocks.standard import same_conv
from aldsr.nn.layers import PointwiseFirst, Separable, depthwise_features, make_activation, weights_and_biases


class DWBlock(nn.Sequential):
    """Depthwise separable convolution with a ReLU between its two halves, the paper's "hasty ReLU" (Fig. 1(a)).

    `activation` is that after the second half; between them it is always a ReLU.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3, activation: str = "relu") -> None:
        depthwise = same_conv(in_channels, in_channels, kernel_size, groups=in_channels)
        pointwise = nn.Conv2d(in_channels, out_channels, 1)
        super().__init__(depthwise, nn.ReLU(inplace=True), pointwise, make_activation(activation))

    def layer(self) -> Separable:
        """What the block computes, as weights."""
        return Separable._make((*weights_and_biases(self[0], self[2]), True, self[3]))


class LDWBlock(nn.Sequential):
    """Linear depthwise convolution: DW without the inner ReLU (Fig. 1(b)).

    Two options are not in the paper. `gain` multiplies the depthwise features in training and use, as 1 + r of ALD,
    but by one constant, the best of which depends on the network; folded, it is part of the weights. `init_gain`
    multiplies the first depthwise weights only.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 3,
        activation: str = "relu",
        gain: float = 1.0,
        init_gain: float = 1.0,
    ) -> None:
        depthwise = same_conv(in_channels, in_channels, kernel_size, groups=in_channels)
        super().__init__(depthwise, nn.Conv2d(in_channels, out_channels, 1), make_activation(activation))
        self.gain, self.init_gain = gain, init_gain
        self.adjust_first_weights()

    @torch.no_grad()
    def adjust_first_weights(self) -> None:
        """Apply `init_gain` to the weights that were drawn."""
        for weights in self[0].parameters():
            weights.mul_(self.init_gain)

    def layer(self) -> Separable:
        """What the block computes, as weights: those of the depthwise layer are multiplied by the gain."""
        filters, bias, *pointwise = weights_and_biases(self[0], self[1])
        if self.gain != 1:
            filters, bias = filters * self.gain, bias * self.gain
        return Separable._make((filters, bias, *pointwise, False, self[2]))

    def forward(self, x: Tensor) -> Tensor:
        if self.gain == 1:
            return super().forward(x)
        return self[2](self[1](depthwise_features(x, self.layer())))


class BSConvBlock(nn.Sequential):
    """Blueprint separable convolution, BSConv-U: the pointwise half comes first.

    Haase, Amthor: Rethinking Depthwise Separable Convolutions, CVPR 2020. As published it has no bias between its
    halves; `bias` adds one, and the block can then not be collapsed (see `layers.collapse_layer`).
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int = 3, activation: str = "relu", bias: bool = False
    ) -> None:
        pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=bias)
        depthwise = same_conv(out_channels, out_channels, kernel_size, groups=out_channels)
        super().__init__(pointwise, depthwise, make_activation(activation))

    def layer(self) -> PointwiseFirst:
        """What the block computes, as weights."""
        return PointwiseFirst._make((*weights_and_biases(self[0], self[1]), self[2]))
