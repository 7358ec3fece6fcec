"""`python -m aldsr.study DIR`: where a study stands: what is done, runs, was interrupted, failed or waits."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aldsr.analysis.record import record_study
from aldsr.core.command import plain_command
from aldsr.core.run_files import FAILURE
from aldsr.evaluation.results import ResultsError
from aldsr.sweep.table import standings, study_table, summary


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Print the study's table."""
    parser = argparse.ArgumentParser(prog="python -m aldsr.study", description=__doc__)
    parser.add_argument("study", type=Path, help="a study's folder, such as runs/linearity")
    parser.add_argument("--record", type=Path, metavar="TO", help="copy scores, settings and logs of what is done")
    options = parser.parse_args(argv)
    folder: Path = options.study
    found = standings(folder)
    if not found:
        reason = "holds no runs" if folder.is_dir() else "no such folder"
        raise ResultsError(f"{folder}: {reason}; expected a study's folder, such as runs/linearity")
    console = Console()
    console.print(study_table(found), summary(found), highlight=False)
    for name, each in found.items():
        if each.state == "failed":
            words = f"failed  {folder / name / FAILURE}: {each.reason}"
            console.print(words, highlight=False, soft_wrap=True, markup=False)
    if options.record:
        keep(folder, options.record)


def keep(folder: Path, to: Path) -> None:
    """Record the study, or say why not and end with status 2."""
    try:
        names = record_study(folder, to)
    except (ResultsError, OSError) as error:
        print(f"error: --record {to}: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"recorded  {len(names)} runs in {to}; python -m aldsr.compare {to}")


if __name__ == "__main__":
    main()
