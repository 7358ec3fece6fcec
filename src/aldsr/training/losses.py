"""Losses: one number from SR and HR, `Tensor[B, 3, H, W]` each, float; HR in [0, 1]."""

import torch
from torch import Tensor
from torch.nn import functional as F

from aldsr.training.step import Loss


def charbonnier(sr: Tensor, hr: Tensor, *, eps: float = 1e-3) -> Tensor:
    """Mean of sqrt(difference² + eps²): L1 with a smooth minimum. LapSRN (Lai et al., CVPR 2017), with its eps."""
    return torch.sqrt((sr - hr) ** 2 + eps**2).mean()


def l1_fft(sr: Tensor, hr: Tensor, *, weight: float = 0.05) -> Tensor:
    """L1 of the pixels, and `weight` times L1 of the real and imaginary parts of their Fourier transforms.

    As SAFMN's code has it (Sun et al., ICCV 2023): not normalised, of each transform the half that real images need.
    """
    frequencies = torch.view_as_real(torch.fft.rfft2(sr - hr))
    return F.l1_loss(sr, hr) + weight * frequencies.abs().mean()


LOSSES: dict[str, Loss] = {"l1": F.l1_loss, "charbonnier": charbonnier, "mse": F.mse_loss, "l1_fft": l1_fft}
