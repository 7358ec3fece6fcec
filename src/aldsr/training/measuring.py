"""The validation half of a LightningModule: super-resolved images, from wherever, → scores per set and image."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from aldsr.imaging import PROTOCOLS, ImageScores, Protocol

Scores = dict[str, dict[str, dict[str, float]]]  # set → image → psnr (dB), ssim


class Measuring(LightningModule):
    """Scores what `super_resolve` gives for every image of every set.

    Args:
        scale: HR pixels per LR pixel.
        protocols: how it is scored, by name; the first is the one that is logged.

    After a validation, `scores` holds psnr and ssim per protocol, set and image, the same on every rank.
    """

    def __init__(self, *, scale: int, protocols: Mapping[str, Protocol] | None = None) -> None:
        super().__init__()
        self.scale = scale
        self.protocols = dict(protocols or {"y": PROTOCOLS["y"]})
        self.metrics: list[ImageScores] = []
        self.scores: dict[str, Scores] = {}

    def super_resolve(self, batch: Any, dataloader_idx: int) -> Tensor:
        """The image of a batch, `Tensor[1, 3, sH, sW]`, uint8."""
        raise NotImplementedError

    def on_validation_start(self) -> None:
        protocols = list(self.protocols.values())
        self.metrics = [
            ImageScores(images=len(benchmark), scale=self.scale, protocols=protocols).to(self.device)
            for benchmark in self.trainer.datamodule.benchmarks  # type: ignore[attr-defined]
        ]

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        sr = self.super_resolve(batch, dataloader_idx)
        self.metrics[dataloader_idx].update(sr, batch.hr, batch.number, batch.gray)
        return sr

    def on_validation_epoch_end(self) -> None:
        self.scores = {protocol: {} for protocol in self.protocols}
        means = []
        for metric, benchmark in zip(self.metrics, self.trainer.datamodule.benchmarks, strict=True):  # type: ignore[attr-defined]
            names = benchmark.image_names
            found = {key: values.reshape(-1, len(names)) for key, values in metric.compute().items()}
            for row, protocol in enumerate(self.protocols):
                psnr, ssim = found["psnr"][row].tolist(), found["ssim"][row].tolist()
                self.scores[protocol][benchmark.name] = {
                    name: {"psnr": p, "ssim": s} for name, p, s in zip(names, psnr, ssim, strict=True)
                }
            for key, values in found.items():
                self.log(f"{benchmark.name}/{key}_y", values[0].mean(), sync_dist=True)
            means.append(found["psnr"][0].mean())
        self.log("psnr_y", torch.stack(means).mean(), prog_bar=True, sync_dist=True)


class Predictions(Measuring):
    """Measures images that are there already, whatever made them.

    Args:
        read: the image of a set's number and an image's number in it, `Tensor[3, sH, sW]`, uint8.
        scale, protocols: as in `Measuring`.
    """

    def __init__(
        self, *, read: Callable[[int, int], Tensor], scale: int, protocols: Mapping[str, Protocol] | None = None
    ) -> None:
        super().__init__(scale=scale, protocols=protocols)
        self.read = read

    def super_resolve(self, batch: Any, dataloader_idx: int) -> Tensor:
        return self.read(dataloader_idx, batch.number)[None].to(self.device)
