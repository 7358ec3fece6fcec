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
from aldsr.imaging.degradations import bd

SAME_IMAGE = 20.0  # dB below which LR is rather of another image
SAME_METHOD = 45.0  # dB above which LR was made as another library makes it


def check_lr(
    hr_file: Path, hr: Tensor, lr_file: Path, lr: Tensor, scale: int, *, by_bd: bool = False
) -> tuple[str, str] | None:
    """What is wrong with an LR image, as kind and message; None if it is MATLAB's bicubic of HR, or `by_bd` RDN's BD.

    MATLAB's own output may differ from ours by rounding: one level, in one value of a thousand. Images are
    `Tensor[3, H, W]`, uint8.
    """
    height, width = (size // scale for size in hr.shape[-2:])
    if lr.shape[-2:] != (height, width):
        sizes = f"is {lr.shape[-1]}x{lr.shape[-2]}, expected {width}x{height}"
        return "wrong size", f"{lr_file}: {sizes}: {hr_file.name} at scale 1/{scale}; is it of another image or scale?"
    hr = hr[None, :, : scale * height, : scale * width]
    expected = torch.cat([imresize(hr, Fraction(1, scale), border=border) for border in ("replicate", "symmetric")])
    expected = bd(hr, scale=scale) if by_bd else expected
    differences = (lr.int() - expected.int()).abs().flatten(1)
    levels = differences.amax(1)
    if ((levels <= 1) & ((differences > 0).double().mean(1) <= 1e-3)).any():
        return None
    distance = float(psnr(lr[None], expected).max())
    similarity, method = max((float(psnr(lr[None], other)), name) for name, other in downscale_otherwise(hr, scale))
    if distance < SAME_IMAGE and similarity < SAME_METHOD:
        found = f"is {distance:.1f} dB from {hr_file.name} made smaller; is it of another image?"
        return "LR of another image", f"{lr_file}: {found}"
    guess = f"; it looks like {method}" if similarity > max(distance, SAME_METHOD) else ""
    found = f"{distance:.1f} dB from it, up to {levels.min()} levels{guess}"
    kind, way = ("LR not BD", "RDN's BD") if by_bd else ("LR not by MATLAB", "MATLAB's bicubic")
    return kind, f"{lr_file}: was not made by {way}: {found}"


def downscale_otherwise(hr: Tensor, scale: int) -> Iterator[tuple[str, Tensor]]:
    """Yield LR as other libraries make it, with their names. hr: `Tensor[1, 3, sH, sW]`, uint8."""
    size = hr.shape[-2] // scale, hr.shape[-1] // scale
    image = Image.fromarray(np.ascontiguousarray(hr[0].permute(1, 2, 0).numpy()))
    for name, kernel in (("bicubic", Image.Resampling.BICUBIC), ("Lanczos", Image.Resampling.LANCZOS)):
        small = np.array(image.resize(size[::-1], kernel))
        yield f"Pillow's {name}", torch.from_numpy(small).permute(2, 0, 1)[None]
    for name, mode in (("OpenCV's INTER_CUBIC, which does not smooth", "bicubic"), ("averaged blocks", "area")):
        smaller = F.interpolate(hr.float(), size=size, mode=mode)
        yield name, smaller.add(0.5).floor().clamp(0, 255).to(torch.uint8)
    yield "MATLAB's bicubic", imresize(hr, Fraction(1, scale))
    yield "RDN's BD (degradation=bd)", bd(hr, scale=scale)
    yield "every scale-th pixel (nearest)", hr[..., ::scale, ::scale]
