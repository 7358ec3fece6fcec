"""The scores of every image of a set as a torchmetrics metric, exact under DDP."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from aldsr.imaging.protocol import LITERATURE, Protocol


class ImageScores(Metric):
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
