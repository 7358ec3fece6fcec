"""PSNR and SSIM as torchmetrics metrics, exact under DDP: means over images, and a score of every image."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from aldsr.imaging.protocol import LITERATURE, Protocol
from aldsr.imaging.quality import psnr_y, ssim_y


class _Float64(Metric):
    """A metric that moves to a module's device, but keeps float64 when the module is cast."""

    full_state_update = False

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = ()) -> "_Float64":
        super()._apply(lambda state: state.to(fn(state).device), exclude_state)
        return self


class _ImageMean(_Float64):
    """The mean over images of a score. `shave`: pixels left out at each side, the scale by convention."""

    higher_is_better = True
    total: Tensor
    images: Tensor
    measure: Callable[..., Tensor]

    def __init__(self, *, shave: int, **metric_options: Any) -> None:
        super().__init__(**metric_options)
        self.shave = shave
        for name in ("total", "images"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, sr: Tensor, hr: Tensor) -> None:
        """Add images: `Tensor[B, 3, H, W]` each, uint8."""
        self.total += type(self).measure(sr, hr, shave=self.shave).sum()
        self.images += len(sr)

    def compute(self) -> Tensor:
        """The mean, float64; NaN before the first image."""
        return self.total / self.images


class PSNRY(_ImageMean):
    """Mean over images of `psnr_y`, in dB: not the PSNR of a pooled error, as torchmetrics' own has it."""

    measure = staticmethod(psnr_y)


class SSIMY(_ImageMean):
    """Mean over images of `ssim_y`."""

    measure = staticmethod(ssim_y)


class ImageScores(_Float64):
    """Scores of each of a number of images, whose HR has `scale` pixels per LR pixel, by several protocols.

    Every image has its own element of the state and ranks are summed, so the result does not depend, to the last bit,
    on how images are distributed over ranks, and an image that a padding sampler repeats is noticed. The protocols
    have the same further measures.
    """

    psnr: Tensor
    ssim: Tensor
    seen: Tensor

    def __init__(self, *, images: int, scale: int, protocols: Sequence[Protocol] = (LITERATURE,)) -> None:
        super().__init__()
        self.scale = scale
        self.protocols = tuple(protocols)
        self.names = ("psnr", "ssim", *self.protocols[0].measures)
        for name in self.names:
            self.add_state(name, torch.zeros(len(protocols), images, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("seen", torch.zeros(images, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, sr: Tensor, hr: Tensor, index: int, gray: bool = False) -> None:
        """Score image number `index`: `Tensor[1, 3, H, W]` each, uint8; `gray`: whether HR's file is gray."""
        for row, protocol in enumerate(self.protocols):
            for name, score in protocol.score(sr, hr, scale=self.scale, gray=gray).items():
                getattr(self, name)[row, index] += score.squeeze(0)
        self.seen[index] += 1

    def compute(self) -> dict[str, Tensor]:
        """Each score as `Tensor[protocols, images]`, float64; torchmetrics makes a single value a scalar.

        Raises RuntimeError if an image was scored twice or not at all.
        """
        if wrong := (self.seen != 1).nonzero().flatten().tolist():
            counts = self.seen[wrong].int().tolist()
            raise RuntimeError(f"images {wrong} were scored {counts} times, each must be scored once")
        return {name: getattr(self, name) for name in self.names}
