"""IMDN: information multi-distillation network, a light one, whose convolution block can be swapped.

Hui, Gao, Yang, Wang: Lightweight Image Super-Resolution with Information Multi-Distillation Network, ACM MM 2019.

    fea_conv 3×3 → num_modules × IMDM → c, 1×1 of all their outputs → LR_conv 3×3 → + fea_conv → upsampler
    IMDM: c1 … c3 each keep a quarter of their nf outputs and pass on the rest, c4 makes the last quarter;
          x + c5, 1×1 of the attention of the four quarters

The names are those of the authors' code, the defaults the paper's. Activations are leaky ReLUs of slope 0.05; c4 has
none. Only c1 … c4 are swapped. `conversion` reads the authors' weights.
"""

import torch
from torch import Tensor, nn

from aldsr.nn.backbones.rcan import ChannelAttention
from aldsr.nn.blocks import ConvBlock, StandardBlock, make_block
from aldsr.nn.layers import make_activation
from aldsr.nn.upscaling import Residual, Upscaler, conv3x3


class ContrastAttention(ChannelAttention):
    """Channel attention by contrast: of the mean and the standard deviation of each channel."""

    def describe(self, x: Tensor) -> Tensor:
        """Their sum, `Tensor[B, C, 1, 1]`."""
        mean = super().describe(x)
        variance = (x - mean).square().mean((2, 3), keepdim=True)
        return variance.clamp_min(1e-12).sqrt() + mean  # the root of 0 has no gradient


class IMDM(nn.Module):
    """Information multi-distillation module. `Tensor[B, nf, H, W]` → the same."""

    def __init__(self, nf: int, *, conv: ConvBlock) -> None:
        super().__init__()
        self.kept = nf // 4
        self.c1 = make_block(conv, nf, nf, activation="leaky_relu")
        self.c2 = make_block(conv, nf - self.kept, nf, activation="leaky_relu")
        self.c3 = make_block(conv, nf - self.kept, nf, activation="leaky_relu")
        self.c4 = make_block(conv, nf - self.kept, self.kept, activation="none")
        self.cca = ContrastAttention(nf, reduction=16)
        self.c5 = nn.Conv2d(nf, nf, 1)

    def forward(self, x: Tensor) -> Tensor:
        quarters, rest = [], x
        for block in (self.c1, self.c2, self.c3):
            features = block(rest)
            quarters.append(features[:, : self.kept])
            rest = features[:, self.kept :]
        fused: Tensor = self.c5(self.cca(torch.cat((*quarters, self.c4(rest)), 1)))
        return fused + x


class IMDN(Upscaler):
    """Information multi-distillation network.

    `conv` makes the blocks c1 … c4: `conv(in_channels, out_channels, activation=…)`; `nf` is a multiple of 4;
    `scale`, `residual`: see `Upscaler`.
    Raises ValueError for a value that is not offered, or a block without the option `activation`.
    """

    upsampling = "upsampler"

    def __init__(
        self,
        *,
        conv: ConvBlock = StandardBlock,
        scale: int = 4,
        nf: int = 64,
        num_modules: int = 6,
        residual: Residual = "none",
    ) -> None:
        super().__init__(scale, residual)
        if nf < 4 or nf % 4:
            raise ValueError(f"nf must be a multiple of 4, got {nf}")
        self.fea_conv = conv3x3(3, nf)
        self.IMDMs = nn.ModuleList(IMDM(nf, conv=conv) for _ in range(num_modules))
        self.c = nn.Sequential(nn.Conv2d(num_modules * nf, nf, 1), make_activation("leaky_relu"))
        self.LR_conv = conv3x3(nf, nf)
        self.upsampler = nn.Sequential(conv3x3(nf, 3 * scale**2), nn.PixelShuffle(scale))
        self.adjust_first_weights()

    def forward(self, x: Tensor) -> Tensor:
        shallow = features = self.fea_conv(x)
        outputs = []
        for module in self.IMDMs:
            features = module(features)
            outputs.append(features)
        return self.add_residual(self.upsampler(self.LR_conv(self.c(torch.cat(outputs, 1))) + shallow), x)
