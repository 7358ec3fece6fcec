"""The part of a network that depends on the scale: sub-pixel upscaling, as in RDN, EDSR and RCAN."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.nn.bicubic import BicubicUpscale
from aldsr.nn.kernels.buffered_rdb import is_eager_on_cpu
from aldsr.nn.layers import weights_and_biases

Residual = Literal["none", "bicubic"]


class Upscaler(nn.Module):
    """A network: `Tensor[B, 3, H, W]` RGB in [0, 1] → `Tensor[B, 3, sH, sW]`, nominally in [0, 1], not clipped.

    Args:
        scale: 2, 3 or 4.
        residual: "bicubic" adds the bicubically upscaled input to the output, so that the network only has to learn
            what bicubic misses, and trains faster; of the papers' networks none does. "none": as in the papers.

    `upsampling` is the part that depends on the scale, of which the name is given.
    Raises ValueError for a value that is not offered.
    """

    upsampling: str

    def __init__(self, scale: int, residual: Residual) -> None:
        super().__init__()
        if scale not in (2, 3, 4):
            raise ValueError(f"scale must be 2, 3 or 4, got {scale}")
        if residual not in ("none", "bicubic"):
            raise ValueError(f"residual must be 'none' or 'bicubic', got {residual!r}")
        self.scale = scale
        self.upscale = BicubicUpscale(scale=scale) if residual == "bicubic" else None

    def adjust_first_weights(self) -> None:
        """Let training of a residual start at bicubic, not 20 dB below it."""
        if self.upscale is not None:
            part = self.get_submodule(self.upsampling)
            last = [each for each in part.modules() if isinstance(each, nn.Conv2d | nn.ConvTranspose2d)][-1]
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def add_residual(self, output: Tensor, x: Tensor) -> Tensor:
        """The network's own output for x, and the residual if there is one."""
        return output if self.upscale is None else output + self.upscale(x)


def conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


class UPNet(nn.Sequential):
    """Sub-pixel upscaling, by 4 in two steps. `Tensor[B, G0, H, W]` → `Tensor[B, 3, sH, sW]`."""

    def __init__(self, *, scale: int, G: int, G0: int) -> None:
        if G < 1:
            raise ValueError(f"up, the width of the upscaler, must be at least 1, got {G}")
        steps = [2, 2] if scale == 4 else [scale]
        layers: list[nn.Module] = []
        for channels, step in zip((G0, G), steps, strict=False):
            layers += [conv3x3(channels, G * step**2), nn.PixelShuffle(step)]
        super().__init__(*layers, conv3x3(G, 3))

    def forward(self, x: Tensor) -> Tensor:
        if not is_eager_on_cpu(x):
            return super().forward(x)
        *steps, last = self
        for conv, shuffle in zip(steps[::2], steps[1::2], strict=True):
            x = conv_pixel_shuffle(x, conv, shuffle.upscale_factor)  # type: ignore[arg-type]
        return last(x)


def conv_pixel_shuffle(x: Tensor, conv: nn.Conv2d, step: int) -> Tensor:
    """PixelShuffle(step) of conv(x), in channels-last layout.

    The channels of the convolution are put into the order in which shuffling moves whole pixels: torch's own
    PixelShuffle, which moves single values, was a tenth of the time of upscaling on a CPU.
    """
    # C, r, r → r, r, C
    weight, bias = (each.unflatten(0, (-1, step**2)).transpose(0, 1).flatten(0, 1) for each in weights_and_biases(conv))
    y = F.conv2d(x, weight, bias, padding=1).permute(0, 2, 3, 1)
    batch, height, width, _ = y.shape
    y = y.reshape(batch, height, width, step, step, -1).transpose(2, 3)
    return y.reshape(batch, height * step, width * step, -1).permute(0, 3, 1, 2)
