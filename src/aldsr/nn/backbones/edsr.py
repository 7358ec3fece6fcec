"""EDSR: residual blocks without batch norm, whose convolution block can be swapped.

Lim, Son, Kim, Nah, Lee: Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPR Workshops 2017.

    head 3×3 → n_resblocks × [x + res_scale · (conv → ReLU → conv)] → 3×3 → + head → upscaler

The names of options are those of the authors' code. The defaults are the paper's EDSR, 32 blocks of 256 features; its
baseline has 16 of 64 with res_scale 1. The authors' networks subtract DIV2K's mean, (0.4488, 0.4371, 0.4040), and
compute in [0, 255]: `mean` and `value_range`. Only the convolutions in the residual blocks are swapped.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from aldsr.nn.backbones.residual_network import ResidualNetwork
from aldsr.nn.blocks import ConvBlock, StandardBlock, make_block
from aldsr.nn.upscaling import Residual


class ResBlock(nn.Module):
    """Conv → ReLU → conv, times `res_scale`, plus the input. `Tensor[B, F, H, W]` → the same."""

    def __init__(self, n_feats: int, *, conv: ConvBlock, res_scale: float) -> None:
        super().__init__()
        self.conv1 = make_block(conv, n_feats, n_feats, activation="relu")
        self.conv2 = make_block(conv, n_feats, n_feats, activation="none")
        self.res_scale = res_scale

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.conv2(self.conv1(x))
        return x + self.res_scale * residual


class EDSR(ResidualNetwork):
    """Enhanced deep residual network; what it maps, `residual`, `up`, `mean`, `value_range`: see `ResidualNetwork`.

    `conv` makes the two blocks of a residual block: `conv(in_channels, out_channels, activation=…)`.
    Raises ValueError for a value that is not offered, or a block without the option `activation`.
    """

    def __init__(
        self,
        *,
        conv: ConvBlock = StandardBlock,
        scale: int = 4,
        n_resblocks: int = 32,
        n_feats: int = 256,
        res_scale: float = 0.1,
        residual: Residual = "none",
        up: int | None = None,
        mean: Sequence[float] | None = None,
        value_range: int = 1,
    ) -> None:
        units = [ResBlock(n_feats, conv=conv, res_scale=res_scale) for _ in range(n_resblocks)]
        super().__init__(
            units, n_feats=n_feats, scale=scale, residual=residual, up=up, mean=mean, value_range=value_range
        )
