"""A run from outside: its folder, its first and last words."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from rich.console import Console

from aldsr.core.errors import OptionError
from aldsr.core.files import atomic_write
from aldsr.data import SuperResolutionData
from aldsr.evaluation.results import read_results
from aldsr.nn.description import label
from aldsr.reporting.tables.results import cost_table, explain_table, protocol_line, scores_table
from aldsr.run.resolve import ranks_of
from aldsr.sweep.continuing import check_same
from aldsr.sweep.folders import lock_folder, open_run_folder
from aldsr.sweep.status import run_status
from aldsr.training.wandb.logger import wandb_mode


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
    if run_status(folder).state == "done":
        return True
    checkpoint = folder / "checkpoints" / "last.ckpt"
    if checkpoint.is_file():
        run["ckpt_path"] = str(checkpoint)
    return False


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
            lock.enter_context(lock_folder(folder))
            if moved := open_run_folder(folder, keep=goes_on):
                Console().print(f"{folder} held an earlier run, which is now {moved}", highlight=False, soft_wrap=True)
            with atomic_write(folder / "config.yaml") as temporary:
                OmegaConf.save(OmegaConf.create(run), temporary)
        except OSError as error:
            reason = error.strerror or error
            raise OptionError(f"run_dir={folder}: cannot be written ({reason}); choose another folder") from error
        yield


def introduce(run: dict[str, Any], data: SuperResolutionData) -> None:
    """The first lines: what is trained on what, where, for how long."""
    trainer, patch = run["trainer"], data.patch_size
    steps = trainer["max_steps"] if trainer["max_steps"] > 0 else trainer["max_epochs"] * data.steps_per_epoch
    device = "GPU" if trainer["accelerator"] in ("gpu", "cuda") else "CPU"
    threads = torch.get_num_threads()
    power = f", {threads} thread{'s' * (threads != 1)}" if device == "CPU" else f", {torch.cuda.get_device_name()}"
    ranks = f"{ranks_of(run)} × " if ranks_of(run) > 1 else ""
    images = f"{data.batch_size} LR patches, {patch}x{patch}, from {len(data.train_pairs)} images"
    sets = ", ".join(f"{benchmark.name} ({len(benchmark)})" for benchmark in data.benchmarks)
    lines = [
        f"[bold]{label(run['model'])}[/bold] {run['name']}: {run['parameters']:,} parameters, x{run['scale']}",
        f"trains   {steps:,} steps of {images}",
        f"measures {sets}",
        f"on       {ranks}{device}{power}, {trainer['precision']}",
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


def _python() -> str:
    """What the user has to type for this Python."""
    here = Path(sys.executable)
    if shutil.which("python") == str(here):
        return "python"
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)
