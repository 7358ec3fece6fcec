"""How an LR image was made: by MATLAB's bicubic, as the field does, or in a way that costs tenths of a dB."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from aldsr.imaging import imresize, psnr

SAME_IMAGE = 20.0  # dB below which LR is rather of another image
SAME_METHOD = 45.0  # dB above which LR was made as another library makes it


def check_lr(hr_file: Path, hr: Tensor, lr_file: Path, lr: Tensor, scale: int) -> tuple[str, str] | None:
    """What is wrong with an LR image, as kind and message; None if it is MATLAB's bicubic of HR.

    MATLAB's own output may differ from ours by rounding: one level, in one value of a thousand.

    Args:
        hr: `Tensor[3, H, W]`, uint8; lr: `Tensor[3, h, w]`, uint8.
    """
    height, width = (size // scale for size in hr.shape[-2:])
    if lr.shape[-2:] != (height, width):
        sizes = f"is {lr.shape[-1]}x{lr.shape[-2]}, expected {width}x{height}"
        return "wrong size", f"{lr_file}: {sizes}: {hr_file.name} at scale 1/{scale}; is it of another image or scale?"
    hr = hr[None, :, : scale * height, : scale * width]
    expected = [imresize(hr, Fraction(1, scale), border=border)[0] for border in ("replicate", "symmetric")]
    differences = [(lr.int() - each.int()).abs() for each in expected]
    if any(each.max() <= 1 and (each > 0).double().mean() <= 1e-3 for each in differences):
        return None
    distance = max(_psnr(lr, each) for each in expected)
    method, similarity = max(
        ((name, _psnr(lr, other)) for name, other in downscale_otherwise(hr, scale)), key=lambda pair: pair[1]
    )
    if distance < SAME_IMAGE and similarity < SAME_METHOD:
        message = f"{lr_file}: is {distance:.1f} dB from {hr_file.name} made smaller; is it of another image?"
        return "LR of another image", message
    levels = min(int(each.max()) for each in differences)
    guess = f"; it looks like {method}" if similarity > max(distance, SAME_METHOD) else ""
    message = f"{lr_file}: was not made by MATLAB's bicubic: {distance:.1f} dB from it, up to {levels} levels{guess}"
    return "LR not by MATLAB", message


def downscale_otherwise(hr: Tensor, scale: int) -> Iterator[tuple[str, Tensor]]:
    """Yield LR as other libraries make it, with their names. hr: `Tensor[1, 3, sH, sW]`, uint8."""
    size = hr.shape[-2] // scale, hr.shape[-1] // scale
    image = Image.fromarray(np.ascontiguousarray(hr[0].permute(1, 2, 0).numpy()))
    for name, kernel in (("bicubic", Image.Resampling.BICUBIC), ("Lanczos", Image.Resampling.LANCZOS)):
        small = np.array(image.resize(size[::-1], kernel))
        yield f"Pillow's {name}", torch.from_numpy(small).permute(2, 0, 1)
    for name, mode in (("OpenCV's INTER_CUBIC, which does not smooth", "bicubic"), ("averaged blocks", "area")):
        smaller = F.interpolate(hr.float(), size=size, mode=mode)[0]
        yield name, smaller.add(0.5).floor().clamp(0, 255).to(torch.uint8)
    yield "every scale-th pixel (nearest)", hr[0, :, ::scale, ::scale]


def _psnr(a: Tensor, b: Tensor) -> float:
    return float(psnr(a[None], b[None]))
