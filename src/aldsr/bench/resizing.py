"""How fast images are resized, compared with the usual port of MATLAB's algorithm."""

import math
from collections.abc import Callable
from fractions import Fraction
from statistics import median

import torch
from torch import Tensor
from torch.utils.benchmark import Timer

from aldsr.imaging import imresize
from aldsr.nn.bicubic import cubic


def resize_by_rows(image: Tensor, scale: float) -> Tensor:
    """MATLAB's bicubic as it is usually ported: a matrix-vector product per row (column) and channel.

    The reference for the speed of `imresize`. Symmetric border, no rounding.

    Args:
        image: `Tensor[C, H, W]`, float.
        scale: factor of both axes.
    """
    return _resize_height(_resize_height(image, scale).mT, scale).mT


def _resize_height(image: Tensor, scale: float) -> Tensor:
    (channels, height, width), stretch = image.shape, min(scale, 1.0)
    size, taps = math.ceil(height * scale), math.ceil(4 / stretch) + 2
    centres = (torch.arange(size, dtype=image.dtype) + 0.5) / scale - 0.5
    index = (centres - 2 / stretch).floor()[:, None] + torch.arange(taps)
    weights = cubic((centres[:, None] - index) * stretch) * stretch
    weights /= weights.sum(1, keepdim=True)
    before, after = int(-index.min().clamp(max=0)), int((index.max() - height + 1).clamp(min=0))
    padded = torch.cat((image[:, :before].flip(1), image, image[:, height - after :].flip(1)), 1)
    resized = image.new_empty(channels, size, width)
    for row, start in enumerate((index[:, 0] + before).int().tolist()):
        for channel in range(channels):
            resized[channel, row] = padded[channel, start : start + taps].T.mv(weights[row])
    return resized


def resize_times(*, height: int = 1356, width: int = 2040, scale: int = 4, rounds: int = 7) -> dict[str, float]:
    """Median seconds on one core to make LR of one image, in turns: "imresize" of uint8, and the loop over "rows"."""
    hr = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    work: dict[str, Callable[[], Tensor]] = {
        "imresize": lambda: imresize(hr[None], Fraction(1, scale)),
        "rows": lambda: resize_by_rows(hr.float(), 1 / scale),
    }
    timers = {name: Timer("work()", globals={"work": each}, num_threads=1) for name, each in work.items()}
    seconds = [[timer.timeit(1).median for timer in timers.values()] for _ in range(rounds + 1)]  # the first warms up
    return dict(zip(work, map(median, zip(*seconds[1:], strict=True)), strict=True))
