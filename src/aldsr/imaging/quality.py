"""PSNR-Y and SSIM-Y by the protocol of the super-resolution literature.

Both take uint8 RGB (what an image file holds: `quantise` first), turn it to unrounded luma, leave out
`shave` pixels at each side (the scale, by convention) and give one float64 score per image. The score
of a set is the mean over its images, never the PSNR of a pooled error.
"""

import kornia.metrics
import torch
from torch import Tensor

from aldsr.imaging.luma import luma

PEAK = 255.0
WINDOW = 11  # SSIM: Gaussian 11×11, sigma 1.5 (Wang et al., IEEE TIP 13(4), 2004)


def quantise(image: Tensor) -> Tensor:
    """Float in [0, 1] → uint8, clipped and rounded half up as MATLAB does."""
    return image.float().mul(255).add(0.5).floor().clamp(0, 255).to(torch.uint8)


def _luma_pair(sr: Tensor, hr: Tensor, shave: int) -> tuple[Tensor, Tensor]:
    if sr.shape != hr.shape:
        raise ValueError(f"SR is {tuple(sr.shape)} but HR is {tuple(hr.shape)}: they must have one shape")
    if sr.dtype != torch.uint8 or hr.dtype != torch.uint8:
        raise ValueError(f"scores are taken on uint8 images, got {sr.dtype} and {hr.dtype}; quantise them first")
    height, width = sr.shape[-2:]
    if shave < 0:
        raise ValueError(f"shave must not be negative, got {shave}")
    if min(height, width) <= 2 * shave:
        raise ValueError(f"nothing is left of a {width}x{height} image after shaving {shave} pixels at each side")
    inner = (..., slice(shave, height - shave), slice(shave, width - shave))
    return luma(sr[inner]), luma(hr[inner])


def psnr_y(sr: Tensor, hr: Tensor, *, shave: int) -> Tensor:
    """Peak signal-to-noise ratio of luma, in dB: 10 · log10(255² / MSE); infinite for equal images.

    Args:
        sr, hr: `Tensor[B, 3, H, W]`, uint8.
        shave: pixels left out at each side.

    Returns:
        `Tensor[B]`, float64.

    Raises:
        ValueError: if shapes or types do not fit, or nothing is left after shaving.
    """
    a, b = _luma_pair(sr, hr, shave)
    return 10 * torch.log10(PEAK**2 / (a - b).square().mean((-3, -2, -1)))


def ssim_y(sr: Tensor, hr: Tensor, *, shave: int) -> Tensor:
    """Structural similarity of luma: K = (0.01, 0.03), L = 255, mean over the valid window positions.

    Arguments and result as in `psnr_y`, in [-1, 1].

    Raises:
        ValueError: as `psnr_y`, and if less than one 11×11 window is left after shaving.
    """
    a, b = _luma_pair(sr, hr, shave)
    if min(a.shape[-2:]) < WINDOW:
        height, width = sr.shape[-2:]
        raise ValueError(f"SSIM needs {WINDOW}x{WINDOW} pixels after shaving {shave}, the image is {width}x{height}")
    ssim_map: Tensor = kornia.metrics.ssim(a, b, WINDOW, max_val=PEAK, padding="valid")
    return ssim_map.mean((-3, -2, -1))
