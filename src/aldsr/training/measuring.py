"""PSNR and SSIM of every super-resolved image of every benchmark set, on any device and any number of ranks."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor

from aldsr.core.settings import TrainerSettings
from aldsr.imaging import PROTOCOLS, Protocol, Scores
from aldsr.imaging.metrics import ImageScores
from aldsr.training.options import TRAINER_OPTIONS, find_environment


class ValidationModule(LightningModule):
    """A LightningModule that scores what `super_resolve` returns for every image of every benchmark set.

    Args:
        scale: HR pixels per LR pixel.
        protocols: scoring protocols by name; the scores of the first one are logged.
        read: function that reads images that exist already, `Tensor[3, sH, sW]`, by their set's and their own index.

    Attributes:
        scores: after a validation, protocol → set → image → `psnr` (dB), `ssim` and so on, the same on every rank.
        validated_step: the step after which it was; None before the first.
    """

    def __init__(self, *, scale: int, protocols: Mapping[str, Protocol] | None = None, read: Any = None) -> None:
        super().__init__()
        self.scale = scale
        self.read = read
        self.protocols = dict(protocols or {"y": PROTOCOLS["y"]})
        self.metrics: list[ImageScores] = []
        self.scores: dict[str, Scores] = {}
        self.validated_step: int | None = None

    def super_resolve(self, batch: Any, dataloader_idx: int) -> Tensor:
        """Super-resolve the image of a batch, or read it: `Tensor[1, 3, sH, sW]`, uint8."""
        sr: Tensor = self.read(dataloader_idx, batch.number)[None]
        return sr.to(self.device)

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
        self.validated_step = self.global_step
        means = []
        for metric, benchmark in zip(self.metrics, self.trainer.datamodule.benchmarks, strict=True):  # type: ignore[attr-defined]
            names = benchmark.image_names
            found = {key: values.reshape(-1, len(names)) for key, values in metric.compute().items()}
            for protocol, *scores in zip(self.protocols, *(each.tolist() for each in found.values()), strict=True):
                self.scores[protocol][benchmark.name] = {
                    name: dict(zip(found, values, strict=True)) for name, *values in zip(names, *scores, strict=True)
                }
            for key, values in found.items():
                self.log(f"{benchmark.name}/{key}_y", values[0].mean(), sync_dist=True)
            means.append(found["psnr"][0].mean())
        self.log("psnr_y", torch.stack(means).mean(), prog_bar=True, sync_dist=True)


def score(
    module: ValidationModule, data: LightningDataModule, settings: TrainerSettings, callbacks: Sequence[Callback] = ()
) -> dict[str, Scores]:
    """Score every image of every set of `data.benchmarks` on the devices of the settings; return `module.scores`."""
    devices = {key: getattr(settings, key) for key in ("accelerator", "devices", "num_nodes", "strategy")}
    options: dict[str, Any] = {"logger": False, "enable_checkpointing": False, **devices, **TRAINER_OPTIONS}
    trainer = Trainer(callbacks=list(callbacks), plugins=[find_environment()], **options)
    trainer.validate(module, datamodule=data, verbose=False)
    return module.scores
