"""PSNR and SSIM as the super-resolution literature computes them.

`psnr` and `ssim` compare planes of values 0…255; `psnr_y` and `ssim_y` take uint8 RGB (`quantise` first), convert it to
unrounded luma and leave out `shave` pixels at each side (the scale, by convention). All return one float64 score per
image. The score of a set is the mean over its images, not the PSNR of a pooled error. Other conventions: `protocol.py`.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from aldsr.core.errors import UserError
from aldsr.imaging.luma import luma

PEAK = 255.0

# SSIM (Wang et al., IEEE TIP 13(4), 2004): Gaussian window 11×11, sigma 1.5, K = (0.01, 0.03).
WINDOW = 11
C1, C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
BAND = 2**25  # pixels whose SSIM is computed at a time, some 3 GB; images of the benchmark sets are far below


class NotFiniteError(UserError, FloatingPointError):
    """An image with values that are not numbers, of which no score can be taken."""


def gaussian(size: int, sigma: float) -> list[float]:
    """The weights of a Gaussian window along one axis."""
    bell = [math.exp(-((place - size // 2) ** 2) / (2 * sigma**2)) for place in range(size)]
    return [value / sum(bell) for value in bell]


GAUSSIAN = gaussian(WINDOW, 1.5)


def unit_float(image: Tensor) -> Tensor:
    """uint8 0…255 → float32 in [0, 1]; `quantise` is its inverse."""
    return image.to(torch.float32).div_(255)


def quantise(image: Tensor) -> Tensor:
    """Float in [0, 1] → uint8, clipped and rounded half up as MATLAB does.

    Raises NotFiniteError for NaN and infinity.
    """
    if not image.isfinite().all():
        raise NotFiniteError(
            "the network's result has values that are NaN or infinite, which are no pixels; use precision 32-true "
            "or, if that does not help, the weights of another training"
        )
    return image.float().mul(255).add(0.5).floor().clamp(0, 255).to(torch.uint8)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, 10 · log10(255² / MSE); infinite for equal images.

    Two `Tensor[B, C, H, W]`, 0…255 → `Tensor[B]`, float64.
    """
    return 10 * torch.log10(PEAK**2 / (a.double() - b.double()).square().mean((-3, -2, -1)))


def ssim(a: Tensor, b: Tensor, *, windows: Literal["valid", "same"] = "valid", luminance: bool = True) -> Tensor:
    """Structural similarity: Gaussian window 11×11, sigma 1.5, K = (0.01, 0.03), L = 255; mean over positions.

    Two `Tensor[B, C, H, W]`, 0…255, whose channels are averaged → `Tensor[B]`, float64, in [-1, 1]. Windows are
    "valid", inside the image, as in the literature, or the "same" as there are pixels, the image mirrored at its
    border, as kornia does by default. `luminance`: whether that term counts, or contrast and structure alone.

    Raises ValueError if the image is smaller than a window.
    """
    height, width = a.shape[-2:]
    if min(height, width) < WINDOW:
        raise ValueError(f"SSIM needs {WINDOW}x{WINDOW} pixels, after shaving the image is {width}x{height}")
    if windows == "same":
        a, b = (F.pad(each.double(), 4 * [WINDOW // 2], mode="reflect") for each in (a, b))
    positions, rows = a.shape[-2] - WINDOW + 1, max(1, BAND // width)
    bands = [slice(start, start + rows + WINDOW - 1) for start in range(0, positions, rows)]
    if len(bands) == 1:
        return _ssim_map(a.double(), b.double(), luminance).mean((-3, -2, -1))
    maps = (_ssim_map(a[..., band, :].double(), b[..., band, :].double(), luminance) for band in bands)
    return torch.stack([each.mean((-3, -1)).sum(-1) for each in maps]).sum(0) / positions


def _ssim_map(a: Tensor, b: Tensor, with_luminance: bool) -> Tensor:
    """SSIM of every window inside two images, float64."""
    mean_a, mean_b, product, squares = map(window_means, (a, b, a * b, a.square().addcmul_(b, b)))
    means, mean_squares = mean_a * mean_b, mean_a.square_().addcmul_(mean_b, mean_b)
    luminance = (2 * means + C1) / (mean_squares + C1)
    # The sum of both variances is all that is needed of them.
    structure = (2 * (product - means) + C2) / (squares - mean_squares + C2)
    return luminance * structure if with_luminance else structure


def window_means(image: Tensor, weights: Sequence[float] = GAUSSIAN) -> Tensor:
    """Weighted means over windows, by shifts: on a CPU ten times as fast as a convolution in float64."""
    for axis in (-2, -1):
        size = image.shape[axis] - len(weights) + 1
        total = weights[0] * image.narrow(axis, 0, size)
        for place, weight in enumerate(weights[1:], 1):
            total.add_(image.narrow(axis, place, size), alpha=weight)
        image = total
    return image


def crop_border(sr: Tensor, hr: Tensor, shave: int) -> tuple[Tensor, Tensor]:
    """Cut `shave` pixels from each side of both images: `Tensor[B, 3, H, W]`, uint8.

    Raises ValueError if shapes or types do not fit, or nothing is left after shaving.
    """
    if sr.shape != hr.shape:
        raise ValueError(f"SR is {tuple(sr.shape)} but HR is {tuple(hr.shape)}: they must have one shape")
    if sr.dtype != torch.uint8 or hr.dtype != torch.uint8:
        raise ValueError(f"scores are taken on uint8 images, got {sr.dtype} and {hr.dtype}; quantise them first")
    height, width = sr.shape[-2:]
    if not 0 <= 2 * shave < min(height, width):
        raise ValueError(f"nothing is left of a {width}x{height} image after shaving {shave} pixels at each side")
    inner = (..., slice(shave, height - shave), slice(shave, width - shave))
    return sr[inner], hr[inner]


def psnr_y(sr: Tensor, hr: Tensor, *, shave: int) -> Tensor:
    """`psnr` of luma in dB, `Tensor[B]`, float64. Arguments and errors as in `crop_border`."""
    a, b = crop_border(sr, hr, shave)
    return psnr(luma(a), luma(b))


def ssim_y(sr: Tensor, hr: Tensor, *, shave: int) -> Tensor:
    """`ssim` of luma over the windows inside the cropped image, `Tensor[B]`, float64, in [-1, 1].

    Arguments and errors as in `crop_border`; a ValueError too if less than one 11×11 window is left.
    """
    a, b = crop_border(sr, hr, shave)
    return ssim(luma(a), luma(b))
