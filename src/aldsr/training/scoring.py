"""Measure with Lightning: on any device, on any number of ranks."""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning import Callback, LightningDataModule, Trainer

from aldsr.training.measuring import Measuring, Scores

# What is aldsr's own decision in every Trainer: its own bar, its own samplers, no trial validation.
TRAINER_OPTIONS: dict[str, Any] = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
}


def score(
    module: Measuring,
    data: LightningDataModule,
    trainer_options: Mapping[str, Any],
    callbacks: Sequence[Callback] = (),
) -> dict[str, Scores]:
    """PSNR and SSIM of every image of every set of `data`, per protocol of the module, the same on every rank.

    Args:
        module: a `SuperResolution` around a network, or `Predictions`.
        data: a `SuperResolutionData`, or anything with its `benchmarks`.
        trainer_options: Lightning's accelerator, devices, num_nodes and strategy.
        callbacks: such as a progress bar or pictures.
    """
    devices = {key: trainer_options[key] for key in ("accelerator", "devices", "num_nodes", "strategy")}
    trainer = Trainer(logger=False, enable_checkpointing=False, callbacks=list(callbacks), **devices, **TRAINER_OPTIONS)
    trainer.validate(module, datamodule=data, verbose=False)
    return module.scores
