"""Options of a run, with nothing left open: what this machine has, and what is fastest on it, put in."""

import inspect
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from torch import nn

from aldsr.core.errors import OptionError
from aldsr.nn.description import lookup
from aldsr.sweep.cluster import Nodes, find_nodes
from aldsr.sweep.continuing import MEASURED
from aldsr.sweep.names import run_name, run_tags
from aldsr.sweep.plan import find_job_name
from aldsr.training import LAYOUTS, autotune, resolve_devices, supported_precisions

# What stands for "auto" while options are checked.
PLAIN = {"precision": "32-true", "accumulate_grad_batches": 1}
IF_EXISTS = ("archive", "continue")
QUICK_STEPS = 1000  # of the quick start: about two and a half minutes on two CPU cores


def settled(config: DictConfig) -> dict[str, Any]:
    """The configuration of one training run as plain data, with nothing left "auto" or to be guessed.

    Raises:
        OptionError, DeviceError, NetworkError: for options that cannot be met.
    """
    hydra = HydraConfig.get()
    choices, overrides = hydra.runtime.choices, list(hydra.overrides.task)
    model: Any = OmegaConf.to_container(config.model, resolve=True)
    config.name = config.name or run_name(choices, model, config.scale)
    if hydra.mode == RunMode.MULTIRUN:  # of a launcher that calls the job itself, such as one for a cluster
        _place_in_study(config, Path(hydra.sweep.dir), overrides)
    config.run_dir = str(config.run_dir or f"runs/{config.name}")
    config.if_exists = config.if_exists or "archive"
    if config.if_exists not in IF_EXISTS:
        raise OptionError(f"if_exists={config.if_exists}: expected {' or '.join(IF_EXISTS)}")
    run: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    run.pop("budgets", None)
    if "tags" in run["logger"]:
        run["logger"]["tags"] += run_tags(choices, model, run["scale"], run["study"]["budget"])
    for option in ("seed", "scale"):
        if not isinstance(run[option], int) or run[option] < 0:
            raise OptionError(f"{option}={run[option]}: expected a whole number")
    run["quick"] = (run["trainer"]["max_steps"], run["trainer"]["max_epochs"], choices["data"], choices["size"]) == (
        (None, None, "embedded", "small")
    )
    run["measured"] = [key for key in MEASURED if OmegaConf.select(config, key) == "auto"]
    settle_trainer(run["trainer"])
    _leave_out_foreign_options(run["model"], overrides)
    if run["ckpt_path"] == "last":
        run["ckpt_path"] = str(Path(run["run_dir"]) / "checkpoints" / "last.ckpt")
    return run


def _place_in_study(config: DictConfig, folder: Path, overrides: list[str]) -> None:
    """Name a job of a sweep, and put its folder into the study's."""
    config.name = find_job_name(folder, overrides)
    config.run_dir = str(folder / config.name)
    config.study.name = config.study.name or folder.name
    config.if_exists = config.if_exists or "continue"


def settle_trainer(trainer: dict[str, Any]) -> None:
    """Replace every "auto" and null of Lightning's options by what holds on this machine."""
    asked = {key: trainer[key] for key in ("accelerator", "devices", "precision", "strategy")}
    devices = resolve_devices(**asked)
    trainer.update(accelerator=devices.accelerator, devices=devices.devices, precision=devices.precision)
    # Without this rule an explicit limit would meet the quick start's, and the smaller would win unsaid.
    if trainer["max_steps"] is None:
        trainer["max_steps"] = -1 if trainer["max_epochs"] is not None else QUICK_STEPS
    if trainer["max_epochs"] is None:
        trainer["max_epochs"] = -1


def settle_pace(run: dict[str, Any], network: nn.Module, *, recall: bool) -> None:
    """Replace what is left "auto" of precision, layout and micro-batches by what trains fastest here, measured.

    Args:
        run: the configuration; what was measured is added as `paces`.
        network: that is to be trained.
        recall: whether the run goes on: then what it was begun with holds, so that the same numbers come out.
    """
    trainer, run["paces"] = run["trainer"], []
    started = Path(run["run_dir"]) / "config.yaml"
    if recall and started.is_file():
        earlier: Any = OmegaConf.load(started)
        for key in run["measured"]:
            section, _, option = key.rpartition(".")
            if (found := OmegaConf.select(earlier, key)) is not None:
                (run[section] if section else run)[option] = found
    on_gpu = trainer["accelerator"] in ("gpu", "cuda")
    if on_gpu and trainer["accumulate_grad_batches"] == "auto":
        trainer["accumulate_grad_batches"] = 1
    chosen = trainer["precision"], run["layout"], trainer["accumulate_grad_batches"]
    if "auto" not in chosen:
        return
    threads, ranks = torch.get_num_threads(), ranks_of(run)
    torch.set_num_threads(threads if on_gpu else max(1, threads // trainer["devices"]))  # as the ranks will have it
    paces = autotune(
        network,
        device="cuda" if on_gpu else "cpu",
        batch_size=run["data"]["batch_size"] // ranks,
        patch_size=run["data"]["patch_size"],
        precisions=supported_precisions(trainer["accelerator"]) if chosen[0] == "auto" else chosen[:1],
        layouts=list(LAYOUTS) if chosen[1] == "auto" else chosen[1:2],
        micro_batches=None if chosen[2] == "auto" else chosen[2:],
    )
    torch.set_num_threads(threads)
    trainer["precision"], run["layout"] = paces[-1].precision, paces[-1].layout
    trainer["accumulate_grad_batches"] = paces[-1].micro_batches
    run["paces"] = [str(pace) for pace in paces]


def _leave_out_foreign_options(model: dict[str, Any], overrides: list[str]) -> None:
    """Let `model.conv._target_=mypackage.MyBlock` stand alone.

    What the chosen model's own block takes (ALD: reduction, descriptor) is left out where the user's
    block does not take it, unless the user typed it.
    """
    conv = model.get("conv", {})
    if "_target_" not in conv or conv["_target_"].startswith("aldsr."):
        return
    accepted = inspect.signature(lookup(conv["_target_"], trusted=None)).parameters
    for option in ("reduction", "descriptor"):
        typed = any(override.startswith(f"model.conv.{option}") for override in overrides)
        if option in conv and option not in accepted and not typed:
            del conv[option]


def cluster_of(run: dict[str, Any]) -> Nodes:
    """The machines that the run is to use.

    Raises:
        OptionError: if they are not there.
    """
    try:
        return find_nodes(run["trainer"]["num_nodes"])
    except ValueError as error:
        raise OptionError(str(error)) from error


def ranks_of(run: dict[str, Any]) -> int:
    """Processes of the run, over all machines."""
    return int(run["trainer"]["devices"] * run["trainer"]["num_nodes"])


def on_cpu(run: dict[str, Any]) -> bool:
    """Whether ranks have to share the cores."""
    return bool(run["trainer"]["accelerator"] == "cpu")
