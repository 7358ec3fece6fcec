"""`python -m aldsr.study DIR`: where a study stands: what is done, runs, was interrupted, failed or waits."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aldsr.study.states import FAILURE
from aldsr.study.table import standings, study_table, summary


def main(argv: Sequence[str] | None = None) -> None:
    """Print the study's table."""
    parser = argparse.ArgumentParser(prog="python -m aldsr.study", description=__doc__)
    parser.add_argument("study", type=Path, help="a study's folder, such as runs/linearity")
    folder: Path = parser.parse_args(argv).study
    found = standings(folder)
    if not found:
        reason = "holds no runs" if folder.is_dir() else "no such folder"
        print(f"error: {folder}: {reason}; expected a study's folder, such as runs/linearity", file=sys.stderr)
        sys.exit(2)
    console = Console()
    console.print(study_table(found), summary(found), highlight=False)
    for name, each in found.items():
        if each.state == "failed":
            words = f"failed  {folder / name / FAILURE}: {each.reason}"
            console.print(words, highlight=False, soft_wrap=True, markup=False)


if __name__ == "__main__":
    main()
