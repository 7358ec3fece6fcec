"""`python -m aldsr.benchmark`: how fast this machine trains, upscales, loads patches and resizes, side by side.

training, upscaling: DW-, LDW- and ALD-RDN beside dense RDN, each at its measured best, and beside the paper's
equations typed in literally. deployed: the networks of --networks, upscaling to 1280x720, each folded, and collapsed
where that is faster. growth: a training step of RDN and ALD-RDN with more patches, larger ones, more RDBs.
checkpointing: peak memory of a step with and without. loading: patches on one core, beside decoding files for every
patch. resize: LR images, beside a loop over rows.

--json keeps the figures; --from shows those of such a file again, without measuring.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console, RenderableType
from rich.progress import Progress

from aldsr.analysis.comparison import read_comparison
from aldsr.bench.resizing import resize_times
from aldsr.bench.speed import read_figures
from aldsr.bench.tasks import Described, Task
from aldsr.bench.timing import deployed, growth, loading, speed
from aldsr.core.command import plain_command, positive_int
from aldsr.core.device import device_name
from aldsr.core.files import atomic_write
from aldsr.evaluation.inference import PRECISIONS
from aldsr.evaluation.results import ResultsError
from aldsr.nn.description import TRUSTED, build
from aldsr.reporting.charts.figures import FigureError, prepare_output, save_figure
from aldsr.reporting.charts.speed import growth_chart, speed_chart
from aldsr.reporting.tables.growth import growth_table
from aldsr.reporting.tables.speed import Figures, loading_table, resize_table, speed_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = {"paper": {"D": 16, "C": 8, "G": 64, "G0": 64}, "small": {"D": 4, "C": 4, "G": 32, "G0": 32}}
SPEEDS = ("training", "upscaling", "deployed", "checkpointing")
TABLES: dict[str, Callable[[Figures], RenderableType]] = {
    **{what: partial(speed_table, what) for what in SPEEDS},
    "growth": growth_table,
    "loading": loading_table,
    "resize": resize_table,
}
CHARTS: dict[str, Callable[[Figures], "Figure"]] = {
    **{what: partial(speed_chart, what) for what in SPEEDS},
    "growth": growth_chart,
}


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Measure what is asked for, or read it, and show it."""
    show(parsed(argv))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m aldsr.benchmark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", help=f"of {', '.join(TABLES)} (default: loading resize)")
    parser.add_argument("--size", choices=SIZES, default="paper", help="of the networks")
    parser.add_argument(
        "--networks", nargs="+", type=Path, metavar="RUN", help="of deployed: run folders, or studies' folders"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="32-true", help="of deployed")
    parser.add_argument("--allow-code", action="append", default=[], metavar="PACKAGE", help="of blocks of your own")
    parser.add_argument("--batch", type=positive_int, default=16, help="patches of a training step")
    parser.add_argument("--patch-size", type=positive_int, default=48, help="LR pixels (default: the paper's 48)")
    parser.add_argument("--scale", type=int, default=4, choices=(2, 3, 4), help="of loading and resizing")
    parser.add_argument("--rounds", type=positive_int, default=2, help="times that every process is run")
    parser.add_argument("--train-dir", action="append", help="images to cut from (default: the procedural pictures)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="show the figures of a --json file")
    parser.add_argument(
        "--chart", type=Path, metavar="FILE", help="draw FILE.png and FILE.svg; of several benchmarks, FILE-WHAT.png …"
    )
    options = parser.parse_args(argv)
    if unknown := sorted(set(options.what) - set(TABLES)):
        parser.error(f"{unknown[0]}: expected {', '.join(TABLES)}")
    if options.source is None and ("deployed" in options.what) != bool(options.networks):
        parser.error("deployed: measures the networks of --networks RUN…, which are of no other use; give both")
    if options.source and options.json:
        parser.error("--json: keeps what is measured, and --from measures nothing; leave one of them out")
    return options


def show(options: argparse.Namespace) -> None:
    """From the command line to tables, charts and the file of figures.

    Raises:
        DataError, FigureError, NetworkError, OutOfMemoryError, ResultsError: for what cannot be measured, read, drawn
            or written.
    """
    console, figures = Console(), read_figures(options.source) if options.source else conditions(options)
    recorded = [what for what in TABLES if what in figures]
    wanted = options.what or recorded or ["loading", "resize"]
    if lacking := [what for what in wanted if options.source and what not in recorded]:
        raise ResultsError(f"{options.source}: has no figures of {lacking[0]}; it has {', '.join(recorded) or 'none'}")
    charts = chart_files(options.chart, wanted)  # before anything is measured: it may take long
    if options.json and not options.json.parent.is_dir():
        raise ResultsError(f"--json {options.json}: no such folder; make it, or choose another place")
    for what in wanted:
        if not options.source:
            figures[what] = measured(what, options, console)
        console.print(TABLES[what](figures))
    if options.json:
        with atomic_write(options.json) as temporary:
            temporary.write_text(json.dumps(figures, indent=1) + "\n")
        console.print(f"figures   {options.json}", markup=False, highlight=False, soft_wrap=True)
    for what, files in charts.items():
        save_figure(CHARTS[what](figures), files)
        console.print(f"chart     {', '.join(map(str, files))}", markup=False, highlight=False, soft_wrap=True)


def conditions(options: argparse.Namespace) -> dict[str, Any]:
    """Where and at what settings is measured."""
    settings = {key: getattr(options, key) for key in ("size", "batch", "patch_size", "scale")}
    place = {"device": device_name(torch.device("cpu")), "threads": torch.get_num_threads()}
    return {**place, "settings": settings}


def chart_files(output: Path | None, wanted: Sequence[str]) -> dict[str, list[Path]]:
    """Which files each benchmark's chart goes into.

    Raises:
        FigureError: if it cannot be drawn or written there.
    """
    if output is None:
        return {}
    drawn = [what for what in wanted if what in CHARTS]
    if not drawn:
        raise FigureError(f"--chart: {' and '.join(wanted)} have none; there are charts of {', '.join(CHARTS)}")
    (one, *_) = prepare_output(output, ("png", "svg"))
    names = {what: one if len(drawn) == 1 else one.with_stem(f"{one.stem}-{what}") for what in drawn}
    return {what: prepare_output(name, ("png", "svg")) for what, name in names.items()}


def measured(what: str, options: argparse.Namespace, console: Console) -> Any:
    """The figures of one benchmark as plain data.

    Raises:
        DataError, NetworkError, OutOfMemoryError, ResultsError: if there are no images, networks, or not enough memory.
    """
    if what == "loading":
        return loading(options.train_dir, scale=options.scale, patch_size=options.patch_size)
    if what == "resize":
        return resize_times(scale=options.scale)
    task = Task(SIZES[options.size], 0 if what == "upscaling" else options.batch, options.patch_size)
    with Progress(console=console, transient=True) as progress:
        if what == "growth":
            return growth(task, rounds=options.rounds, progress=progress)
        if what == "deployed":
            return deployed(described(options), rounds=options.rounds, progress=progress)
        return speed(what, task, rounds=options.rounds, progress=progress)


def described(options: argparse.Namespace) -> list[Described]:
    """The networks of runs, one of each variant, by the names that `aldsr.compare` gives them.

    Raises:
        NetworkError, ResultsError: if they cannot be read or built.
    """
    _, found = read_comparison(options.networks, allow_unequal_budgets=True)
    trusted = (*TRUSTED, *options.allow_code)
    networks = [(each.name, each.first.results["network"]["description"]) for each in found]
    for _, description in networks:
        build(description, trusted)  # before any is measured
    return [Described(name, options.precision, description=each, trusted=trusted) for name, each in networks]


if __name__ == "__main__":
    main()
