"""Scoring a network with Lightning, on any device and any number of ranks."""

from collections.abc import Sequence
from typing import Any

from lightning import Callback, LightningDataModule, Trainer

from aldsr.core.settings import TrainerSettings
from aldsr.training.measuring import Scores, ValidationModule

# Options of every Trainer: aldsr has its own progress bar and samplers, and needs no sanity check.
TRAINER_OPTIONS: dict[str, Any] = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
}


def score(
    module: ValidationModule,
    data: LightningDataModule,
    settings: TrainerSettings,
    callbacks: Sequence[Callback] = (),
) -> dict[str, Scores]:
    """Return PSNR and SSIM of every image of every set of `data`, by the protocols of the module.

    Args:
        module: a `SuperResolution` with a network, or `StoredPredictions`.
        data: a `SuperResolutionData`, or any datamodule with an attribute `benchmarks`.
        settings: the devices to use.
        callbacks: such as a progress bar or comparison images.

    Returns:
        protocol → set → image → scores, the same on every rank.
    """
    trainer = Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.num_nodes,
        strategy=settings.strategy,
        logger=False,
        enable_checkpointing=False,
        callbacks=list(callbacks),
        **TRAINER_OPTIONS,
    )
    trainer.validate(module, datamodule=data, verbose=False)
    return module.scores
