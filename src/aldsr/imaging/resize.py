"""Bicubic resizing exactly as MATLAB's `imresize`, by which the field makes its LR images.

Cubic kernel with a = −0.5 (Keys, IEEE TASSP 29(6), 1981), widened by 1/scale when shrinking; rows first,
then columns, and for uint8 rounded after each of the two passes. At a rational scale p/q the weights repeat
after p output pixels, which stand for q input pixels: each tap of each of the p phases is one addition of
a strided slice, over strips small enough to stay in the cache.

Border: today's MATLAB mirrors the image ("symmetric"), older releases repeat the edge pixel
("replicate"). The published x4 LR images of Set5, Set14, B100 and Urban100 (the files of
jbhuang0604/SelfExSR) come out bit for bit with "replicate", all 219 of them; with "symmetric" 0.6-1.4 % of
their values differ, all within two pixels of the border. Hence the default.
"""

import math
from fractions import Fraction
from typing import Literal

import torch
from torch import Tensor

Border = Literal["symmetric", "replicate"]
SUPPORT = 2  # source pixels that the unscaled kernel reaches to each side
STRIP = 2**19  # values that are worked on at a time


def cubic(x: float) -> float:
    """Keys' cubic convolution kernel, a = −0.5 (eq. 15)."""
    x = abs(x)
    if x >= SUPPORT:
        return 0.0
    return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2


def phase_taps(scale: Fraction) -> list[dict[int, float]]:
    """For each of the first p output pixels of a scale p/q, its source pixels and their weights.

    Output pixel m·p + φ has the weights of pixel φ, m·q source pixels further on.
    """
    stretch = min(scale, Fraction(1))
    phases = []
    for phase in range(scale.numerator):
        centre = (phase + Fraction(1, 2)) / scale - Fraction(1, 2)
        reach = range(math.ceil(centre - SUPPORT / stretch), math.floor(centre + SUPPORT / stretch) + 1)
        taps = {pixel: weight for pixel in reach if (weight := cubic(float((centre - pixel) * stretch)))}
        phases.append({pixel: weight / sum(taps.values()) for pixel, weight in taps.items()})
    return phases


def _border_index(first: int, number: int, size: int, border: Border, device: torch.device) -> Tensor:
    """The source pixels that stand at first, first + 1, … where some of these lie outside the image."""
    index = torch.arange(first, first + number, device=device)
    if border == "replicate":
        return index.clamp(0, size - 1)
    index = index % (2 * size)
    return torch.minimum(index, 2 * size - 1 - index)


def _resize_rows(image: Tensor, scale: Fraction, border: Border) -> Tensor:
    """The number of rows times the scale: `Tensor[B, C, H, W]` → `Tensor[B, C, ceil(H · scale), W]`."""
    p, q = scale.numerator, scale.denominator
    size = math.ceil(image.shape[-2] * scale)
    phases, periods = phase_taps(scale), -(-size // p)
    first = min(min(taps) for taps in phases)
    reach = max(max(taps) for taps in phases) - first + 1  # source pixels of one period
    index = _border_index(first, reach + (periods - 1) * q, image.shape[-2], border, image.device)
    resized = image.new_empty(*image.shape[:-2], periods * p, image.shape[-1])
    precision = torch.promote_types(image.dtype, torch.float32)
    step = max(1, STRIP // (image[..., 0, :].numel() * max(p, q)))
    for start in range(0, periods, step):
        number = min(step, periods - start)
        sources = index[start * q : (start + number - 1) * q + reach]
        strip = image.index_select(-2, sources).to(precision)
        rows = strip.new_empty(*image.shape[:-2], number, p, image.shape[-1])
        for phase, taps in enumerate(phases):
            total = rows[..., phase, :].zero_()
            for pixel, weight in taps.items():
                begin = pixel - first
                total.add_(strip[..., begin : begin + (number - 1) * q + 1 : q, :], alpha=weight)
        if image.dtype == torch.uint8:
            rows.add_(0.5).floor_().clamp_(0, 255)
        resized[..., start * p : (start + number) * p, :] = rows.flatten(-3, -2)
    return resized[..., :size, :]


def imresize(image: Tensor, scale: Fraction | int | float, *, border: Border = "replicate") -> Tensor:
    """Resize by a rational factor, as MATLAB's `imresize(image, scale, 'bicubic')`.

    Args:
        image: `Tensor[B, C, H, W]`, uint8, or float of any range; the result has its type, rounded up to whole pixels.
        scale: factor of both axes, such as `Fraction(1, 4)` or 4; of a float the nearest fraction with a denominator up
            to 1000.
        border: what lies beyond the edge: "replicate", the edge pixel, as in the published LR images, or "symmetric",
            the image mirrored, as in today's MATLAB.

    Raises ValueError for a shape without pixels, or a scale that is not positive and finite.
    """
    if border not in ("replicate", "symmetric"):
        raise ValueError(f"border must be 'replicate' or 'symmetric', got {border!r}")
    if not 0 < scale < float("inf") or not (factor := Fraction(scale).limit_denominator(1000)):
        raise ValueError(f"scale must be finite and at least 1/1000, got {scale}")
    if image.dim() != 4 or 0 in image.shape:
        raise ValueError(f"imresize needs (B, C, H, W) with at least one pixel, got shape {tuple(image.shape)}")
    work = image.float() if image.dtype in (torch.float16, torch.bfloat16) else image
    work = _resize_rows(work, factor, border)
    work = _resize_rows(work.mT.contiguous(), factor, border).mT
    return work.to(image.dtype).contiguous()
