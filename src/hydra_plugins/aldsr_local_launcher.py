"""`hydra/launcher=local`: run a sweep's jobs on this machine, one after another or side by side on its GPUs or cores.

Each job is a process of its own that runs the plain command, so that an exception, a lack of memory or a signal ends
no other job. The output of jobs that run side by side goes to `output.log` in their folders.

Hydra searches this package for plugins, so that each of its commands imports this module.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Any, NamedTuple

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from aldsr.core.errors import OptionError
from aldsr.core.processes import LAUNCHER
from aldsr.core.signals import STOP_SIGNALS
from aldsr.sweep.plan import find_job_name, jobs_are_known, join_plan, refuse_in_sweep
from aldsr.sweep.status import objective, run_status, write_failure

ATTEMPTS = 2  # at a job that is killed, as the kernel does where memory is short
KILL_SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT)

Slot = Mapping[str, str]  # environment variables that give a job its GPUs or cores


class Job(NamedTuple):
    """A job of a sweep."""

    folder: Path
    command: list[str]


class LocalLauncher(Launcher):
    """Run each job, `python -m COMMAND`, in a process of its own.

    As many run side by side as there are `gpus_per_job` or `cores_per_job`; if both are None, one after another.
    """

    def __init__(self, *, command: str, gpus_per_job: int | None = None, cores_per_job: int | None = None) -> None:
        self.command = command
        self.gpus_per_job = gpus_per_job
        self.cores_per_job = cores_per_job
        self.config: Any = None

    def setup(self, *, hydra_context: Any, task_function: Any, config: DictConfig) -> None:
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        folder = Path(self.config.hydra.sweep.dir)
        sources = self.config.hydra.runtime.config_sources
        given = [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]
        config_name = f"--config-name={self.config.hydra.job.config_name}"
        command = [sys.executable, "-m", self.command, *given, config_name]
        refuse_in_sweep(chain(*job_overrides))
        join_plan(self.config, job_overrides)
        names = [find_job_name(folder, overrides) for overrides in job_overrides]
        jobs = {}
        for name, overrides in zip(names, job_overrides, strict=True):
            place = {"name": name, "run_dir": folder / name, "study.name": self.config.study.name or folder.name}
            quoted = [f"{key}={QuotedString(str(value), Quote.single).with_quotes()}" for key, value in place.items()]
            own = [*quoted, "if_exists=continue", "hydra.mode=RUN"]  # a study's file may have asked for the sweep
            jobs[name] = Job(folder / name, [*command, *overrides, *own])
        ended = run_jobs(list(jobs.values()), find_slots(self.gpus_per_job, self.cores_per_job))
        statuses = dict(zip(jobs, ended, strict=True))
        return [
            self._report(folder / name, job, statuses[name]) for name, job in zip(names, job_overrides, strict=True)
        ]

    def _report(self, folder: Path, overrides: Sequence[str], status: int) -> JobReturn:
        """What the sweeper gets of a job; Hydra's own would end the sweep if it heard of a failure."""
        report = JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
        report.return_value = None if status else objective(folder)
        if report.return_value is None and not jobs_are_known(self.config):
            reason = run_status(folder).reason or "it has no result with a measured set"
            report.status, report.return_value = JobStatus.FAILED, OptionError(f"{folder}: {reason}")
        return report


def find_slots(gpus_per_job: int | None, cores_per_job: int | None) -> list[Slot]:
    """Divide this machine's GPUs, or else its cores, among jobs side by side; without either, one job has all.

    Raises OptionError if the machine has fewer than one job shall have.
    """
    if gpus_per_job is not None:
        from aldsr.training.devices import visible_gpus  # imports torch

        gpus = visible_gpus()
        starts = _slot_starts("gpus_per_job", gpus_per_job, len(gpus), "usable NVIDIA GPUs")
        return [{"CUDA_VISIBLE_DEVICES": ",".join(gpus[start : start + gpus_per_job])} for start in starts]
    if cores_per_job is not None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        starts = _slot_starts("cores_per_job", cores_per_job, cores, "usable cores")
        return [{"OMP_NUM_THREADS": str(cores_per_job)}] * len(starts)
    return [{}]


def _slot_starts(option: str, per_job: int, available: int, unit: str) -> range:
    if not 1 <= per_job <= available:
        raise OptionError(
            f"hydra.launcher.{option}={per_job}: this machine has {available} {unit}; give a number from 1 to that, or "
            "null for one job at a time"
        )
    return range(0, available - per_job + 1, per_job)


def run_jobs(jobs: Sequence[Job], slots: Sequence[Slot]) -> list[int]:
    """Run jobs in their order, at most one per slot at a time. Returns the exit status of each."""
    free: SimpleQueue[Slot] = SimpleQueue()
    for slot in slots:
        free.put(slot)
    stop = Event()

    def run_numbered(number: int, job: Job) -> int:
        slot = free.get()
        try:
            gpus = slot.get("CUDA_VISIBLE_DEVICES")
            print(f"[{number}/{len(jobs)}] {job.folder}{f' on GPU {gpus}' if gpus else ''}", flush=True)
            return run_job(job, slot, stop, capture=len(slots) > 1)
        finally:
            free.put(slot)

    with ThreadPoolExecutor(len(slots)) as pool:
        try:
            return list(pool.map(run_numbered, range(1, len(jobs) + 1), jobs))
        except BaseException:  # the command is asked to stop: start no further job
            pool.shutdown(wait=False, cancel_futures=True)
            stop.set()
            raise


def run_job(job: Job, slot: Slot, stop: Event, *, capture: bool) -> int:
    """Run a job, and once more if it is killed; record why it failed if it could not do so itself.

    `stop` ends it by SIGTERM, since a terminal's Ctrl-C has reached it as well; `capture` writes its output to
    `output.log`.
    """
    environment = {**os.environ, **slot, LAUNCHER: str(os.getpid())}
    if capture:
        job.folder.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, ATTEMPTS + 1):
        start = time.monotonic()
        with (job.folder / "output.log").open("ab") if capture else nullcontext() as log:
            process = subprocess.Popen(job.command, env=environment, stdout=log, stderr=log)
            while process.poll() is None:
                if stop.wait(0.1):
                    process.terminate()
                    process.wait()
        status = process.returncode
        number = -status if status < 0 else status - 128  # the signal that ended it, directly or through its shell
        if number not in KILL_SIGNALS or stop.is_set():
            break
        name = signal.Signals(number).name
        write_failure(job.folder, f"killed by {name} after {time.monotonic() - start:.0f} s")
        if attempt < ATTEMPTS:
            print(f"{job.folder}: killed by {name}; trying again from its last checkpoint", flush=True)
    found = run_status(job.folder)
    if status and number not in STOP_SIGNALS and found.state in ("waiting", "interrupted"):
        write_failure(job.folder, f"ended with status {status} before it could record a reason")
        found = run_status(job.folder)
    if capture:
        print(f"{job.folder}: {found.state}{f' ({found.reason})' if found.reason else ''}", flush=True)
    return status
