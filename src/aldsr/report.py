"""`python -m aldsr.report RUN… | STUDY…`: one HTML page that needs no network and no other file.

It shows scores and costs, the statistics of `aldsr.compare`, charts (with the extra `figures`), and images: a slider
over any two of HR, bicubic and the networks, all of them side by side under one zoom, and maps of their errors. Results
that must not share a table are refused as by `aldsr.compare`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from aldsr.analysis.loading import read_variants
from aldsr.analysis.scores import compare_variants
from aldsr.analysis.study import Study
from aldsr.analysis.variants import Variant
from aldsr.core.command import make_parser, plain_command, whole_number
from aldsr.core.files import atomic_write, check_output
from aldsr.data import MADE, BenchmarkSet, DataError, SuperResolutionData, set_name
from aldsr.data.folders import is_folder
from aldsr.evaluation.results import ResultsError
from aldsr.evaluation.views import load_run, make_views, measured_places
from aldsr.imaging import Protocol, detailed_window
from aldsr.nn.description import NetworkError
from aldsr.reporting.html.images import describe_image, select_images
from aldsr.reporting.html.page import render_page

HINT = "say where its images are with --sets DIR, or leave images out with --pictures 0"


@plain_command(interrupted="nothing was written")
def main(argv: Sequence[str] | None = None) -> None:
    """Read the runs, upscale the images in which their networks differ most, and write the page."""
    options, console = parse_options(argv), Console()
    study, variants = read_variants(options.results, allow_unequal_budgets=options.allow_unequal_budgets)
    comparison = compare_variants(study, variants, options.against)
    first: Path = options.results[0]
    output: Path = options.output or (first if first.is_dir() else first.parent) / "report.html"
    check_output(f"-o {output}", output)
    images = upscale_images(study, variants, options, console) if options.pictures else []
    html = render_page(comparison, images)
    with atomic_write(output) as temporary:
        temporary.write_text(html, encoding="utf-8")
    size = f"{len(html.encode()) / 1e6:.1f} MB"
    print(f"written  {output} ({size}); open it in a browser: {output.resolve().as_uri()}")


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser("report", __doc__, networks=True)
    add = parser.add_argument
    add("results", nargs="+", type=Path, metavar="RUN", help="run folders, or study folders")
    add("-o", "--output", type=Path, metavar="FILE", help="(default report.html in the first folder)")
    add("--pictures", type=whole_number, default=4, metavar="N", help="images of each set; 0: none (default 4)")
    add("--side", type=whole_number, default=512, metavar="PIXELS", help="largest window; 0: whole image (default 512)")
    add("--sets", nargs="+", type=Path, metavar="DIR", help="where the images are, if they were moved")
    add("--against", metavar="NAME", help="the network that the others are compared with")
    add("--allow-unequal-budgets", action="store_true", help="of a study, as in aldsr.compare")
    return parser.parse_args(argv)


def upscale_images(
    study: Study, variants: Sequence[Variant], options: argparse.Namespace, console: Console
) -> list[dict[str, Any]]:
    """Upscale the images in which the networks of the lowest seeds differ most; see `describe_image`.

    Raises NetworkError if a network cannot be loaded, and the errors of `find_sets`.
    """
    fields = variants[0].first.results["protocol"]
    scale, protocol = fields["scale"], Protocol.from_fields(fields)
    sets = find_sets(study, options.sets)
    try:
        networks = {each.name: load_run(*each.first, allow_code=options.allow_code) for each in variants}
    except NetworkError as error:
        raise NetworkError(f"{error}; images are left out with --pictures 0") from error
    jobs = [(each, name) for each in sets for name in select_images(variants, each.name, options.pictures)]
    images = []
    for benchmark, name in track(jobs, "Upscaling", console=console, transient=True):
        pair = benchmark[benchmark.image_names.index(name)]
        window = detailed_window(pair.hr[0], options.side or max(pair.hr.shape))
        versions = make_views(pair, networks, scale=scale, protocol=protocol)
        images.append(describe_image(benchmark.name, name, versions, window))
    return images


def find_sets(study: Study, folders: Sequence[Path] | None) -> list[BenchmarkSet]:
    """Find the images that the runs were measured on, in the given folders or (None) where the runs found them.

    Raises DataError if they are missing, and ResultsError if they are other images.
    """
    if not folders and not any(run.results["sets"] for run in study.runs):
        return []
    recorded = {name: each for run in study.runs for name, each in measured_places(run.config, run.results).items()}
    places = {set_name(folder): str(folder) for folder in folders or (hr for hr, _ in recorded.values())}
    lr = [recorded[name][1] if name in recorded else None for name in places]
    lr = [each if each == MADE or (each and is_folder(Path(each))) else None for each in lr]  # None: it was moved
    scale = study.runs[0].results["protocol"]["scale"]
    how: dict[str, Any] = {"eval_lr_dirs": lr, "degradation": study.runs[0].config["data"].get("degradation")}
    data = SuperResolutionData(scale=scale, train_dirs=[], eval_dirs=list(places.values()) or None, **how)
    try:
        data.prepare_data()
    except DataError as error:
        message = str(error).replace("data.eval_dirs:", "--sets:") if folders else str(error)
        raise DataError(f"{message}; {HINT}") from error
    measured = {name: each for run in study.runs for name, each in run.results["sets"].items()}
    for each in data.benchmarks:
        identity, expected = each.identity, measured.get(each.name, {})
        if any(expected.get(key) != identity[key] for key in ("fingerprint", "lr_fingerprint")):
            place = places.get(each.name, each.name)
            raise ResultsError(f"{place}: has other images or other LR than {each.name} as it was measured; {HINT}")
    return data.benchmarks


if __name__ == "__main__":
    main()
