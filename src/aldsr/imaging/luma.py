"""Luma: both quantities that super-resolution code calls Y."""

import kornia.color
import torch
from torch import Tensor

# ITU-R BT.601, studio range, for R, G, B in [0, 1]: MATLAB's `rgb2ycbcr`.
WEIGHTS = (65.481, 128.553, 24.966)
OFFSET = 16.0


def luma(rgb: Tensor) -> Tensor:
    """Y of YCbCr (BT.601, studio range), not rounded: the Y of the super-resolution literature.

    `Tensor[..., 3, H, W]`, uint8 in 0…255 or float in [0, 1] → `Tensor[..., 1, H, W]`, float64, 16…235.

    Raises ValueError if the third last axis does not hold three channels.
    """
    red, green, blue = _unit_double(rgb).unbind(-3)
    return (OFFSET + WEIGHTS[0] * red + WEIGHTS[1] * green + WEIGHTS[2] * blue).unsqueeze(-3)


def luma_full_range(rgb: Tensor) -> Tensor:
    """Y of BT.601 in full range, 0.299 R + 0.587 G + 0.114 B: what OpenCV and kornia call gray.

    Of a gray image this is the value itself: `Tensor[..., 1, H, W]`, float64, 0…255. Arguments and errors as in `luma`.
    """
    return kornia.color.rgb_to_grayscale(_unit_double(rgb)) * 255


def _unit_double(rgb: Tensor) -> Tensor:
    if rgb.dim() < 3 or rgb.shape[-3] != 3:
        raise ValueError(f"luma needs RGB, (..., 3, H, W), got shape {tuple(rgb.shape)}")
    return rgb.double().div_(255) if rgb.dtype == torch.uint8 else rgb.double()
