"""Measure a network with Lightning: on any device, on any number of ranks."""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning import Callback, LightningDataModule, Trainer
from torch import nn

from aldsr.training.module import SuperResolution

# What is aldsr's own decision in every Trainer: its own bar, its own samplers, no trial validation.
TRAINER_OPTIONS: dict[str, Any] = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
}


def score(
    network: nn.Module,
    data: LightningDataModule,
    trainer_options: Mapping[str, Any],
    callbacks: Sequence[Callback] = (),
) -> dict[str, dict[str, dict[str, float]]]:
    """PSNR-Y and SSIM-Y of every image of every set of `data`, the same on every rank.

    Args:
        network: with an attribute `scale`.
        data: a `SuperResolutionData`, or anything with its `benchmarks`.
        trainer_options: Lightning's accelerator, devices, num_nodes and strategy.
        callbacks: such as a progress bar or pictures.
    """
    devices = {key: trainer_options[key] for key in ("accelerator", "devices", "num_nodes", "strategy")}
    module = SuperResolution(network=network)
    trainer = Trainer(logger=False, enable_checkpointing=False, callbacks=list(callbacks), **devices, **TRAINER_OPTIONS)
    trainer.validate(module, datamodule=data, verbose=False)
    return module.scores
