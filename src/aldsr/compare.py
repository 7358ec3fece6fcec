"""`python -m aldsr.compare RESULTS…`: measurements side by side, if they were taken in the same way.

Results of different protocols, or of different images under one set's name, are refused, naming the
difference.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aldsr.measure import (
    ResultsError,
    check_comparable,
    comparison_table,
    latex,
    markdown,
    protocol_line,
    read_results,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the results as a table: for the terminal, or in Markdown or LaTeX."""
    parser = argparse.ArgumentParser(prog="python -m aldsr.compare", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, help="run folders, or their results.json")
    parser.add_argument("--format", choices=("table", "markdown", "latex"), default="table")
    options = parser.parse_args(argv)
    try:
        results = {str(path): read_results(path) for path in options.results}
        check_comparable(results)
    except ResultsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
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


if __name__ == "__main__":
    main()
