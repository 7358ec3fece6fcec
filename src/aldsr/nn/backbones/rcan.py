"""RCAN: residual groups of blocks with channel attention, whose convolution block can be swapped.

Zhang, Li, Li, Wang, Zhong, Fu: Image Super-Resolution Using Very Deep Residual Channel Attention Networks, ECCV 2018.

    head 3×3 → n_resgroups × [x + (n_resblocks × RCAB → 3×3)] → 3×3 → + head → upscaler
    RCAB: x + attention(conv → ReLU → conv)

The names of options are those of the authors' code, the defaults the paper's. The authors' networks subtract DIV2K's
mean and compute in [0, 255], as EDSR's. Only the convolutions in the RCABs are swapped.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from aldsr.nn.backbones.residual_network import ResidualNetwork
from aldsr.nn.blocks import ConvBlock, StandardBlock, make_block
from aldsr.nn.upscaling import Residual, conv3x3


class ChannelAttention(nn.Sequential):
    """Multiply each channel by a number in (0, 1), from what `describe` says of all. `Tensor[B, C, H, W]` → the same.

    The hidden layer has C / `reduction` units, at least 1.
    """

    global_statistics = True  # of the whole image, so that tiles change the result

    def __init__(self, channels: int, *, reduction: int) -> None:
        if reduction < 1:
            raise ValueError(f"reduction must be at least 1, got {reduction}")
        hidden = max(1, channels // reduction)
        squeeze, excite = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        super().__init__(squeeze, nn.ReLU(inplace=True), excite, nn.Sigmoid())

    def describe(self, x: Tensor) -> Tensor:
        """The mean of each channel, `Tensor[B, C, 1, 1]`."""
        return x.mean((2, 3), keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        return x * super().forward(self.describe(x))


class RCAB(nn.Module):
    """Residual channel attention block: x + attention(conv → ReLU → conv). `Tensor[B, F, H, W]` → the same."""

    def __init__(self, n_feats: int, *, conv: ConvBlock, reduction: int) -> None:
        super().__init__()
        self.conv1 = make_block(conv, n_feats, n_feats, activation="relu")
        self.conv2 = make_block(conv, n_feats, n_feats, activation="none")
        self.attention = ChannelAttention(n_feats, reduction=reduction)

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.attention(self.conv2(self.conv1(x)))
        return x + residual


class ResidualGroup(nn.Sequential):
    """RCABs, then a convolution, plus the input. `Tensor[B, F, H, W]` → the same."""

    def __init__(self, n_feats: int, *, conv: ConvBlock, n_resblocks: int, reduction: int) -> None:
        blocks = (RCAB(n_feats, conv=conv, reduction=reduction) for _ in range(n_resblocks))
        super().__init__(*blocks, conv3x3(n_feats, n_feats))

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class RCAN(ResidualNetwork):
    """Residual channel attention network; what it maps, `residual`, `up`, `mean`, `value_range`: see `ResidualNetwork`.

    `conv` makes the two blocks of an RCAB: `conv(in_channels, out_channels, activation=…)`.
    Raises ValueError for a value that is not offered, or a block without the option `activation`.
    """

    def __init__(
        self,
        *,
        conv: ConvBlock = StandardBlock,
        scale: int = 4,
        n_resgroups: int = 10,
        n_resblocks: int = 20,
        n_feats: int = 64,
        reduction: int = 16,
        residual: Residual = "none",
        up: int | None = None,
        mean: Sequence[float] | None = None,
        value_range: int = 1,
    ) -> None:
        group = {"conv": conv, "n_resblocks": n_resblocks, "reduction": reduction}
        units = [ResidualGroup(n_feats, **group) for _ in range(n_resgroups)]  # type: ignore[arg-type]
        super().__init__(
            units, n_feats=n_feats, scale=scale, residual=residual, up=up, mean=mean, value_range=value_range
        )
