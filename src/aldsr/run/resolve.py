"""The command line of `aldsr.train` becomes one frozen `RunSettings`."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from torch import nn

from aldsr.analysis.budgets import RECIPE
from aldsr.core.errors import OptionError
from aldsr.core.frozen import flatten_keys, freeze
from aldsr.core.settings import RunSettings, TrainerSettings
from aldsr.core.version import code_version
from aldsr.data.sampling import patch_sizes
from aldsr.evaluation.cost import count_parameters
from aldsr.imaging import Degradation
from aldsr.nn.grouped_attention import GroupedAttention
from aldsr.run.continuing import find_checkpoint, recall_choices
from aldsr.run.loggers import resolve_loggers
from aldsr.run.network import resolve_network
from aldsr.run.recipe import patch_steps
from aldsr.run.targets import drop_our_options
from aldsr.run.unused import refuse_unused, unused_in_training
from aldsr.sweep.names import run_name, run_tags
from aldsr.sweep.plan import find_job_name, refuse_in_sweep, typed_overrides
from aldsr.training import LAYOUTS, StepTiming, autotune, resolve_devices, supported_precisions
from aldsr.training.options import check_trainer_options
from aldsr.training.step import Loss

COMPILES = ("none", "graph")
IF_EXISTS = ("archive", "continue")
QUICK_STEPS = 1000  # of the quick start: about two and a half minutes on two CPU cores


def resolve_config(config: DictConfig) -> RunSettings:
    """The settings of one training run; only what has to be measured (see `measure_settings`) may still be "auto".

    Raises OptionError, DeviceError, NetworkError for options that cannot be met.
    """
    hydra = HydraConfig.get()
    choices, overrides = hydra.runtime.choices, typed_overrides(hydra)
    resolve_network(config)
    for group in RECIPE:
        drop_our_options(config, group, group)
    refuse_unused(unused_in_training(config))
    model: Any = OmegaConf.to_container(config.model, resolve=True)
    config.name = config.name or run_name(choices, model, config.scale, config.study.budget)
    if hydra.mode == RunMode.MULTIRUN:  # of a launcher that calls the job itself, such as one for a cluster
        _place_in_study(config, Path(hydra.sweep.dir), overrides)
    config.run_dir = str(config.run_dir or f"runs/{config.name}")
    config.if_exists = config.if_exists or "archive"
    config.ckpt_path = find_checkpoint(config)
    recall_choices(config)  # before this machine's, which may offer others than the one that the run began on
    run: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    run.pop("budgets", None)
    Degradation.from_options(run.pop("degradation"))
    _check_values(run)
    run["logger"] = resolve_loggers(run, run_tags(choices, model, run["scale"], run["study"]["budget"]))
    steps = run["trainer"]["max_steps"], run["trainer"]["max_epochs"]
    run["quick"] = (*steps, choices["data"], choices["size"]) == (None, None, "embedded", "small")
    if run["trainer"]["precision"] == "auto" and not model.get("half", True):
        run["trainer"]["precision"] = "32-true"
    if callbacks := [each for each in (run.pop("callbacks", None) or {}).values() if each]:
        given = run["trainer"].get("callbacks") or []
        run["trainer"]["callbacks"] = [*(given if isinstance(given, list) else [given]), *callbacks]
    trainer = resolve_trainer(run["trainer"])
    run["trainer"] = trainer.to_config()
    if run["compile"] == "graph" and not trainer.on_gpu:
        raise OptionError("compile=graph: there are CUDA graphs on NVIDIA GPUs only; use compile=none or trainer=gpu")
    run["compile"] = run["compile"] if trainer.on_gpu else "none"
    settings = RunSettings.from_config(run, typed=True)
    sizes = patch_sizes(settings.data.patch_size)
    sides = freeze(dict(sizes)) if len(sizes) > 1 else sizes[0][1]  # one way to write what is one recipe
    settings = replace(settings, data=replace(settings.data, patch_size=sides))
    patch_steps(settings)  # refuses those beyond the run
    return settings


def resolve_trainer(trainer: Mapping[str, Any]) -> TrainerSettings:
    """Lightning's options with every "auto" and null replaced by what holds on this machine.

    Raises DeviceError if more devices are asked for than there are, OptionError for what would falsify results.
    """
    check_trainer_options(trainer)
    chosen = resolve_devices(**{key: trainer[key] for key in ("accelerator", "devices", "precision", "strategy")})
    steps, epochs = trainer["max_steps"], trainer["max_epochs"]
    # Without this rule an explicit limit would meet the quick start's, and the smaller would win silently.
    chosen["max_steps"] = steps if steps is not None else QUICK_STEPS if epochs is None else -1
    chosen["max_epochs"] = -1 if epochs is None else epochs
    if chosen["accelerator"] in ("gpu", "cuda") and trainer["accumulate_grad_batches"] == "auto":
        chosen["accumulate_grad_batches"] = 1  # a GPU is fastest with the whole batch
    return TrainerSettings.from_config({**trainer, **chosen})


def measure_settings(settings: RunSettings, network: nn.Module, loss: Loss) -> RunSettings:
    """The settings with precision, layout and micro-batches that train fastest here, where they are "auto".

    Also notes the network's size and the code's version. The network stays as it is, and so does torch's random state.
    """
    trainer = settings.trainer
    auto = "auto" in (trainer.precision, settings.layout, settings.compile, trainer.accumulate_grad_batches)
    if auto or len(patch_steps(settings)) > 1:  # for the largest patches, memory is tried before it is needed
        timings = _time_steps(settings, network, loss)
    if auto:
        best = timings[-1]
        trainer = replace(trainer, precision=best.precision, accumulate_grad_batches=best.micro_batches)
        settings = replace(settings, trainer=trainer, layout=best.layout, compile=best.compile)
        settings = replace(settings, timings=tuple(map(str, timings)))
    return replace(settings, parameters=count_parameters(network), version=code_version())


def _time_steps(settings: RunSettings, network: nn.Module, loss: Loss) -> list[StepTiming]:
    trainer, threads = settings.trainer, torch.get_num_threads()
    precision, number = trainer.precision, trainer.accumulate_grad_batches
    if trainer.on_cpu:
        torch.set_num_threads(max(1, threads // trainer.devices))  # as the ranks will have it
    try:
        return autotune(
            network,
            loss=loss,
            batch_size=settings.data.batch_size // trainer.ranks,
            patch_size=patch_steps(settings),
            precisions=supported_precisions(trainer.accelerator) if precision == "auto" else [precision],
            layouts=list(LAYOUTS) if settings.layout == "auto" else [settings.layout],
            compiles=COMPILES if settings.compile == "auto" else [settings.compile],
            micro_batches=None if number == "auto" else int(number),
            device="cuda" if trainer.on_gpu else "cpu",
            sharing=GroupedAttention if trainer.on_gpu else None,
        )
    finally:
        torch.set_num_threads(threads)


def _check_values(run: Mapping[str, Any]) -> None:
    for option, least, most in (("seed", 0, 2**32 - 1), ("scale", 1, 16)):
        if type(run[option]) is not int or not least <= run[option] <= most:
            raise OptionError(f"{option}={run[option]}: expected a whole number from {least} to {most}")
    for option, value in flatten_keys({"model": run["model"]}).items():
        if isinstance(value, float) and not math.isfinite(value):  # which the file of the weights could not hold
            raise OptionError(f"{option}={value}: expected a finite number")
    for option, offered in (("if_exists", IF_EXISTS), ("layout", ("auto", *LAYOUTS)), ("compile", ("auto", *COMPILES))):
        if run[option] not in offered:
            raise OptionError(f"{option}={run[option]}: expected {' or '.join(offered)}")
    if run["data"]["train_dirs"] == []:
        raise OptionError("data.train_dirs=[]: nothing to train on; name at least one folder of images")
    if (ema := run["ema"]) is not None and (not isinstance(ema, float) or not 0 < ema < 1):
        raise OptionError(f"ema={ema}: expected a decay between 0 and 1, such as 0.999, or null")


def _place_in_study(config: DictConfig, folder: Path, overrides: list[str]) -> None:
    """Name a job of a sweep, and put its folder into the study's."""
    refuse_in_sweep(overrides)
    config.name = find_job_name(folder, overrides)
    config.run_dir = str(folder / config.name)
    config.study.name = config.study.name or folder.name
    config.if_exists = "continue"
