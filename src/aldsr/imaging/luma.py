"""Luma as the super-resolution literature measures it."""

import torch
from torch import Tensor

# ITU-R BT.601, studio range, for R, G, B in [0, 1]: MATLAB's `rgb2ycbcr`.
WEIGHTS = (65.481, 128.553, 24.966)
OFFSET = 16.0


def luma(rgb: Tensor) -> Tensor:
    """Y of YCbCr (BT.601, studio range), not rounded.

    Args:
        rgb: `Tensor[..., 3, H, W]`, uint8 in 0…255 or float in [0, 1].

    Returns:
        `Tensor[..., 1, H, W]`, float64, 16…235.

    Raises:
        ValueError: if the third last axis does not hold three channels.
    """
    if rgb.dim() < 3 or rgb.shape[-3] != 3:
        raise ValueError(f"luma needs RGB, (..., 3, H, W), got shape {tuple(rgb.shape)}")
    rgb01 = rgb.double() / 255 if rgb.dtype == torch.uint8 else rgb.double()
    red, green, blue = rgb01.unbind(-3)
    return (OFFSET + WEIGHTS[0] * red + WEIGHTS[1] * green + WEIGHTS[2] * blue).unsqueeze(-3)
