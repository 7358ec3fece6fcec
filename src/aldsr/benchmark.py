"""`python -m aldsr.benchmark`: how fast this machine trains, upscales, loads patches and resizes, compared.

training, upscaling: RDN, DW-, LDW- and ALD-RDN, or those of another --backbone, each in the settings that are fastest
for it, and the equations of the paper typed in literally. deployed: the networks of --networks upscale to 1280x720,
folded, and collapsed where that is faster. growth: a training step of RDN and ALD-RDN with more patches, larger ones,
more RDBs. checkpointing: peak memory of a step with and without. loading: patches on one core, compared with decoding
files for every patch. resize: making LR images, compared with a loop over rows.

--device cuda measures all but resize on an NVIDIA GPU: every network launch by launch, as one CUDA graph, and so
with the kernels in Triton, each in the precision and layout that are fastest for it, beside the rates of a large copy
and a large matrix product there.

--json keeps the results; --from shows those of such a file again, without measuring.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console, RenderableType
from rich.progress import Progress

from aldsr.analysis.loading import read_variants
from aldsr.bench.loading import measure_loading, resize_times
from aldsr.bench.on_gpu import measure_on_gpu
from aldsr.bench.precision import precision_differences
from aldsr.bench.speed import measure_speed
from aldsr.bench.tasks import DescribedCase, Task
from aldsr.core.command import make_parser, plain_command, positive_int
from aldsr.core.device import PRECISIONS, device_name, select_device
from aldsr.core.files import check_output, write_json
from aldsr.core.memory import memory_advice
from aldsr.evaluation.results import ResultsError, read_benchmark
from aldsr.nn.description import BACKBONES
from aldsr.nn.foreign import check_precision
from aldsr.reporting.charts.figures import FigureError, prepare_output, save_figure
from aldsr.reporting.charts.speed import draw_growth_chart, draw_speed_chart
from aldsr.reporting.tables.speed import Measurements, growth_sheet, loading_sheet, resize_sheet, speed_sheet
from aldsr.run.network import read_size
from aldsr.training import LOSSES

SPEEDS = ("training", "upscaling", "deployed", "checkpointing")
STEPS = {"training", "checkpointing", "growth"}  # which measure a training step
TABLES: dict[str, Callable[[Measurements], RenderableType]] = {
    **{what: partial(speed_sheet, what) for what in SPEEDS},
    "growth": growth_sheet,
    "loading": loading_sheet,
    "resize": resize_sheet,
}
CHARTED = (*SPEEDS, "growth")
# What an option is where it is not given, and the benchmarks that it is of.
OPTIONS: dict[str, tuple[Any, set[str]]] = {
    "backbone": ("rdn", {"training", "upscaling"}),
    "size": ("paper", {"training", "upscaling", "checkpointing", "growth"}),
    "networks": (None, {"deployed"}),
    "precision": ("32-true", {"deployed"}),
    "batch": (16, STEPS),
    "patch_size": (48, {*STEPS, "loading"}),
    "loss": ("l1", STEPS),
    "scale": (4, {"loading", "resize"}),
    "rounds": (2, {*SPEEDS, "growth"}),
    "train_dir": (None, {"loading"}),
}


@plain_command()
@memory_advice("measure a smaller --size, --batch or --patch-size")
def main(argv: Sequence[str] | None = None) -> None:
    """Measure or read the benchmarks that are asked for; show, save and draw their results."""
    options, console = parse_options(argv), Console()
    results = read_benchmark(options.source) if options.source else conditions(options)
    measured = [name for name in TABLES if name in results]
    names = options.what or measured or default_benchmarks(options.device)
    if options.source and (missing := [name for name in names if name not in measured]):
        raise ResultsError(f"{options.source}: has no results of {missing[0]}; it has {', '.join(measured) or 'none'}")
    charts = chart_files(options.chart, names)  # checked before measuring, which may take long
    if options.json:
        check_output(f"--json {options.json}", options.json)
    for name in names:
        if not options.source:
            results |= measure(name, options, console, results)
        console.print(TABLES[name](results))
        save(results, options)  # after each, so that nothing is lost if the next one fails
    if options.json:
        print(f"results   {options.json}")
    for name, files in charts.items():
        figure = draw_growth_chart(results) if name == "growth" else draw_speed_chart(name, results)
        save_figure(figure, files)
        print(f"chart     {', '.join(map(str, files))}")


def default_benchmarks(device: str) -> list[str]:
    """What is measured where nothing is asked for."""
    return ["loading"] if device == "cuda" else ["loading", "resize"]


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser("benchmark", __doc__, networks=True)
    add = parser.add_argument
    add("what", nargs="*", help=f"{', '.join(TABLES)} (default: loading resize)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="(default cpu)")
    add("--backbone", choices=[*map(str.lower, BACKBONES)], help="(default rdn)")
    add("--size", choices=("paper", "small"), help="of the networks (default paper)")
    add("--networks", nargs="+", type=Path, metavar="RUN", help="for deployed: folders of runs or studies")
    add("--precision", choices=PRECISIONS, help="for deployed (default 32-true)")
    add("--batch", type=positive_int, help="patches of a training step (default 16)")
    add("--patch-size", type=positive_int, help="LR pixels (default: the paper's 48)")
    add("--loss", choices=LOSSES, help="of a training step (default l1)")
    add("--scale", type=int, choices=(2, 3, 4), help="for loading and resize (default 4)")
    add("--rounds", type=positive_int, help="how often every process is run (default 2)")
    add("--train-dir", action="append", help="images to cut from (default: the procedural images)")
    add("--json", type=Path, metavar="FILE", help="save the results")
    add("--from", dest="source", type=Path, metavar="FILE", help="show the results of a --json file")
    drawn = "draw FILE.png and FILE.svg; for several benchmarks, FILE-WHAT.png …"
    add("--chart", type=Path, metavar="FILE", help=drawn)
    options = parser.parse_args(argv)
    if unknown := sorted(set(options.what) - set(TABLES)):
        parser.error(f"{unknown[0]}: expected {', '.join(TABLES)}")
    asked = options.what or default_benchmarks(options.device)
    for option, (default, benchmarks) in OPTIONS.items():
        if getattr(options, option) is None:
            setattr(options, option, default)
        elif options.source or benchmarks.isdisjoint(asked):
            where = ", ".join(name for name in TABLES if name in benchmarks)
            parser.error(f"--{option.replace('_', '-')}: does nothing here, only in {where}; leave it out")
    if options.backbone != "rdn" and not OPTIONS["backbone"][1].issuperset(asked):
        parser.error("--backbone: is of what training and upscaling measure; ask for these alone")
    if options.source is None and "deployed" in asked and not options.networks:
        parser.error("deployed: measures the networks of --networks RUN…; name some")
    if options.source and options.json:
        parser.error("--json: saves what is measured, and --from measures nothing; leave one of them out")
    if options.device == "cuda" and (options.source or "resize" in options.what):
        parser.error("--device cuda: is for what is measured, and resize is measured on a CPU core; leave out one")
    return options


def conditions(options: argparse.Namespace) -> dict[str, Any]:
    """The machine and the settings, which stand beside the records. Raises OptionError if there is no such device."""
    settings = {key: getattr(options, key) for key in ("size", "batch", "patch_size", "scale")}
    if options.backbone != "rdn":
        settings["size"] = f"{options.backbone.upper()}, {options.size}"
    if options.loss != "l1":
        settings["loss"] = options.loss
    device = select_device(options.device)
    found = {"device": device_name(device), "threads": torch.get_num_threads(), "settings": settings}
    return found | ({"accelerator": "cuda", "torch": torch.__version__} if device.type == "cuda" else {})


def chart_files(output: Path | None, names: Sequence[str]) -> dict[str, list[Path]]:
    """The files of each benchmark's chart. Raises FigureError if it cannot be drawn or written there."""
    if output is None:
        return {}
    drawn = [name for name in names if name in CHARTED]
    if not drawn:
        raise FigureError(f"--chart: {' and '.join(names)} have none; there are charts of {', '.join(CHARTED)}")
    files = prepare_output(output, ("png", "svg"))
    several = len(drawn) > 1
    return {each: [file.with_stem(file.stem + f"-{each}" * several) for file in files] for each in drawn}


def save(results: Measurements, options: argparse.Namespace) -> None:
    """Write the file of --json, if there is one."""
    if options.json:
        write_json(options.json, results, indent=1)


def measure(name: str, options: argparse.Namespace, console: Console, before: Measurements) -> dict[str, Any]:
    """Run one benchmark; its results by its name, and what half precision costs, as plain data.

    Those of a GPU are saved network by network, with what was measured `before`.

    Raises DataError, NetworkError, OutOfMemoryError or ResultsError if images, networks or memory are missing.
    """
    device = torch.device(options.device)
    if name == "loading":
        sides = {"scale": options.scale, "patch_size": options.patch_size}
        return {name: measure_loading(options.train_dir, **sides, device=device)}
    if name == "resize":
        return {name: resize_times(scale=options.scale)}
    batch = 0 if name in ("upscaling", "deployed") else options.batch
    backbone = options.backbone.upper()
    size = read_size(options.backbone, options.size)
    size.pop("residual", None)  # networks are measured without
    task = Task(size, batch, options.patch_size, options.device, backbone, options.loss)
    deployed = read_cases(options) if name == "deployed" else []
    with Progress(console=console, transient=True) as progress:
        how: dict[str, Any] = {"deployed": deployed, "rounds": options.rounds, "progress": progress}
        if options.device == "cuda":
            records = measure_on_gpu(name, task, **how, save=lambda found: save({**before, name: found}, options))
        else:
            records = measure_speed(name, task, **how)
    if batch:
        return {name: records}
    halves = sorted({each["precision"] for each in records} - {"32-true"})
    return {name: records, "precision_db": precision_differences(halves, device)}


def read_cases(options: argparse.Namespace) -> list[DescribedCase]:
    """The networks of runs, one of each variant, by the names that `aldsr.compare` gives them.

    Raises NetworkError, ResultsError if they cannot be read or built.
    """
    _, variants = read_variants(options.networks, allow_unequal_budgets=True)
    cases = []
    for each in variants:
        network, code = each.first.results["network"], tuple(options.allow_code)
        cases.append(DescribedCase(each.name, options.precision, description=network["description"], allow_code=code))
        check_precision(cases[-1].build({}), options.precision)  # all of them, before any is measured
    return cases


if __name__ == "__main__":
    main()
