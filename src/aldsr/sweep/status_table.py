"""Status of a study as a table: which jobs are done, running or waiting, and how long the rest takes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from typing import get_args

from rich.console import Console
from rich.table import Table

from aldsr.core.run_files import ARCHIVED, CONFIG, FAILURE, REFUSAL
from aldsr.sweep.plan import read_plan
from aldsr.sweep.status import RunStatus, State, run_status

STYLES = {"done": "green", "running": "bold", "failed": "red", "interrupted": "yellow", "waiting": "dim"}


def study_status(folder: Path) -> dict[str, RunStatus]:
    """Status of every job of a study's plan and of every other run in its folder, by name."""
    runs = {path.parent.name for path in folder.glob(f"*/{CONFIG}") if ARCHIVED not in path.parent.name}
    return {name: run_status(folder / name) for name in dict.fromkeys([*read_plan(folder), *sorted(runs)])}


def status_table(statuses: Mapping[str, RunStatus]) -> Table:
    """One row per run: state, steps, best PSNR, estimated time left."""
    table = Table(title_justify="left")
    for column in ("run", "state", "step", "PSNR-Y", "left"):
        table.add_column(column, overflow="fold", justify="left" if column in ("run", "state") else "right")
    for name, status in statuses.items():
        step = f"{status.step:,}/{status.total:,}" if status.total else ""
        psnr = "" if status.psnr is None else f"{status.psnr:.2f} dB"
        seconds = None if status.state in ("done", "waiting") else status.seconds_left
        left = "" if seconds is None else _duration(seconds)
        table.add_row(name, f"[{STYLES[status.state]}]{status.state}[/]", step, psnr, left)
    return table


def status_summary(statuses: Mapping[str, RunStatus]) -> str:
    """Number of runs in each state, and the time that all remaining runs take one after another."""
    counts = Counter(status.state for status in statuses.values())
    summary = ", ".join(f"{counts[state]} {state}" for state in get_args(State) if counts[state])
    if counts["done"] == len(statuses):
        return summary
    known = [status.seconds for status in statuses.values() if status.seconds is not None]
    if not known:
        return f"{summary}; how long the rest takes is not known before a run has made some steps"
    mean = fmean(known)
    left = [status.seconds_left for status in statuses.values() if status.state != "done"]
    seconds = sum(mean if each is None else each for each in left)
    return f"{summary}; the rest takes about {_duration(seconds)}, one run after another"


def print_status(folder: Path, statuses: Mapping[str, RunStatus]) -> None:
    """Print the status of runs in a study's folder: a table, and why runs have failed or were refused."""
    Console().print(status_table(statuses), status_summary(statuses), highlight=False)
    for name, status in statuses.items():
        if status.state == "failed":
            print(f"failed  {folder / name / FAILURE}: {status.reason}")
        if (folder / name / REFUSAL).is_file():
            print(f"refused  {(folder / name / REFUSAL).read_text().strip()}")


def print_sweep_summary(folder: Path, jobs: Iterable[str]) -> bool:
    """Print the status of the sweep's jobs after it has ended, and what to do next.

    Returns:
        Whether the sweep is complete: no job was refused, and each is done or running in another process.
    """
    statuses = {name: run_status(folder / name) for name in jobs}
    print_status(folder, statuses)
    if any(status.state not in ("done", "running") for status in statuses.values()):
        print("Run the same command again to retry what is not done; it skips what is.")
        return False
    if any((folder / name / REFUSAL).is_file() for name in statuses):
        return False
    print(f"Next      python -m aldsr.compare {folder} puts them into one table")
    return True


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
