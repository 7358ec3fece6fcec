"""`python -m aldsr.compare RESULTS… | STUDY…`: measurements side by side, if they were taken in the same way.

Runs become the rows of one table. A study, a folder of runs, is laid out as in the paper's tables: mean ± sd over
seeds, paired differences with intervals, the published numbers beside them; several studies, and runs named beside
them, become one. Results of different protocols, of different images in sets of one name or, in a study, of unequal
budgets are refused, naming the difference. --grid lays out a study of several backbones and blocks as a row per
backbone and a column per block; with --against BLOCK also what each adds to that block in the same backbone.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from aldsr.analysis.budgets import find_budget_difference
from aldsr.analysis.loading import read_by_label, read_variants
from aldsr.analysis.scores import Comparison, compare_variants
from aldsr.analysis.study import is_study
from aldsr.core.command import make_parser, plain_command
from aldsr.core.errors import OptionError
from aldsr.evaluation.results import read_benchmark
from aldsr.reporting.charts.cost import draw_cost_chart
from aldsr.reporting.charts.figures import prepare_output, save_figure
from aldsr.reporting.charts.literature import read_literature
from aldsr.reporting.tables.grid import arrange_grid, compare_blocks, grid_csv, grid_sheets
from aldsr.reporting.tables.results import comparison_sheet, find_unlike, protocol_line
from aldsr.reporting.tables.sheet import print_sheets
from aldsr.reporting.tables.study import recipe_note, study_notes, study_sheets
from aldsr.reporting.tables.study_csv import study_csv


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Print the results as a table: for the terminal, or in Markdown, LaTeX or CSV."""
    options = parse_options(argv)
    if any(map(is_study, options.results)):
        compare_study(options)
    else:
        compare_runs(options)


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = make_parser("compare", __doc__)
    add = parser.add_argument
    add("results", nargs="+", type=Path, help="run folders, or their results.json; studies' folders")
    add("--format", choices=("table", "markdown", "latex", "csv"), default="table")
    against = "of a study: the network that the others are compared with; of a grid: the block"
    add("--against", metavar="NAME", help=against)
    add("--grid", action="store_true", help="of a study: PSNR and multi-adds by backbone (rows) and block (columns)")
    add("--fixed-images", action="store_true", help="of a study: intervals over seeds alone, for these images only")
    unequal = "of a study: compare runs that differ in steps, batch, patches, schedule or training images all the same"
    add("--allow-unequal-budgets", action="store_true", help=unequal)
    add("--chart", type=Path, metavar="FILE", help="of a study: quality against cost, drawn into FILE.png and FILE.svg")
    add("--chart-sets", nargs="+", metavar="NAME", help="data sets to draw (default: all)")
    published = "published networks (as experiments/literature.csv) to be drawn"
    add("--literature", type=Path, metavar="FILE", help=published)
    add("--latency", type=Path, metavar="FILE", help="of aldsr.benchmark deployed, to be drawn as well")
    options = parser.parse_args(argv)
    if not options.chart and (options.latency or options.literature or options.chart_sets):
        parser.error("--latency, --literature and --chart-sets: are of a chart; say where with --chart FILE")
    if options.grid and options.fixed_images and options.against is None:
        parser.error("--fixed-images: is of differences, which --grid shows with --against BLOCK")
    return options


def compare_runs(options: argparse.Namespace) -> None:
    """Single runs, one row each. Raises OptionError for an option of studies, and the errors of `read_by_label`."""
    of_studies = ("against", "fixed_images", "grid", "allow_unequal_budgets", "chart")
    given = ["format csv"] * (options.format == "csv")
    given += [name.replace("_", "-") for name in of_studies if getattr(options, name) not in (None, False)]
    if given:
        raise OptionError(f"--{given[0]}: is for a study, a folder with runs in it; leave it out")
    runs = read_by_label(options.results)
    results = {name: run.results for name, run in runs.items()}
    sheet, protocol = comparison_sheet(results), protocol_line(*results.values())
    title = sheet.title if options.format == "table" else ""
    notes = [("protocol", protocol), *recipe_note([run.config for run in runs.values()])]
    trained = [run for run in runs.values() if "training" in run.results]
    found = find_budget_difference(trained) if trained else None, find_unlike(*results.values())
    notes += [("warning", sentence) for sentence in found if sentence]
    print_sheets([sheet._replace(title=title)], notes, form=options.format)


def compare_study(options: argparse.Namespace) -> None:
    """A study's runs as variants with their seeds, and quality against cost as a chart.

    Raises FigureError, OptionError or ResultsError if runs cannot be read, must not be compared or cannot be drawn.
    """
    study, variants = read_variants(options.results, allow_unequal_budgets=options.allow_unequal_budgets)
    grid, fixed = arrange_grid(variants) if options.grid else None, options.fixed_images
    if grid:
        differences = compare_blocks(grid, options.against, fixed_images=fixed) if options.against else []
        comparison = Comparison(study, variants, differences, fixed)
    else:
        comparison = compare_variants(study, variants, options.against, fixed_images=fixed)
    files = prepare_output(options.chart, ("png", "svg")) if options.chart else []
    notes = [note for note in study_notes(comparison) if not (grid and note[0] == "paper")]
    if files:
        latency = read_benchmark(options.latency) if options.latency else None
        literature, more = read_literature(options.literature, variants) if options.literature else ([], [])
        chart = draw_cost_chart(variants, sets=options.chart_sets, latency=latency, literature=literature)
        save_figure(chart, files)
        notes += more
    if options.format == "csv":
        print(grid_csv(grid, comparison.differences) if grid else study_csv(comparison), end="")
        print(*(f"{word}: {text}" for word, text in notes), sep="\n", file=sys.stderr)
    else:
        sheets = grid_sheets(study.name, grid, comparison.differences) if grid else study_sheets(comparison)
        print_sheets(sheets, notes, form=options.format)
    if files:
        print(f"chart     {', '.join(map(str, files))}", file=sys.stderr)


if __name__ == "__main__":
    main()
