"""IMDN (Hui et al., ACM MM 2019), written from the paper's structure with its authors' names of weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Contrast-aware channel attention."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            nn.Conv2d(channels, channels // 16, 1), nn.ReLU(), nn.Conv2d(channels // 16, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return x * self.conv_du((x - mean).pow(2).mean((2, 3), keepdim=True).sqrt() + mean)


class Distillation(nn.Module):
    """An information multi-distillation block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.sizes = [channels // 4, channels - channels // 4]
        self.c1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.c2 = nn.Conv2d(self.sizes[1], channels, 3, padding=1)
        self.c3 = nn.Conv2d(self.sizes[1], channels, 3, padding=1)
        self.c4 = nn.Conv2d(self.sizes[1], self.sizes[0], 3, padding=1)
        self.c5 = nn.Conv2d(channels, channels, 1)
        self.cca = Attention(channels)

    def forward(self, x: Tensor) -> Tensor:
        kept, rest = [], x
        for conv in (self.c1, self.c2, self.c3):
            part, rest = F.leaky_relu(conv(rest), 0.05).split(self.sizes, 1)
            kept.append(part)
        return x + self.c5(self.cca(torch.cat([*kept, self.c4(rest)], 1)))


class IMDN(nn.Module):
    def __init__(self, nf: int = 64, upscale: int = 4) -> None:
        super().__init__()
        self.fea_conv = nn.Conv2d(3, nf, 3, padding=1)
        for number in range(1, 7):
            setattr(self, f"IMDB{number}", Distillation(nf))
        self.c = nn.Sequential(nn.Conv2d(6 * nf, nf, 1), nn.LeakyReLU(0.05))
        self.LR_conv = nn.Conv2d(nf, nf, 3, padding=1)
        self.upsampler = nn.Sequential(nn.Conv2d(nf, 3 * upscale**2, 3, padding=1), nn.PixelShuffle(upscale))

    def forward(self, x: Tensor) -> Tensor:
        first = x = self.fea_conv(x)
        outputs = [x := getattr(self, f"IMDB{number}")(x) for number in range(1, 7)]
        return self.upsampler(self.LR_conv(self.c(torch.cat(outputs, 1))) + first)
