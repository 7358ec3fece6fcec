"""Run a sweep's jobs on this machine: one after another, or side by side on its GPUs or cores.

Each job is a process of its own that runs the plain command, so that an exception, a lack of memory or a signal ends
no other job. The output of jobs that run side by side goes to `output.log` in their folders.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from aldsr.core.errors import OptionError
from aldsr.core.processes import LAUNCHER
from aldsr.sweep.status import run_status, write_failure

ATTEMPTS = 2  # at a job that is killed, as the kernel does where memory is short
KILL_SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)  # somebody asked the job to stop

Slot = Mapping[str, str]  # environment variables that give a job its GPUs or cores


class Job(NamedTuple):
    """A job of a sweep."""

    folder: Path
    command: list[str]


def gpu_slots(gpus: Sequence[str], gpus_per_job: int) -> list[Slot]:
    """Divide GPUs into slots of `gpus_per_job` each. Raises OptionError if there are fewer GPUs."""
    _check_per_job("gpus_per_job", gpus_per_job, len(gpus), "usable NVIDIA GPUs")
    starts = range(0, len(gpus) - gpus_per_job + 1, gpus_per_job)
    return [{"CUDA_VISIBLE_DEVICES": ",".join(gpus[start : start + gpus_per_job])} for start in starts]


def core_slots(cores: int, cores_per_job: int) -> list[Slot]:
    """Divide CPU cores into slots of `cores_per_job` each. Raises OptionError if there are fewer cores."""
    _check_per_job("cores_per_job", cores_per_job, cores, "usable cores")
    return [{"OMP_NUM_THREADS": str(cores_per_job)}] * (cores // cores_per_job)


def _check_per_job(option: str, per_job: int, available: int, unit: str) -> None:
    if not 1 <= per_job <= available:
        raise OptionError(
            f"hydra.launcher.{option}={per_job}: this machine has {available} {unit}; give a number from 1 to that, or "
            "null for one job at a time"
        )


def count_usable_cores() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    jobs: Sequence[Job],
    slots: Sequence[Slot] = ({},),
    *,
    run_job: Callable[[Job, Slot, bool], int] | None = None,
) -> list[int]:
    """Run jobs, at most one per slot at a time.

    Args:
        jobs: jobs, in the order to start them.
        slots: see `gpu_slots` and `core_slots`; default: one job at a time with all resources.
        run_job: takes a job, its slot and whether to capture its output; None: run it as a process.

    Returns:
        Exit status of each job.
    """
    run_job = run_job or _run_with_retry
    free: SimpleQueue[Slot] = SimpleQueue()
    for slot in slots:
        free.put(slot)

    def run_numbered(number: int, job: Job) -> int:
        slot = free.get()
        try:
            gpus = slot.get("CUDA_VISIBLE_DEVICES")
            print(f"[{number}/{len(jobs)}] {job.folder}{f' on GPU {gpus}' if gpus else ''}", flush=True)
            return run_job(job, slot, len(slots) > 1)
        finally:
            free.put(slot)

    with ThreadPoolExecutor(len(slots)) as pool:
        try:
            return list(pool.map(run_numbered, range(1, len(jobs) + 1), jobs))
        except BaseException:  # the command is asked to stop: start no further job
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run_with_retry(job: Job, slot: Slot, capture: bool) -> int:
    """Run a job, and once more if it is killed; record why it failed if it could not do so itself."""
    for attempt in range(1, ATTEMPTS + 1):
        start = time.monotonic()
        status = _run_process(job, slot, capture)
        number = -status if status < 0 else status - 128  # the signal that ended it, directly or through its shell
        if number not in KILL_SIGNALS:
            break
        name = signal.Signals(number).name
        write_failure(job.folder, f"killed by {name} after {time.monotonic() - start:.0f} s")
        if attempt < ATTEMPTS:
            print(f"{job.folder}: killed by {name}; trying again from its last checkpoint", flush=True)
    stopped = number in STOP_SIGNALS
    if status and not stopped and run_status(job.folder).state in ("waiting", "interrupted"):
        write_failure(job.folder, f"ended with status {status} before it could record a reason")
    if capture:
        found = run_status(job.folder)
        print(f"{job.folder}: {found.state}{f' ({found.reason})' if found.reason else ''}", flush=True)
    return status


def _run_process(job: Job, slot: Slot, capture: bool) -> int:
    environment = {**os.environ, **slot, LAUNCHER: str(os.getpid())}
    if not capture:
        return subprocess.run(job.command, env=environment, check=False).returncode
    job.folder.mkdir(parents=True, exist_ok=True)
    with (job.folder / "output.log").open("ab") as log:
        return subprocess.run(job.command, env=environment, stdout=log, stderr=log, check=False).returncode
