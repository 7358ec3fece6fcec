"""The block of RDN itself (Zhang et al., CVPR 2018)."""

from torch import nn

from aldsr.nn.blocks.convolutions import same_padding
from aldsr.nn.layers import Dense, weights_and_biases


class StandardBlock(nn.Sequential):
    """Dense k×k convolution, then ReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3) -> None:
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=same_padding(kernel_size))
        super().__init__(conv, nn.ReLU(inplace=True))

    def layer(self) -> Dense:
        """What the block computes, as weights."""
        return Dense(*weights_and_biases(self[0]))
