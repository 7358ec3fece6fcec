"""Scores of a benchmark set as a torchmetrics Metric: per image, and right under DDP."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from aldsr.imaging.quality import psnr_y, ssim_y


class ImageScores(Metric):
    """PSNR-Y and SSIM-Y of each image of a set.

    Every image has its own place in the state and ranks are summed, so it does not matter which rank
    scores which image, in which order, or how many ranks there are: the result is the same to the last
    bit, and an image that a padding sampler shows twice is noticed.

    Args:
        images: number of images in the set.
        shave: pixels left out at each side: the scale, by convention.
    """

    full_state_update = False
    psnr: Tensor
    ssim: Tensor
    seen: Tensor

    def __init__(self, *, images: int, shave: int) -> None:
        super().__init__()
        self.shave = shave
        for name in ("psnr", "ssim", "seen"):
            self.add_state(name, torch.zeros(images, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, sr: Tensor, hr: Tensor, index: int) -> None:
        """Score image number `index`: `Tensor[1, 3, H, W]` each, uint8."""
        self.psnr[index] += psnr_y(sr, hr, shave=self.shave).squeeze(0)
        self.ssim[index] += ssim_y(sr, hr, shave=self.shave).squeeze(0)
        self.seen[index] += 1

    def compute(self) -> dict[str, Tensor]:
        """`psnr` and `ssim`, each `Tensor[images]`, float64 (torchmetrics makes a single image's a scalar).

        Raises:
            RuntimeError: if an image was scored twice or not at all.
        """
        if wrong := (self.seen != 1).nonzero().flatten().tolist():
            counts = self.seen[wrong].int().tolist()
            raise RuntimeError(f"images {wrong} were scored {counts} times, each must be scored once")
        return {"psnr": self.psnr, "ssim": self.ssim}

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = ()) -> "ImageScores":
        """Moved with a network, but never rounded with it."""
        super()._apply(lambda state: state.to(fn(state).device), exclude_state)
        return self
