"""A run from outside: settling what its options leave open, its folder, its first and last words."""

import inspect
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from torch import nn

from aldsr.cli import OptionError
from aldsr.data import SuperResolutionData
from aldsr.measure import cost_table, explain_table, protocol_line, read_results, scores_table
from aldsr.nn.description import label, lookup
from aldsr.paths import whole
from aldsr.study import check_same, held, open_folder, read_plan, run_name, standing
from aldsr.training import LAYOUTS, precisions, settle, tune
from aldsr.training.wandblog import wandb_mode

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
    config.name = config.name or run_name(choices, config.scale)
    if hydra.mode == RunMode.MULTIRUN:  # of a launcher that calls the job itself, such as one for a cluster
        _place_in_study(config, Path(hydra.sweep.dir), overrides)
    config.run_dir = str(config.run_dir or f"runs/{config.name}")
    config.if_exists = config.if_exists or "archive"
    if config.if_exists not in IF_EXISTS:
        raise OptionError(f"if_exists={config.if_exists}: expected {' or '.join(IF_EXISTS)}")
    run: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    run.pop("budgets", None)
    for option in ("seed", "scale"):
        if not isinstance(run[option], int) or run[option] < 0:
            raise OptionError(f"{option}={run[option]}: expected a whole number")
    run["quick"] = (run["trainer"]["max_steps"], run["trainer"]["max_epochs"], choices["data"], choices["size"]) == (
        (None, None, "embedded", "small")
    )
    settle_trainer(run["trainer"])
    _leave_out_foreign_options(run["model"], overrides)
    if run["ckpt_path"] == "last":
        run["ckpt_path"] = str(Path(run["run_dir"]) / "checkpoints" / "last.ckpt")
    return run


def _place_in_study(config: DictConfig, folder: Path, overrides: list[str]) -> None:
    """Name a job of a sweep, and put its folder into the study's."""
    plan = read_plan(folder)
    if plan is None:
        raise OptionError(f"{folder}: has no study.json; it is written by hydra/callbacks=study when a sweep starts")
    config.name = plan.name(overrides)
    config.run_dir = str(folder / config.name)
    config.study.name = config.study.name or folder.name
    config.if_exists = config.if_exists or "continue"


def goes_on(run: dict[str, Any]) -> bool:
    """Whether this is the run in its folder, continued, and not one that only starts from another's weights."""
    folder = Path(run["run_dir"]).resolve()
    within = bool(run["ckpt_path"]) and Path(run["ckpt_path"]).resolve().is_relative_to(folder)
    return within or run["if_exists"] == "continue"


def find_earlier(run: dict[str, Any]) -> bool:
    """Look at what the folder holds of this run: go on from its last checkpoint if there is one.

    Returns:
        Whether it is done already.

    Raises:
        DifferentRunError: if the folder holds another run.
    """
    folder = Path(run["run_dir"])
    if not (folder / "config.yaml").is_file():
        return False
    check_same(folder, run)
    if standing(folder).state == "done":
        return True
    checkpoint = folder / "checkpoints" / "last.ckpt"
    if checkpoint.is_file():
        run["ckpt_path"] = str(checkpoint)
    return False


def settle_trainer(trainer: dict[str, Any]) -> None:
    """Replace every "auto" and null of Lightning's options by what holds on this machine."""
    asked = {key: trainer[key] for key in ("accelerator", "devices", "precision", "strategy")}
    devices = settle(**asked)
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
        for place, key in ((trainer, "precision"), (trainer, "accumulate_grad_batches"), (run, "layout")):
            found = OmegaConf.select(earlier, key if place is run else f"trainer.{key}")
            place[key] = found if place[key] == "auto" and found is not None else place[key]
    on_gpu = trainer["accelerator"] in ("gpu", "cuda")
    if on_gpu and trainer["accumulate_grad_batches"] == "auto":
        trainer["accumulate_grad_batches"] = 1
    chosen = trainer["precision"], run["layout"], trainer["accumulate_grad_batches"]
    if "auto" not in chosen:
        return
    threads, ranks = torch.get_num_threads(), trainer["devices"]
    torch.set_num_threads(threads if on_gpu else max(1, threads // ranks))  # as the ranks will have it
    paces = tune(
        network.to("cuda" if on_gpu else "cpu"),
        batch_size=run["data"]["batch_size"] // ranks,
        patch_size=run["data"]["patch_size"],
        precisions=precisions(trainer["accelerator"]) if chosen[0] == "auto" else chosen[:1],
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


@contextmanager
def open_run(run: dict[str, Any], *, goes_on: bool) -> Iterator[None]:
    """Make the run's folder, keep others out of it, and write its config.yaml.

    Raises:
        OptionError: if the folder cannot be written.
        InUseError: if another process works in it.
    """
    folder = Path(run["run_dir"])
    with ExitStack() as lock:
        try:
            lock.enter_context(held(folder))
            if moved := open_folder(folder, goes_on=goes_on):
                Console().print(f"{folder} held an earlier run, which is now {moved}", highlight=False, soft_wrap=True)
            with whole(folder / "config.yaml") as passing:
                OmegaConf.save(OmegaConf.create(run), passing)
        except OSError as error:
            reason = error.strerror or error
            raise OptionError(f"run_dir={folder}: cannot be written ({reason}); choose another folder") from error
        yield


def introduce(run: dict[str, Any], data: SuperResolutionData) -> None:
    """The first lines: what is trained on what, where, for how long."""
    trainer, patch = run["trainer"], data.patch_size
    steps = trainer["max_steps"] if trainer["max_steps"] > 0 else trainer["max_epochs"] * data.steps_per_epoch
    device = "GPU" if trainer["accelerator"] in ("gpu", "cuda") else "CPU"
    cores = f", {os.cpu_count()} cores" if device == "CPU" else f", {torch.cuda.get_device_name()}"
    ranks = f"{trainer['devices']} × " if trainer["devices"] > 1 else ""
    images = f"{data.batch_size} LR patches, {patch}x{patch}, from {len(data.train_pairs)} images"
    sets = ", ".join(f"{benchmark.name} ({len(benchmark)})" for benchmark in data.benchmarks)
    lines = [
        f"[bold]{label(run['model'])}[/bold] {run['name']}: {run['parameters']:,} parameters, x{run['scale']}",
        f"trains   {steps:,} steps of {images}",
        f"measures {sets}",
        f"on       {ranks}{device}{cores}, {trainer['precision']}",
        f"writes   {run['run_dir']}",
    ]
    if run["paces"]:
        lines.append(f"pace     {run['paces'][-1]}, the fastest of {len(run['paces'])} measured ways")
    if run["quick"]:
        lines.append(
            "This is the quick start: about three minutes on two CPU cores. The paper's own protocol (full size, "
            "DIV2K, 300 epochs): experiment=paper"
        )
    Console().print("\n".join(lines), highlight=False, soft_wrap=True)


def conclude_job(run_dir: str | Path) -> None:
    """The last line of a job of a sweep."""
    results = read_results(Path(run_dir))
    gains = (
        f"{name} {found['psnr']:.2f} dB, bicubic {results['bicubic'][name]['psnr']:.2f}"
        for name, found in results["sets"].items()
    )
    Console().print(f"done     {'; '.join(gains)}", highlight=False, soft_wrap=True)


def _python() -> str:
    """What the user has to type for this Python."""
    here = Path(sys.executable)
    if shutil.which("python") == str(here):
        return "python"
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)


def conclude(run_dir: str | Path) -> None:
    """The last lines: the scores, how they were taken, where everything lies, and what to do next."""
    folder, console = Path(run_dir), Console()
    results = read_results(folder)
    console.print(scores_table(results))
    lines = [f"protocol  {protocol_line(results)}"]
    if "explained" in results:
        console.print(explain_table(results["explained"]))
    if "cost" in results:
        console.print(cost_table(results))
    lines += [f"results   {folder}/results.json, results.csv, table.md, table.tex", f"pictures  {folder / 'pictures'}"]
    if (folder / "deployed.safetensors").is_file():
        lines.append(f"deployed  {folder / 'deployed.safetensors'}: the network in its fastest form here, for evaluate")
    weights, checkpoint = folder / "weights.safetensors", folder / "checkpoints" / "last.ckpt"
    if checkpoint.is_file():
        lines += [f"weights   {weights}", f"log       {folder / 'log.csv'}"]
        if (folder / "wandb").is_dir() and wandb_mode() == "offline":
            lines.append(f"W&B       kept offline; upload it with: wandb sync {folder}/wandb/offline-run-*")
        lines.append(
            f"Next      {_python()} -m aldsr.evaluate ckpt_path={weights} data=folder 'data.eval_dirs=[DIR]' "
            "measures it on your own images"
        )
    else:
        lines.append(f"Next      {_python()} -m aldsr.compare {folder} OTHER… puts results into one table")
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
