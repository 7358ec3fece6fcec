"""Bicubic resizing exactly as MATLAB's `imresize`, by which the field makes its LR images.

Cubic kernel with a = −0.5 (Keys, 1981), widened by 1/scale when shrinking; rows first, then columns,
and for uint8 rounded after each of the two passes. Away from the border this is what torch's
antialiased bicubic computes; here each axis is padded first, far enough that torch's own border rule
is never seen.

Border: today's MATLAB mirrors the picture ("symmetric"), older releases repeat the edge pixel
("replicate"). The published x4 LR images of Set5, Set14, B100 and Urban100 (the files of
jbhuang0604/SelfExSR) come out bit for bit with "replicate", all 219 of them; with "symmetric" 0.6-1.4 % of
their values differ, all within two pixels of the border. Hence the default.
"""

from fractions import Fraction
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Border = Literal["symmetric", "replicate"]
SUPPORT = 2  # source pixels that the unscaled kernel reaches to each side


def _padded_index(size: int, before: int, after: int, border: Border, device: torch.device) -> Tensor:
    index = torch.arange(-before, size + after, device=device)
    if border == "replicate":
        return index.clamp(0, size - 1)
    index = index % (2 * size)
    return torch.minimum(index, 2 * size - 1 - index)


def _resize_axis(image: Tensor, axis: int, scale: Fraction, border: Border) -> Tensor:
    """One pass along one axis: ceil(size · scale) pixels."""
    if axis == -2 and image.shape[-1] == 1:  # on which torch 2.13 computes wrong values
        return _resize_axis(image.mT, -1, scale, border).mT
    size = image.shape[axis]
    # Whole periods of the scale keep torch's sampling positions on MATLAB's.
    period = scale.denominator
    margin = -(-2 * SUPPORT * max(1, -(-period // scale.numerator)) // period) * period
    rest = -size % period
    padded = image.index_select(axis, _padded_index(size, margin, margin + rest, border, image.device))
    shape = list(image.shape[-2:])
    shape[axis] = int(padded.shape[axis] * scale)
    resized = F.interpolate(padded, size=shape, mode="bicubic", antialias=True, align_corners=False)
    return resized.narrow(axis, int(margin * scale), -int(-size * scale // 1))


def imresize(image: Tensor, scale: Fraction | int | float, *, border: Border = "replicate") -> Tensor:
    """Resize by a rational factor, as MATLAB's `imresize(image, scale, 'bicubic')`.

    Args:
        image: `Tensor[B, C, H, W]`, uint8, or float of any range.
        scale: factor of both axes, such as `Fraction(1, 4)` or 4; a float is taken as the nearest
            fraction with a denominator up to 1000.
        border: what lies beyond the edge: "replicate" (the edge pixel; the published LR images) or
            "symmetric" (the picture mirrored; today's MATLAB).

    Returns:
        `Tensor[B, C, ceil(H · scale), ceil(W · scale)]` of the image's type.

    Raises:
        ValueError: for a shape without pixels, or a scale that is not positive.
    """
    if border not in ("replicate", "symmetric"):
        raise ValueError(f"border must be 'replicate' or 'symmetric', got {border!r}")
    if not 0 < scale < float("inf"):
        raise ValueError(f"scale must be positive and finite, got {scale}")
    factor = Fraction(scale).limit_denominator(1000)
    if image.dim() != 4 or 0 in image.shape:
        raise ValueError(f"imresize needs (B, C, H, W) with at least one pixel, got shape {tuple(image.shape)}")
    whole = image.dtype == torch.uint8
    work = image.float() if whole or image.dtype in (torch.float16, torch.bfloat16) else image
    for axis in (-2, -1):
        work = _resize_axis(work, axis, factor, border)
        if whole:
            work = work.add_(0.5).floor_().clamp_(0, 255)
    return work.to(image.dtype)
