"""What `aldsr.train` fits: network, LightningModule and Trainer of the settings, each built once in a process."""

import copy
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from lightning import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from torch import nn

from aldsr.core.device import device_name
from aldsr.core.errors import OptionError
from aldsr.core.frozen import FrozenDict, flatten_keys, thaw
from aldsr.core.run_files import CHECKPOINT, PROGRESS
from aldsr.core.settings import RunSettings
from aldsr.data import SuperResolutionData, describe_pairs, micro_batch_size
from aldsr.evaluation.bicubic import score_bicubic
from aldsr.evaluation.results import describe_network, make_results
from aldsr.nn.description import NetworkError, build, complete_description, label
from aldsr.nn.foreign import check_precision
from aldsr.nn.grouped_attention import GroupedAttention
from aldsr.nn.initial import draw_by_role, hash_weights, load_initial
from aldsr.nn.weights import check_network, check_resumable
from aldsr.run.recipe import build_optimizer, build_schedule, check_loss, patch_steps
from aldsr.training.checkpoints import AtomicCheckpointIO, CheckpointAfterLog, CheckpointOnSignal, MovingAverage
from aldsr.training.images import ValidationImages
from aldsr.training.module import SuperResolution
from aldsr.training.options import TRAINER_OPTIONS, find_environment
from aldsr.training.progress import ProgressFile, TrainingProgress
from aldsr.training.step import Loss

OF_ONE_RUN = ("scale", "checkpoint")  # options of a network that its weights do not depend on


def build_network(model: FrozenDict, *, seed: int, paired: bool = False) -> nn.Module:
    """The described network with its first weights, which depend on the seed only; `paired`: see `draw_by_role`.

    Raises NetworkError if the description cannot be built.
    """
    seed_everything(seed, verbose=False)
    network: nn.Module = build(thaw(model), allow_code=None)
    if paired:
        draw_by_role(network, seed)
    return network


def load_first_weights(settings: RunSettings, network: nn.Module) -> RunSettings:
    """Load the weights that `init` names, unless the run is continued; the settings then note what was loaded.

    Raises NetworkError if there are none, or they do not fit, OptionError if they replace all that `paired_init` drew.
    """
    if not settings.init or settings.ckpt_path:
        return settings
    initial = load_initial(network, settings.init, partial=settings.init_partial)
    if settings.paired_init and not initial.new_weights:  # else two names for one variant
        raise OptionError(f"paired_init=true: does nothing beside init={settings.init}, of all weights; leave it out")
    ours, theirs = (flatten_keys(complete_description(each)) for each in (settings.model, initial.description))
    others = [f"{key}={theirs.get(key)}" for key in theirs if key not in OF_ONE_RUN and theirs[key] != ours.get(key)]
    if others and "RANK" not in os.environ:  # options that no weight shows, such as model.residual
        print(f"init={settings.init}: these weights were trained with other options: {', '.join(others)}")
    return replace(settings, initial=initial.fingerprint, new_weights=tuple(initial.new_weights))


def check_start(settings: RunSettings, network: nn.Module, loss: Loss) -> None:
    """Check the network, the loss, and the checkpoint that it continues from, before anything else starts.

    Raises OptionError if the loss is none, NetworkError if the network has no weights or another scale, or the
    checkpoint is of another network.
    """
    if not any(weights.requires_grad for weights in network.parameters()):
        raise NetworkError(f"model: {label(thaw(settings.model))} has no weights to train; aldsr.evaluate measures it")
    with torch.random.fork_rng():  # a block may draw random numbers
        check_network(copy.deepcopy(network), settings.scale)
    device = "cuda" if settings.trainer.on_gpu else "cpu"
    check_loss(loss, settings.loss["_target_"], [settings.scale * side for side in patch_steps(settings)], device)
    check_precision(network, settings.trainer.precision)
    if settings.ckpt_path:
        check_resumable(settings.ckpt_path, network, thaw(settings.model))


def build_training(settings: RunSettings, network: nn.Module, loss: Loss) -> tuple[SuperResolution, Trainer]:
    """The module with its optimizer, and a trainer, as yet without loggers: nothing is read or written.

    Raises OptionError, DataError, MisconfigurationException for options that cannot be met.
    """
    optimizer = build_optimizer(settings.optimizer, network.parameters())
    clip, scales = settings.trainer.gradient_clip_val, settings.trainer.precision == "16-mixed"
    if clip and scales and optimizer.defaults.get("fused"):
        problem = "with 16-mixed, gradients are scaled until a fused optimizer's step, too late for clipping"
        raise OptionError(f"trainer.gradient_clip_val={clip}: {problem}; take bf16-mixed or leave out optimizer.fused")
    module = SuperResolution(
        network=network,
        description=thaw(settings.model),
        degradation=thaw(settings.data.degradation),
        optimizer=optimizer,
        scheduler=build_schedule(settings.schedule, optimizer, settings.total_steps),
        loss=loss,
        layout=settings.layout,
        sharing=GroupedAttention if settings.trainer.on_gpu else None,
        graph=settings.compile == "graph",
        extended_at=settings.segments[-1]["steps"] if settings.segments else 0,
    )
    parts, ranks = settings.trainer.accumulate_grad_batches, settings.trainer.ranks
    micro_batch_size(settings.data.batch_size, ranks=ranks, micro_batches=int(parts))
    checkpoints, summary = AtomicCheckpointIO(), settings.trainer.options.get("enable_model_summary", False)
    trainer: Trainer = instantiate(
        settings.trainer.to_config() | {"callbacks": None},
        callbacks=[*build_callbacks(settings, checkpoints), *build_user_callbacks(settings)],
        logger=False,
        plugins=[checkpoints, find_environment()],
        default_root_dir=settings.run_dir,
        **TRAINER_OPTIONS | {"enable_model_summary": summary},
    )
    return module, trainer


def checkpoint_room(settings: RunSettings) -> int:
    """Bytes of the weights and of two checkpoints (one replaces the other): weights, two moments, the average."""
    return 4 * (settings.parameters or 0) * (1 + 2 * (4 if settings.ema else 3))


def build_callbacks(settings: RunSettings, checkpoint_io: AtomicCheckpointIO) -> list[Callback]:
    """Checkpoints, progress, comparison images, and the moving average if there is to be one."""
    folder, gpu = Path(settings.run_dir), "cuda" if settings.trainer.on_gpu else None
    options: dict[str, Any] = {"every_n_train_steps": settings.checkpoint_every, "enable_version_counter": False}
    return [
        CheckpointAfterLog(checkpoint_io, last=folder / CHECKPOINT),
        ModelCheckpoint(dirpath=folder / "checkpoints", filename="last", **options),
        *([MovingAverage(decay=settings.ema, device=gpu)] if settings.ema else []),
        LearningRateMonitor("step"),
        TrainingProgress(bars=settings.trainer.options.get("enable_progress_bar", True)),
        ValidationImages(folder=folder / "pictures", name=label(settings.model), per_set=settings.pictures),
        ProgressFile(folder / PROGRESS),
        CheckpointOnSignal(checkpoint=folder / CHECKPOINT),
    ]


def build_user_callbacks(settings: RunSettings) -> list[Callback]:
    """The user's `trainer.callbacks`, which are added to ours. Raises OptionError if one is no callback."""
    given = thaw(settings.trainer.options.get("callbacks") or [])
    given = given if isinstance(given, list) else [given]
    waiting = [each for each in given if isinstance(each, dict) and each.get("check_on_train_epoch_end") is False]
    if waiting and settings.data.eval_dirs == ():
        raise OptionError(f"trainer.callbacks: {waiting[0]['_target_']} waits for validations; data.eval_dirs is empty")
    callbacks = [instantiate(each) for each in given]
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise OptionError(f"trainer.callbacks: {callback!r} is no lightning.Callback; expected its _target_")
    return callbacks


def collect_results(
    settings: RunSettings, trainer: Trainer, module: SuperResolution, data: SuperResolutionData
) -> dict[str, Any]:
    """The results of a trained network, with bicubic's beside them."""
    device, scale = trainer.strategy.root_device, settings.scale
    results = make_results(
        describe_network(label(settings.model), module.network, thaw(settings.model), scale=scale),
        module.scores,
        bicubic=score_bicubic(data.benchmarks, scale=scale, protocols=module.protocols, device=device),
        protocols=module.protocols,
        benchmarks=data.benchmarks,
        scale=scale,
        conditions={"device": device_name(device), "precision": "32-true", "kernels": settings.kernels},
    )
    callbacks: Sequence[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    (progress,) = (each for each in callbacks if isinstance(each, ProgressFile))
    results["training"] = {
        "steps": trainer.global_step,
        "seconds": round(progress.training_seconds(), 1),
        "precision": trainer.precision,
        "kernels": settings.kernels,
        "ranks": trainer.world_size,
        "threads": torch.get_num_threads(),
        "images": len(data.train_pairs),
        "fingerprint": settings.images["data.train_dirs"][0],
        "lr": describe_pairs(data.train_pairs),
        "weights": hash_weights(module.network.state_dict()),
    }
    if trainer.global_step < settings.total_steps:  # a callback has stopped it
        results["training"]["planned"] = settings.total_steps
    if settings.init:
        started = {"source": settings.init, "fingerprint": settings.initial, "new_weights": settings.new_weights}
        results["training"]["init"] = thaw(started)
    if settings.segments:
        planned = {"steps": trainer.global_step, "planned": settings.total_steps}
        results["training"]["segments"] = [*thaw(settings.segments), planned]
    return results
