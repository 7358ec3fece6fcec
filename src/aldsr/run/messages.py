"""The first and the last lines of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from aldsr.core.quoting import shell_words
from aldsr.core.run_files import CHECKPOINT, LEFT_OUT, LOG, WEIGHTS
from aldsr.core.settings import RunSettings
from aldsr.data import SuperResolutionData, describe_pairs
from aldsr.data.cache import describe_cache
from aldsr.data.sampling import patch_sizes
from aldsr.evaluation.results import read_results
from aldsr.nn.description import label, packages_of
from aldsr.reporting.tables.cells import pluralise
from aldsr.reporting.tables.results import cost_sheet, images_sheet, protocol_line, protocols_sheet
from aldsr.run.recipe import describe_recipe
from aldsr.run.typed import override


def print_start(settings: RunSettings, data: SuperResolutionData, *, extends: bool) -> None:
    """The first lines: what is trained on what, where, for how long; `extends`: whether a shorter run is extended."""
    trainer, threads = settings.trainer, torch.get_num_threads()
    device = f"GPU, {torch.cuda.get_device_name()}" if trainer.on_gpu else f"CPU, {pluralise(threads, 'thread')}"
    ranks = f"{trainer.ranks} × " if trainer.ranks > 1 else ""
    graph = ", steps as CUDA graphs" if settings.compile == "graph" else ""
    kernels = ", RDBs in Triton" if settings.kernels == "triton" else ""
    sides = [f"{side}x{side}" + f" from step {first:,}" * (first > 0) for first, side in patch_sizes(data.patch_size)]
    images = f"{data.batch_size} LR patches, {', '.join(sides)}, from {len(data.train_pairs)} images"
    sets = ", ".join(f"{each.name} ({len(each)}, LR {describe_pairs(each.pairs)})" for each in data.benchmarks)
    lines = [
        f"[bold]{label(settings.model)}[/bold] {settings.name}: {settings.parameters:,} parameters, x{settings.scale}",
        f"trains   {settings.total_steps:,} steps of {images}, LR {describe_pairs(data.train_pairs)}",
        f"images   {describe_cache(data.train_pairs)}",
        f"recipe   {describe_recipe(settings)}",
        f"measures {sets or 'nothing: data.eval_dirs is empty'}",
        f"on       {ranks}{device}, {trainer.precision}{kernels}{graph}",
        f"writes   {settings.run_dir}",
    ]
    if extends:
        lines.insert(1, _describe_extension(settings))
    elif settings.ckpt_path:
        lines.insert(1, f"continues {settings.ckpt_path}")
    elif settings.init:
        new = f"; new: {', '.join(settings.new_weights)}" if settings.new_weights else ""
        lines.insert(1, f"starts   from the weights of {settings.init} ({settings.initial}){new}")
    if data.left_out:
        file = Path(settings.run_dir) / LEFT_OUT
        file.write_text("".join(f"{name}\n" for name in data.left_out))
        lines.append(f"left out {len(data.left_out):,} images smaller than a patch, which {file} lists")
    if settings.timings:
        lines.append(f"step     {settings.timings[-1]}, the fastest of {len(settings.timings)} measured settings")
    if settings.quick:
        lines.append(
            "This is the quick start: about three minutes on two CPU cores. The paper's own protocol (full size, "
            "DIV2K, 300 epochs): experiment=paper"
        )
    Console().print("\n".join(lines), highlight=False, soft_wrap=True)


def _describe_extension(settings: RunSettings) -> str:
    """Tell how long the run was before, and what that means for the learning rate."""
    last = settings.segments[-1]
    rate = "follows the schedule of the new length from there" if settings.rescheduled else "is the same up to there"
    return (
        f"extends  the run of {last['planned']:,} steps, from step {last['steps']:,}; the learning rate {rate}, "
        "the optimizer's state is kept"
    )


def print_job_summary(run_dir: str | Path) -> None:
    """The last line of a job of a sweep."""
    results = read_results(Path(run_dir))
    gains = (
        f"{name} {found['psnr']:.2f} dB, bicubic {results['bicubic'][name]['psnr']:.2f}"
        for name, found in results["sets"].items()
    )
    stopped = f"; {stop}" if (stop := _describe_stop(results)) else ""
    print(f"done     {'; '.join(gains) or protocol_line(results)}{stopped}")


def print_summary(run_dir: str | Path) -> None:
    """The last lines: the scores, how they were taken, where everything lies, and what to do next."""
    folder, console = Path(run_dir), Console()
    results = read_results(folder)
    if results["sets"]:
        console.print(images_sheet(results))
    lines = [f"protocol  {protocol_line(results)}"]
    if "explained" in results:
        console.print(protocols_sheet(results["explained"]))
    if "cost" in results:
        console.print(cost_sheet(results))
    lines.append(f"results   {folder}/results.json, results.csv, table.md, table.tex")
    if (folder / "pictures").is_dir():
        lines.append(f"pictures  {folder / 'pictures'}")
    if (folder / "deployed.safetensors").is_file():
        lines.append(f"deployed  {folder / 'deployed.safetensors'}: the network in its fastest form here, for evaluate")
    if stopped := _describe_stop(results):
        lines.append(f"stopped   {stopped}")
    weights = folder / WEIGHTS
    if (folder / CHECKPOINT).is_file():
        lines += [f"weights   {weights}", f"log       {folder / LOG}"]
        if any(folder.glob("wandb/offline-run-*")):
            lines.append(
                f"W&B       kept offline; upload it with: wandb sync {shell_words(folder)}/wandb/offline-run-*"
            )
        allowed = packages_of(results["network"].get("description") or {})
        code = shell_words(f"allow_code=[{','.join(allowed)}]") + " " if allowed else ""
        lines.append(
            f"Next      python -m aldsr.evaluate {override('ckpt_path', weights)} {code}data=folder "
            "'data.eval_dirs=[DIR]' measures it on your own images"
        )
    else:
        lines.append(f"Next      python -m aldsr.compare {shell_words(folder)} OTHER… puts results into one table")
    print("\n".join(lines))


def _describe_stop(results: Mapping[str, Any]) -> str:
    """After how many steps a callback has stopped the run, if one has."""
    training = results.get("training", {})
    return f"after {training['steps']:,} of {training['planned']:,} steps" if "planned" in training else ""
