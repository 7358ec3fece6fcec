"""Jobs of a sweep on this machine: one after another, or side by side on its GPUs or cores, each a process of its own.

A job is the plain command with its own options, so whatever becomes of it (an exception, no memory, a
signal) it ends alone. Where jobs run side by side, what one says goes to `output.log` in its folder.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from rich.console import Console

from aldsr.core.processes import LAUNCHER
from aldsr.sweep.states import note_failure, standing

RETRIES = 1  # of a job that a signal killed, as the kernel does where memory is short
ASKED = (130, 128 + signal.SIGTERM, 128 + signal.SIGUSR1, -signal.SIGINT, -signal.SIGTERM, -signal.SIGUSR1)
Place = Mapping[str, str]  # what a job finds in its environment: the GPUs or cores that are its own
KILLING = (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT)  # not those of somebody who wants it to stop


class Job(NamedTuple):
    """A job of a sweep: its folder, and the command that runs it."""

    folder: Path
    command: list[str]


def on_gpus(gpus: Sequence[str], gpus_per_job: int) -> list[Place]:
    """Places for jobs with so many GPUs each.

    Raises:
        ValueError: if a job is to have more GPUs than there are.
    """
    if not 1 <= gpus_per_job <= len(gpus):
        raise ValueError(
            f"hydra.launcher.gpus_per_job={gpus_per_job}: this machine has {len(gpus)} usable NVIDIA GPUs; give a "
            "number from 1 to that, or null for one job at a time"
        )
    whole = len(gpus) - len(gpus) % gpus_per_job
    return [{"CUDA_VISIBLE_DEVICES": ",".join(gpus[at : at + gpus_per_job])} for at in range(0, whole, gpus_per_job)]


def usable_cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_cores(cores: int, cores_per_job: int) -> list[Place]:
    """Places for jobs with so many CPU cores each.

    Raises:
        ValueError: if a job is to have more cores than there are.
    """
    if not 1 <= cores_per_job <= cores:
        raise ValueError(
            f"hydra.launcher.cores_per_job={cores_per_job}: this machine has {cores} usable cores; give a number from "
            "1 to that, or null for one job at a time"
        )
    return [{"OMP_NUM_THREADS": str(cores_per_job)}] * (cores // cores_per_job)


def run_jobs(
    jobs: Sequence[Job],
    places: Sequence[Place] = ({},),
    *,
    start: Callable[[Job, Place, bool], int] | None = None,
) -> list[int]:
    """Run jobs, as many at a time as there are places; a free place is taken by the next job.

    Args:
        jobs: what to run.
        places: see `on_gpus` and `on_cores`; the default: one job at a time, on whatever it takes.
        start: runs a job to its end and returns its exit status; None: as a process.

    Returns:
        The exit status of every job.
    """
    free: SimpleQueue[Place] = SimpleQueue()
    for place in places:
        free.put(place)
    alone, begin = len(places) == 1, start or _attempts

    def run(numbered: tuple[int, Job]) -> int:
        place = free.get()
        try:
            on = f" on GPU {gpus}" if (gpus := place.get("CUDA_VISIBLE_DEVICES")) else ""
            _say(f"[{numbered[0]}/{len(jobs)}] {numbered[1].folder}{on}")
            return begin(numbered[1], place, alone)
        finally:
            free.put(place)

    with ThreadPoolExecutor(len(places)) as pool:
        try:
            return list(pool.map(run, enumerate(jobs, start=1)))
        except BaseException:  # the command is told to stop: no further job begins
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _attempts(job: Job, place: Place, alone: bool) -> int:
    """Run a job, and once more if a signal killed it."""
    for attempt in range(RETRIES + 1):
        began = time.monotonic()
        status = _process(job, place, alone)
        if (killed := -status if status < 0 else status - 128) not in KILLING:
            break
        note_failure(job.folder, f"killed by {signal.Signals(killed).name} after {time.monotonic() - began:.0f} s")
        if attempt < RETRIES:
            _say(f"{job.folder}: killed by {signal.Signals(killed).name}; goes on from its last checkpoint")
    if status not in (0, *ASKED) and standing(job.folder).state in ("waiting", "interrupted"):
        note_failure(job.folder, f"ended with status {status} before it could say why")
    if not alone:
        found = standing(job.folder)
        _say(f"{job.folder}: {found.state}" + (f" ({found.reason})" if found.reason else ""))
    return status


def _process(job: Job, place: Place, alone: bool) -> int:
    surroundings = {**os.environ, **place, LAUNCHER: str(os.getpid())}
    with ExitStack() as files:
        output = None
        if not alone:
            job.folder.mkdir(parents=True, exist_ok=True)
            output = files.enter_context((job.folder / "output.log").open("ab"))
        return subprocess.run(job.command, env=surroundings, stdout=output, stderr=output, check=False).returncode


def _say(words: str) -> None:
    Console().print(words, highlight=False, soft_wrap=True)
    sys.stdout.flush()
