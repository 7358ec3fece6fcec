"""Status of runs: read from the files in their folders, recorded when one fails, printed as a table."""

import json
import re
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from aldsr.core.quoting import shell_words
from aldsr.core.run_files import ARCHIVED, CONFIG, FAILURE, PROGRESS, REFUSAL, RESULTS
from aldsr.sweep.damage import find_damage
from aldsr.sweep.folders import DamagedRunError, DifferentRunError, InUseError, is_locked
from aldsr.sweep.plan import read_plan

STATES = {  # and their styles
    "done": "green",
    "running": "bold",
    "interrupted": "yellow",
    "failed": "red",
    "damaged": "red",
    "waiting": "dim",
}


@dataclass(frozen=True)
class RunStatus:
    """State and progress of a run.

    "done" has results; "running" is locked by a process; "damaged" has results, and files that cannot be read; "failed"
    has recorded a failure; "interrupted" has begun, "waiting" has not.
    """

    state: str
    step: int = 0  # optimizer steps made
    total: int = 0  # optimizer steps in all; 0 before the run has begun
    psnr: float | None = None  # mean PSNR in dB over the sets, of the results, else of the last validation
    seconds: float | None = None  # total duration, estimated from the steps made
    reason: str = ""  # last line of the recorded failure, or what is damaged

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the run is done; None if unknown."""
        return self.seconds * (1 - self.step / self.total) if self.seconds is not None and self.total else None


def run_status(folder: Path) -> RunStatus:
    """Status of the run in a folder; without a folder it is waiting."""
    progress: dict[str, Any] = {}  # none if the file is missing or damaged
    with suppress(OSError, ValueError, AttributeError):
        known, fields = json.loads((folder / PROGRESS).read_text()).items(), ("step", "total", "psnr", "seconds")
        progress = {key: value for key, value in known if key in fields and value is not None}
    damage = find_damage(folder) if (finished := (folder / RESULTS).is_file()) else ""
    if finished and not damage:
        return RunStatus("done", **progress | {"psnr": objective(folder)})
    if is_locked(folder):
        return RunStatus("running", **progress)
    if damage:
        return RunStatus("damaged", **progress, reason=damage)
    with suppress(FileNotFoundError):
        lines = (folder / FAILURE).read_text().strip().splitlines()
        reason = re.sub(r"^(\w+\.)+(?=\w+: )", "", lines[-1]) if lines else ""  # without the exception's module
        return RunStatus("failed", **progress, reason=reason)
    return RunStatus("interrupted" if (folder / CONFIG).is_file() else "waiting", **progress)


@contextmanager
def record_failure(folder: Path, *, in_study: bool) -> Iterator[None]:
    """Record an exception in the run's folder.

    `failure.txt` holds the traceback, until the run is opened again. If the folder holds another run, or a damaged one
    that cannot go on, its files stay as they are, and a job of a study writes `refused.txt`, until its next attempt.

    Outside of a study only a run that has begun, thus has a folder, records its failure.
    """
    refusal = folder / REFUSAL
    with suppress(OSError):  # a folder that cannot be written is reported when it is opened
        refusal.unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        if isinstance(error, DifferentRunError | DamagedRunError):
            if in_study:
                with suppress(OSError):
                    refusal.write_text(f"{error}\n")
        elif not isinstance(error, InUseError) and (in_study or (folder / CONFIG).exists()):
            write_failure(folder, "".join(traceback.format_exception(error)))
        raise


def write_failure(folder: Path, reason: str) -> None:
    """Write `failure.txt`: the time, and a traceback or a sentence, of which the last line is the reason."""
    with suppress(OSError):  # on a full disk the run's own error matters more
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FAILURE).write_text(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{reason.strip()}\n")


def study_status(folder: Path) -> dict[str, RunStatus]:
    """Status of every job of a study's plan and of every other run in its folder, by name."""
    runs = {path.parent.name for path in folder.glob(f"*/{CONFIG}") if ARCHIVED not in path.parent.name}
    return {name: run_status(folder / name) for name in dict.fromkeys([*read_plan(folder), *sorted(runs)])}


def status_table(statuses: Mapping[str, RunStatus]) -> Table:
    """One row per run: state, steps, PSNR, estimated time left."""
    table = Table(title_justify="left")
    for column in ("run", "state", "step", "PSNR-Y", "left"):
        table.add_column(column, overflow="fold", justify="left" if column in ("run", "state") else "right")
    for name, status in statuses.items():
        step = f"{status.step:,}/{status.total:,}" if status.total else ""
        psnr = "" if status.psnr is None else f"{status.psnr:.2f} dB"
        seconds = None if status.state in ("done", "damaged", "waiting") else status.seconds_left
        left = "" if seconds is None else _duration(seconds)
        table.add_row(name, f"[{STATES[status.state]}]{status.state}[/]", step, psnr, left)
    return table


def status_summary(statuses: Mapping[str, RunStatus]) -> str:
    """Number of runs in each state, and the time that all remaining runs take one after another."""
    counts = Counter(status.state for status in statuses.values())
    summary = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    if counts["done"] + counts["damaged"] == len(statuses):
        return summary
    known = [status.seconds for status in statuses.values() if status.seconds is not None]
    if not known:
        return f"{summary}; how long the rest takes is not known before a run has made some steps"
    mean = fmean(known)
    left = [status.seconds_left for status in statuses.values() if status.state != "done"]
    seconds = sum(mean if each is None else each for each in left)
    return f"{summary}; the rest takes about {_duration(seconds)}, one run after another"


def print_status(folder: Path, statuses: Mapping[str, RunStatus]) -> None:
    """Print the status of runs in a study's folder: a table, and why runs have failed, are damaged or were refused."""
    Console().print(status_table(statuses), status_summary(statuses), highlight=False)
    for name, status in statuses.items():
        if status.state == "failed":
            print(f"failed  {folder / name / FAILURE}: {status.reason}")
        if status.state == "damaged":
            print(f"damaged  {status.reason}")
        if (folder / name / REFUSAL).is_file():
            print(f"refused  {(folder / name / REFUSAL).read_text().strip()}")


def objective(folder: Path) -> float | None:
    """What a sweeper such as Optuna's is to raise: the mean PSNR in dB over the sets of a finished run; else None."""
    with suppress(OSError, ValueError, KeyError, TypeError):  # null: infinite
        return fmean(each["psnr"] for each in json.loads((folder / RESULTS).read_text())["sets"].values())
    return None


def print_sweep_summary(folder: Path, jobs: Iterable[str]) -> bool:
    """Print the status of the sweep's jobs after it has ended, and what to do next.

    Returns whether it is complete: no job was refused, and each is done or running in another process.
    """
    statuses = {name: run_status(folder / name) for name in jobs}
    print_status(folder, statuses)
    if any(status.state not in ("done", "running") for status in statuses.values()):
        print("Run the same command again to retry what is not done; it skips what is.")
        return False
    if any((folder / name / REFUSAL).is_file() for name in statuses):
        return False
    print(f"Next      python -m aldsr.compare {shell_words(folder)} puts them into one table")
    return True


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
