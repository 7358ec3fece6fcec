"""Bicubic upscaling as one fixed convolution.

Every output pixel of an integer upscale depends on 4 of the 5 nearest input pixels along each axis, with weights that
depend only on its phase: a depthwise 5×5 convolution with scale² outputs per channel, then PixelShuffle.
The kernel is that of Keys (1981) with a = −0.5, with symmetric borders, as in MATLAB's `imresize`.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = 5  # input pixels -2 … +2 around the one that an output pixel lies in


def cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, a = −0.5 (IEEE TASSP 29(6), 1981, eq. 15)."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def phase_kernels(scale: int) -> Tensor:
    """The scale² kernels of an upscale, in PixelShuffle's order. `Tensor[scale², 5, 5]`."""
    centres = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    taps = torch.arange(TAPS, dtype=torch.float64) - TAPS // 2
    rows = cubic(centres[:, None] - taps)
    return torch.einsum("yi,xj->yxij", rows, rows).reshape(scale**2, TAPS, TAPS).float()


def mirror_indices(size: int, margin: int, device: torch.device) -> Tensor:
    """Indices that pad an axis symmetrically (the edge pixel repeated), also beyond one period."""
    period = torch.full((1,), 2 * size, device=device)  # a tensor: in ONNX a size cannot be a divisor
    index = torch.arange(-margin, size + margin, device=device) % period
    return torch.minimum(index, period - 1 - index)


class BicubicUpscale(nn.Module):
    """Bicubic upscaling by an integer, without parameters. `Tensor[B, C, H, W]` → `Tensor[B, C, sH, sW]`.

    Equals MATLAB's `imresize` to float rounding. Computed in float32 or finer, as rounding the image itself to bf16
    would cost more than any network gains.
    """

    kernels: Tensor

    def __init__(self, *, scale: int) -> None:
        super().__init__()
        self.scale = scale
        # Not persistent: a constant, which weights files need not hold. Three axes: channels-last layout would permute
        # a fourth, on which DDP's broadcast of buffers fails.
        self.register_buffer("kernels", phase_kernels(scale), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "BicubicUpscale":
        """Follow the network to another device, but not to another type."""
        super()._apply(fn, recurse)
        self.kernels = phase_kernels(self.scale).to(self.kernels.device)
        return self

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_autocast_enabled(x.device.type):  # only if on: torch 2.6 cannot save an exported graph with it
            with torch.autocast(x.device.type, enabled=False):
                return self.forward(x)
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        channels, height, width = x.shape[-3:]
        padded = x.index_select(-2, mirror_indices(height, TAPS // 2, x.device))
        padded = padded.index_select(-1, mirror_indices(width, TAPS // 2, x.device))
        kernels = self.kernels.to(x.dtype).repeat(channels, 1, 1).unsqueeze(1)
        return F.pixel_shuffle(F.conv2d(padded, kernels, groups=channels), self.scale)
