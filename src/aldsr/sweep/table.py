"""A study as a table: what is done, what runs, what waits, and when all of it will be done."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from aldsr.core.run_files import ARCHIVED, FAILURE, REFUSAL
from aldsr.sweep.plan import read_plan
from aldsr.sweep.states import Standing, State, standing

ORDER: tuple[State, ...] = ("done", "running", "interrupted", "failed", "waiting")
STYLES = {"done": "green", "running": "bold", "failed": "red", "interrupted": "yellow", "waiting": "dim"}


def standings(folder: Path) -> dict[str, Standing]:
    """Every job of a study's plan, and every run in its folder, with where it stands."""
    plan = read_plan(folder)
    runs = {path.parent.name for path in folder.glob("*/config.yaml") if ARCHIVED not in path.parent.name}
    names = dict.fromkeys([*(plan.jobs if plan else []), *sorted(runs)])
    return {name: standing(folder / name) for name in names}


def study_table(found: Mapping[str, Standing]) -> Table:
    """One row per job: its state, its progress, its best PSNR, the time it still takes."""
    table = Table(title_justify="left")
    for column, side in (("run", "left"), ("state", "left"), ("step", "right"), ("PSNR-Y", "right"), ("left", "right")):
        table.add_column(column, justify=side, overflow="fold")  # type: ignore[arg-type]
    for name, each in found.items():
        step = f"{each.step:,}/{each.total:,}" if each.total else ""
        state = f"[{STYLES[each.state]}]{each.state}[/]"
        psnr = "" if each.psnr is None else f"{each.psnr:.2f} dB"
        rest = _rest(each)
        left = "" if each.state in ("done", "waiting") or rest is None else str(timedelta(seconds=round(rest)))
        table.add_row(name, state, step, psnr, left)
    return table


def summary(found: Mapping[str, Standing]) -> str:
    """How many are in which state, and how long all that is left takes, one job after another."""
    counts = Counter(each.state for each in found.values())
    words = ", ".join(f"{counts[state]} {state}" for state in ORDER if counts[state])
    return f"{words}; {_eta(found.values())}" if counts["done"] < len(found) else words


def conclude_sweep(folder: Path, jobs: Iterable[str]) -> bool:
    """The last lines of a sweep.

    Args:
        folder: the study's.
        jobs: names of the sweep's jobs.

    Returns:
        Whether a job of it was refused, or is neither done nor being worked on by another command.
    """
    found = {name: standing(folder / name) for name in jobs}
    refused = [name for name in found if (folder / name / REFUSAL).is_file()]
    lacking = {name: each for name, each in found.items() if each.state not in ("done", "running")}
    console = Console()
    console.print(study_table(found), summary(found), highlight=False)
    for name, each in lacking.items():
        why = f": {each.reason} ({folder / name / FAILURE})" if each.reason else ""
        console.print(f"{each.state}  {folder / name}{why}", highlight=False, soft_wrap=True, markup=False)
    for name in refused:
        words = f"refused  {(folder / name / REFUSAL).read_text().strip()}"
        console.print(words, highlight=False, soft_wrap=True, markup=False)
    if lacking:
        console.print("The same command tries these again and skips what is done.", soft_wrap=True)
    elif not refused:
        console.print(f"Next      python -m aldsr.compare {folder} puts them into one table", soft_wrap=True)
    return bool(lacking or refused)


def _rest(each: Standing) -> float | None:
    """Seconds until a run is done."""
    if each.seconds is None or not each.total:
        return None
    return each.seconds * (1 - each.step / each.total)


def _eta(found: Iterable[Standing]) -> str:
    found = list(found)
    known = [each.seconds for each in found if each.seconds is not None]
    if not known:
        return "how long the rest takes is not known before a run has made some steps"
    typical = fmean(known)
    rests = (typical if (rest := _rest(each)) is None else rest for each in found if each.state != "done")
    return f"the rest takes about {timedelta(seconds=round(sum(rests)))}, one run after another"
