"""`python -m aldsr.report RUN… | STUDY…`: one HTML page to look with, which needs no network and no other file.

It shows scores and costs, the statistics of `aldsr.compare`, plots, and pictures: a slider over any two of HR, bicubic
and the networks, all of them side by side under one zoom, and their errors. Results that must not share a table are
refused as by `aldsr.compare`.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from aldsr.analysis.comparison import read_comparison
from aldsr.analysis.study import Study
from aldsr.analysis.variants import Variant
from aldsr.core.command import plain_command
from aldsr.core.files import atomic_write
from aldsr.data import BenchmarkSet, DataError, SuperResolutionData, set_name
from aldsr.evaluation.results import ResultsError
from aldsr.evaluation.views import network_of, views
from aldsr.imaging import Protocol, busiest
from aldsr.nn.description import TRUSTED, NetworkError
from aldsr.reporting.html.content import page_of
from aldsr.reporting.html.page import page_html
from aldsr.reporting.html.pictures import picture, telling

WHERE = "say where its images are with --sets DIR, or leave pictures out with --pictures 0"


@plain_command(interrupted="nothing was written")
def main(argv: Sequence[str] | None = None) -> None:
    """Read the runs, let their networks make the pictures, and write the page."""
    options, console = parsed(argv), Console()
    study, found = read_comparison(options.results, allow_unequal_budgets=options.allow_unequal_budgets)
    page, output = page_of(study, found, against=options.against), output_of(options)
    html = page_html(page, pictures=pictures(study, found, options, console) if options.pictures else [])
    with atomic_write(output) as temporary:
        temporary.write_text(html, encoding="utf-8")
    where = f"{output} ({len(html.encode()) / 1e6:.1f} MB); open it in a browser: {output.resolve().as_uri()}"
    console.print(f"written  {where}", highlight=False, soft_wrap=True, markup=False)


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m aldsr.report", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, metavar="RUN", help="run folders, or studies' folders")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="(default report.html in the first folder)")
    parser.add_argument("--pictures", type=natural, default=4, metavar="N", help="of each set; 0: none (default 4)")
    parser.add_argument(
        "--side",
        type=natural,
        default=512,
        metavar="PIXELS",
        help="largest; a window is cut; 0: whole images (default 512)",
    )
    parser.add_argument("--sets", nargs="+", type=Path, metavar="DIR", help="where the images are, if they were moved")
    parser.add_argument("--against", metavar="NAME", help="what the other networks are held against")
    parser.add_argument("--allow-unequal-budgets", action="store_true", help="of a study, as in aldsr.compare")
    parser.add_argument("--allow-code", action="append", default=[], metavar="PACKAGE", help="of a block of your own")
    return parser.parse_args(argv)


def natural(text: str) -> int:
    """A whole number from 0 up."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}': expected a whole number from 0 up")
    return int(text)


def output_of(options: argparse.Namespace) -> Path:
    """The file to be written.

    Raises:
        ResultsError: if it cannot be.
    """
    first: Path = options.results[0]
    output: Path = options.output or (first if first.is_dir() else first.parent) / "report.html"
    if output.is_dir() or not os.access(output.parent, os.W_OK):
        raise ResultsError(
            f"-o {output}: expected a file in a folder that is there and can be written to; choose another"
        )
    return output


def pictures(
    study: Study, found: Sequence[Variant], options: argparse.Namespace, console: Console
) -> list[dict[str, Any]]:
    """What the networks of the lowest seeds make of the images in which they differ most.

    Raises:
        DataError, ResultsError: if images are not there, or are not those that were measured.
        NetworkError: if a network cannot be loaded.
    """
    fields = found[0].first.results["protocol"]
    scale, protocol = fields["scale"], Protocol.from_fields(fields)
    sets = measured_sets(study, options.sets)
    try:
        networks = {each.name: network_of(each.first.folder, trusted=(*TRUSTED, *options.allow_code)) for each in found}
    except NetworkError as error:
        raise NetworkError(f"{error}; pictures are left out with --pictures 0") from error
    work = [(each, name) for each in sets for name in telling(found, each.name, options.pictures)]
    shown = []
    columns = (TextColumn("pictures"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    now = TextColumn("{task.fields[now]}")
    with Progress(*columns, now, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("pictures", total=len(work), now="")
        for benchmark, name in work:
            bars.update(task, now=f"{benchmark.name}, {name}")
            pair = benchmark[benchmark.image_names.index(name)]
            versions = views(pair, networks, scale=scale, protocol=protocol)
            shown.append(
                picture(benchmark.name, name, versions, busiest(pair.hr[0], options.side or max(pair.hr.shape)))
            )
            bars.advance(task)
    return shown


def measured_sets(study: Study, folders: Sequence[Path] | None) -> list[BenchmarkSet]:
    """The images that the runs were measured on, found again.

    Args:
        study: whose runs.
        folders: where they are now; None: where they were.

    Raises:
        DataError: if they are not there.
        ResultsError: if they are others.
    """
    recorded = [folder for run in study.runs for folder in run.config["data"].get("eval_dirs") or []]
    places = {set_name(folder): str(folder) for folder in folders or recorded}
    scale = study.runs[0].results["protocol"]["scale"]
    data = SuperResolutionData(scale=scale, train_dirs=[], eval_dirs=list(places.values()) or None)
    try:
        data.prepare_data()
    except DataError as error:
        raise DataError(f"{error}; {WHERE}") from error
    measured = {name: each for run in study.runs for name, each in run.results["sets"].items()}
    for each in data.benchmarks:
        identity, expected = each.identity(), measured.get(each.name, {})
        if any(expected.get(key) != identity[key] for key in ("fingerprint", "lr_fingerprint")):
            place = places.get(each.name, each.name)
            raise ResultsError(f"{place}: holds other images than those of {each.name} that were measured; {WHERE}")
    return data.benchmarks


if __name__ == "__main__":
    main()
