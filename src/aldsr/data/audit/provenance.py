"""Where an LR image comes from: MATLAB's bicubic, as the field has it, or something that costs tenths of a dB."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from aldsr.imaging import imresize, psnr

STRANGER = 20.0  # dB below which LR is rather of another image
KNOWN = 45.0  # dB above which LR was made as another library makes it


def lr_fault(hr_file: Path, hr: Tensor, lr_file: Path, lr: Tensor, scale: int) -> Iterator[tuple[str, str]]:
    """What is wrong with an LR image, as kind and sentence; nothing if it is MATLAB's bicubic of HR.

    MATLAB's own output may differ from ours by rounding: one level, in one value of a thousand.

    Args:
        hr: `Tensor[3, H, W]`, uint8; lr: `Tensor[3, h, w]`, uint8.
    """
    height, width = (size // scale for size in hr.shape[-2:])
    if lr.shape[-2:] != (height, width):
        found = f"is {lr.shape[-1]}x{lr.shape[-2]}, expected {width}x{height}"
        yield "wrong size", f"{lr_file}: {found}: {hr_file.name} at scale 1/{scale}; is it of another image or scale?"
        return
    hr = hr[None, :, : scale * height, : scale * width]
    made = [imresize(hr, Fraction(1, scale), border=border)[0] for border in ("replicate", "symmetric")]
    if any(_same(lr, candidate) for candidate in made):
        return
    distance = max(_distance(lr, candidate) for candidate in made)
    name, likeness = max(((name, _distance(lr, other)) for name, other in others(hr, scale)), key=lambda pair: pair[1])
    if distance < STRANGER and likeness < KNOWN:
        yield (
            "LR of another image",
            f"{lr_file}: is {distance:.1f} dB from {hr_file.name} made smaller; of another image?",
        )
        return
    most = min(_most(lr, candidate) for candidate in made)
    guess = f"; it looks like {name}" if likeness > max(distance, KNOWN) else ""
    yield (
        "LR not by MATLAB",
        f"{lr_file}: was not made by MATLAB's bicubic: {distance:.1f} dB from it, up to {most} levels{guess}",
    )


def others(hr: Tensor, scale: int) -> Iterator[tuple[str, Tensor]]:
    """LR as other libraries make it, by name. hr: `Tensor[1, 3, sH, sW]`, uint8."""
    size = hr.shape[-2] // scale, hr.shape[-1] // scale
    picture = Image.fromarray(np.ascontiguousarray(hr[0].permute(1, 2, 0).numpy()))
    for name, kernel in (("bicubic", Image.Resampling.BICUBIC), ("Lanczos", Image.Resampling.LANCZOS)):
        small = np.array(picture.resize(size[::-1], kernel))
        yield f"Pillow's {name}", torch.from_numpy(small).permute(2, 0, 1)
    for name, mode in (("OpenCV's INTER_CUBIC, which does not smooth", "bicubic"), ("averaged blocks", "area")):
        smaller = F.interpolate(hr.float(), size=size, mode=mode)[0]
        yield name, smaller.add(0.5).floor().clamp(0, 255).to(torch.uint8)
    yield "every scale-th pixel (nearest)", hr[0, :, ::scale, ::scale]


def _same(a: Tensor, b: Tensor) -> bool:
    off = (a.int() - b.int()).abs()
    return bool(off.max() <= 1 and (off > 0).double().mean() <= 1e-3)


def _distance(a: Tensor, b: Tensor) -> float:
    return float(psnr(a[None], b[None]))


def _most(a: Tensor, b: Tensor) -> int:
    return int((a.int() - b.int()).abs().max())
