"""`python -m aldsr.compare RESULTS… | STUDY…`: measurements side by side, if they were taken in the same way.

Runs are laid into one table. A study, a folder of runs, is laid out as in the paper's tables: mean ± sd over
seeds, paired differences with intervals, the published figures beside them; several studies, and runs named beside
them, become one. Results of different protocols, of different images under one set's name or, in a study, of unequal
budgets are refused, naming the difference.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aldsr.analysis.comparison import read_comparison
from aldsr.analysis.scores import compare_variants
from aldsr.analysis.study import check_run_folder, is_study
from aldsr.analysis.variants import Variant, reference_of
from aldsr.bench.records import read_benchmark
from aldsr.core.command import plain_command
from aldsr.evaluation.results import ResultsError, check_comparable, read_results
from aldsr.reporting.charts.cost import check_latency, draw_cost_chart, select_sets
from aldsr.reporting.charts.figures import prepare_output, save_figure
from aldsr.reporting.tables.notes import study_notes
from aldsr.reporting.tables.results import comparison_table, latex, markdown, protocol_line
from aldsr.reporting.tables.sheet import latex_sheet, latex_text, markdown_sheet, terminal_tables
from aldsr.reporting.tables.study import study_sheets
from aldsr.reporting.tables.study_csv import study_csv


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Print the results as a table: for the terminal, or in Markdown, LaTeX or CSV."""
    options = parsed(argv)
    if any(map(is_study, options.results)):
        compare_study(options)
    else:
        compare_runs(options)


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m aldsr.compare", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, help="run folders, or their results.json; studies' folders")
    parser.add_argument("--format", choices=("table", "markdown", "latex", "csv"), default="table")
    parser.add_argument("--against", metavar="NAME", help="of a study: what the others are held against")
    parser.add_argument(
        "--allow-unequal-budgets",
        action="store_true",
        help="of a study: compare runs that differ in steps, batch, patches, schedule or training images all the same",
    )
    parser.add_argument(
        "--chart", type=Path, metavar="FILE", help="of a study: quality against cost, drawn into FILE.png and FILE.svg"
    )
    parser.add_argument("--chart-sets", nargs="+", metavar="NAME", help="data sets to draw (default: all)")
    parser.add_argument("--latency", type=Path, metavar="FILE", help="of aldsr.benchmark deployed, to be drawn as well")
    options = parser.parse_args(argv)
    if not options.chart and (options.latency or options.chart_sets):
        parser.error("--latency and --chart-sets: are of a chart; say where to draw it with --chart FILE")
    return options


def compare_runs(options: argparse.Namespace) -> None:
    """Single runs, one row each.

    Raises:
        ResultsError: if they must not share a table, or an option is of studies only.
    """
    for path in options.results:
        check_run_folder(path)
    only = {
        "--format csv": options.format == "csv",
        "--against": options.against is not None,
        "--allow-unequal-budgets": options.allow_unequal_budgets,
        "--chart": options.chart is not None,
    }
    if given := [option for option, found in only.items() if found]:
        raise ResultsError(f"{given[0]}: is for a study, a folder with runs in it; leave it out")
    results = {str(path): read_results(path) for path in options.results}
    check_comparable(results)
    rows = labelled(results)
    if options.format == "markdown":
        print(markdown(rows), end="")
    elif options.format == "latex":
        print(latex(rows), end="")
    else:
        console = Console()
        console.print(comparison_table(rows))
        console.print(f"protocol  {protocol_line(next(iter(rows.values())))}", highlight=False, soft_wrap=True)


def labelled(results: dict[str, dict]) -> dict[str, dict]:
    """The results by their networks' labels; of equal labels each with its path."""
    labels = [each["network"]["label"] for each in results.values()]
    return {
        label if labels.count(label) == 1 else f"{label} ({path})": each
        for label, (path, each) in zip(labels, results.items(), strict=True)
    }


def compare_study(options: argparse.Namespace) -> None:
    """A study's runs as variants with their seeds.

    Raises:
        FigureError, ResultsError: if runs cannot be read, drawn or must not be compared.
    """
    study, found = read_comparison(options.results, allow_unequal_budgets=options.allow_unequal_budgets)
    reference = reference_of(found, options.against)
    differences = compare_variants(found, reference)
    charts = draw(found, options) if options.chart else []
    notes = study_notes(study, found, differences)
    sheets = study_sheets(study, found, reference, differences)
    if options.format == "csv":
        print(study_csv(study, found, reference, differences), end="")
        print(*(f"{word}: {text}" for word, text in notes), sep="\n", file=sys.stderr)
    elif options.format == "markdown":
        print(*map(markdown_sheet, sheets), *(f"- {word}: {text}" for word, text in notes), sep="\n")
    elif options.format == "latex":
        print(*map(latex_sheet, sheets), *(f"% {word}: {latex_text(text)}" for word, text in notes), sep="\n")
    else:
        console = Console()
        for sheet in sheets:
            for title, table in terminal_tables(sheet, width=console.width):
                console.print(title, style="italic", markup=False, highlight=False)
                console.print(table, "")
        for word, text in notes:
            console.print(f"{word:<10}{text}", markup=False, highlight=False, soft_wrap=True)
    if charts:
        print(f"chart     {', '.join(map(str, charts))}", file=sys.stderr)


def draw(found: Sequence[Variant], options: argparse.Namespace) -> list[Path]:
    """The chart of quality against cost; its files.

    Raises:
        FigureError, ResultsError: if it cannot be drawn or written, or seconds of a network are not known.
    """
    files, sets = prepare_output(options.chart, ("png", "svg")), select_sets(found, options.chart_sets)
    latency = read_benchmark(options.latency) if options.latency else None
    if latency is not None:
        check_latency(found, latency, options.latency)
    save_figure(draw_cost_chart(found, sets=sets, latency=latency), files)
    return files


if __name__ == "__main__":
    main()
