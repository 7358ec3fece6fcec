"""`python -m aldsr.benchmark`: how fast this machine trains, upscales, loads patches and resizes, side by side.

training, upscaling: DW-, LDW- and ALD-RDN beside dense RDN, each at its measured best, and beside the paper's
equations typed in literally. checkpointing: peak memory of a step with and without. loading: patches on one core,
beside decoding files for every patch. resize: LR images, beside a loop over rows.
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from aldsr.data import SuperResolutionData
from aldsr.measure import device_name, keep_memory
from aldsr.measure.loading import decoding_rate, loading_rate
from aldsr.measure.resizing import resize_times
from aldsr.measure.speed import BLOCKS, Measured, OutOfMemoryError, Task, Way, as_data, in_a_process, side_by_side
from aldsr.training import precisions, tune

STAGES = {
    "cut": "cut from the cache and collated (uint8)",
    "augmented": "… flipped and turned (uint8)",
    "float": "… and made float32",
}
SIZES = {"paper": {"D": 16, "C": 8, "G": 64, "G0": 64}, "small": {"D": 4, "C": 4, "G": 32, "G0": 32}}
LITERAL = Way("literal", "32-true", "contiguous")
NOTES = (
    "seconds: median of all runs; peak: beyond the weights; of roofline: the share of the time that all multi-adds "
    "would take at the rate of a large matrix product of the same precision"
)
Results = dict[tuple[Way, bool], list[Measured]]  # bool: whether freed memory was kept


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what is asked for and print a table of it."""
    parser = argparse.ArgumentParser(
        prog="python -m aldsr.benchmark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ("training", "upscaling", "checkpointing", "loading", "resize")
    parser.add_argument("what", nargs="*", help=f"of {', '.join(kinds)} (default: loading resize)")
    parser.add_argument("--size", choices=SIZES, default="paper", help="of the networks")
    parser.add_argument("--batch", type=int, default=16, help="patches of a training step")
    parser.add_argument("--patch-size", type=int, default=48, help="LR pixels (default: the paper's 48)")
    parser.add_argument("--scale", type=int, default=4, choices=(2, 3, 4), help="of loading and resizing")
    parser.add_argument("--rounds", type=int, default=2, help="times that every process is run")
    parser.add_argument("--train-dir", action="append", help="images to cut from (default: the procedural pictures)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args(argv)
    if unknown := sorted(set(options.what) - set(kinds)):
        parser.error(f"{unknown[0]}: expected {', '.join(kinds)}")
    console, figures = Console(), dict[str, object]()
    for what in options.what or ["loading", "resize"]:
        if what == "loading":
            console.print(loading(options.train_dir, options.scale, options.patch_size))
        elif what == "resize":
            console.print(resizing(options.scale))
        else:
            results = measured(what, options, console)
            console.print(speed_table(what, results, options))
            figures[what] = as_data(results)
    if options.json:
        machine = {"device": device_name(torch.device("cpu")), "threads": torch.get_num_threads()}
        options.json.write_text(json.dumps(machine | figures, indent=1) + "\n")
        console.print(f"figures   {options.json}")


def measured(what: str, options: argparse.Namespace, console: Console) -> Results:
    """Every way, in as many rounds of processes as asked for."""
    task = Task(SIZES[options.size], 0 if what == "upscaling" else options.batch, options.patch_size)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Choosing each network's best settings", total=None)
        groups = processes(what, task)
        progress.update(bar, description=f"Measuring {what}", total=options.rounds * len(groups))
        results: Results = {}
        for _ in range(options.rounds):
            for ways, keep in groups:
                for way in ways:
                    results.setdefault((way, keep), [])
                with suppress(OutOfMemoryError):
                    for way, found in zip(ways, side_by_side(ways, task, keep=keep), strict=True):
                        results[way, keep].append(found)
                progress.advance(bar)
    return results


def processes(what: str, task: Task) -> list[tuple[list[Way], bool]]:
    """What is measured together in one process, and whether that keeps freed memory."""
    if what == "upscaling":
        precision = precisions("cpu")[-1]
        return [([LITERAL], False), ([LITERAL], True), ([Way(name, precision) for name in BLOCKS], True)]
    best = [in_a_process(tuned, name, task) for name in BLOCKS]
    if what == "checkpointing":
        return [([each], True) for way in best for each in (way, Way(**{**vars(way), "checkpoint": True}))]
    return [([LITERAL], False), ([LITERAL], True), (best, True)]


def tuned(name: str, task: Task) -> Way:
    """A network at its best settings for training, measured."""
    keep_memory()
    network = Way(name).build(task.size)
    pace = tune(network, batch_size=task.batch, patch_size=task.patch, precisions=precisions("cpu"))[-1]
    return Way(name, pace.precision, pace.layout, pace.micro_batches)


def speed_table(what: str, results: Results, options: argparse.Namespace) -> Group:
    """One row per way: seconds, how many times as fast as the literal form and as dense RDN, memory, roofline."""
    step = f"one step of {options.batch} patches, LR {options.patch_size}x{options.patch_size}"
    place = f"{device_name(torch.device('cpu'))}, {torch.get_num_threads()} threads"
    title = f"{what}, {options.size} size, {'LR 320x180' if what == 'upscaling' else step}: {place}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for number, column in enumerate(("", "seconds", "range", "× literal", "× RDN", "peak MiB", "of roofline")):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    times = {key: sorted(s for each in found for s in each.seconds) for key, found in results.items()}
    middle = {key: median(seconds) for key, seconds in times.items() if seconds}
    literal = middle.get((LITERAL, False))
    dense = next((value for (way, _), value in middle.items() if way.network == "RDN"), None)
    for number, (key, found) in enumerate(results.items(), 1):
        if not found:
            table.add_row(f"{number} {key[0].network}", "killed: out of memory?")
            continue
        seconds, value = times[key], middle[key]
        peaks = [each.peak_memory for each in found if each.peak_memory is not None]
        table.add_row(
            f"{number} {key[0].network}",
            f"{value:.3f}",
            f"{seconds[0]:.3f}-{seconds[-1]:.3f}",
            f"{literal / value:.1f}" if literal else "-",
            f"{dense / value:.2f}" if dense else "-",
            f"{max(peaks) / 2**20:,.0f}" if peaks else "not measured",
            f"{median(each.floor for each in found) / value:.0%}",
        )
    return Group(table, Text("\n".join(f"{n} {described(*key)}" for n, key in enumerate(results, 1)) + f"\n{NOTES}"))


def described(way: Way, keep: bool) -> str:
    """What a row stands for."""
    parts = [way.precision, way.layout]
    parts += [f"{way.micro_batches} micro-batches"] if way.micro_batches > 1 else []
    parts += ["checkpointing"] if way.checkpoint else []
    parts += ["freed memory kept" if keep else "the system's allocator"]
    name = "ALD-RDN, the equations as typed in" if way.network == "literal" else way.network
    return f"{name}: {', '.join(parts)}"


def loading(train_dirs: Sequence[str] | None, scale: int, patch_size: int) -> Table:
    """Pairs per second after each stage of loading, and with files decoded for every patch."""
    data = SuperResolutionData(scale=scale, train_dirs=train_dirs, eval_dirs=[], patch_size=patch_size)
    data.prepare_data()
    rates = loading_rate(data.train_pairs, scale=scale, patch_size=patch_size)
    decoding = decoding_rate(scale=scale, patch_size=patch_size)
    patch = f"{patch_size}x{patch_size}, x{scale}"
    table = Table(title=f"Patch loading, one core, LR {patch}, batches of 16", title_justify="left")
    table.add_column("stage")
    for column in ("pairs/s", "× decoding"):
        table.add_column(column, justify="right")
    table.add_row("PNG files of 1 megapixel decoded for every patch", f"{decoding:,.0f}", "1")
    for stage, rate in rates.items():
        table.add_row(STAGES[stage], f"{rate:,.0f}", f"{rate / decoding:.0f}")
    return table


def resizing(scale: int) -> Table:
    """Seconds to make LR of an image of DIV2K's size, and the ratio to a loop over rows."""
    seconds = resize_times(scale=scale)
    table = Table(title=f"MATLAB's bicubic, 2040x1356 to 1/{scale}, one core", title_justify="left")
    table.add_column("")
    for column in ("seconds", "ratio"):
        table.add_column(column, justify="right")
    table.add_row("literal port, a loop over rows, float", f"{seconds['rows']:.4f}", "1.0")
    ratio = seconds["rows"] / seconds["imresize"]
    table.add_row("aldsr.imaging.imresize, uint8, rounded twice", f"{seconds['imresize']:.4f}", f"{ratio:.1f}")
    return table


if __name__ == "__main__":
    main()
