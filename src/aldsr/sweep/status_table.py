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
    plan = read_plan(folder)
    runs = {path.parent.name for path in folder.glob(f"*/{CONFIG}") if ARCHIVED not in path.parent.name}
    names = dict.fromkeys([*(plan.jobs if plan else []), *sorted(runs)])
    return {name: run_status(folder / name) for name in names}


def status_table(statuses: Mapping[str, RunStatus]) -> Table:
    """One row per run: state, steps, best PSNR, estimated time left."""
    table = Table(title_justify="left")
    for column in ("run", "state"):
        table.add_column(column, overflow="fold")
    for column in ("step", "PSNR-Y", "left"):
        table.add_column(column, overflow="fold", justify="right")
    for name, status in statuses.items():
        step = f"{status.step:,}/{status.total:,}" if status.total else ""
        psnr = "" if status.psnr is None else f"{status.psnr:.2f} dB"
        known = status.seconds_left is not None and status.state not in ("done", "waiting")
        left = _duration(status.seconds_left or 0) if known else ""
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


def print_sweep_summary(folder: Path, jobs: Iterable[str]) -> bool:
    """Print the status of a sweep that has ended, and what to do next.

    Args:
        folder: the study's folder.
        jobs: names of the sweep's jobs.

    Returns:
        Whether the sweep is complete: no job was refused, and each is done or running in another process.
    """
    statuses = {name: run_status(folder / name) for name in jobs}
    refused = [folder / name / REFUSAL for name in statuses if (folder / name / REFUSAL).is_file()]
    incomplete = {name: status for name, status in statuses.items() if status.state not in ("done", "running")}
    Console().print(status_table(statuses), status_summary(statuses), highlight=False)
    for name, status in incomplete.items():
        reason = f": {status.reason} ({folder / name / FAILURE})" if status.reason else ""
        print(f"{status.state}  {folder / name}{reason}")
    for refusal in refused:
        print(f"refused  {refusal.read_text().strip()}")
    if incomplete:
        print("Run the same command again to retry these; runs that are done are skipped.")
    elif not refused:
        print(f"Next      python -m aldsr.compare {folder} puts them into one table")
    return not (incomplete or refused)


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
