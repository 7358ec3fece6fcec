"""Seconds and memory of a training step and of upscaling, of several networks side by side.

Machines are shared and their speed drifts, so networks that are compared take turns, step by step, in one
process; only what must not share a process, such as the system's own allocator, has one of its own. Every
process says at which rate it multiplies large matrices, and each row how near it comes to that.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any, TypeVar

import torch

from aldsr.bench.tasks import Task, Way
from aldsr.core.errors import UserError
from aldsr.core.memory import keep_memory, peak_memory
from aldsr.evaluation.inference import PRECISIONS
from aldsr.evaluation.results import ResultsError

T = TypeVar("T")


class OutOfMemoryError(UserError):
    """A process was killed by the system, most likely because memory ran out."""


Job = tuple[Way, Task]


@dataclass(frozen=True)
class Measured:
    """Of one way in one process."""

    seconds: list[float]
    peak_memory: int | None  # bytes beyond the weights, of the first run
    floor: float  # seconds, if all operations ran at the rate of a large matrix product

    @property
    def median(self) -> float:
        return median(self.seconds)


def side_by_side(jobs: Sequence[Job], *, keep: bool, runs: int = 3, threads: int | None = None) -> list[Measured]:
    """Measure some networks at their tasks in a process of their own, taking turns.

    Args:
        jobs: what is timed, each a way and its task.
        keep: whether the process keeps freed memory (`keep_memory`).
        runs: of each that are timed, after one that warms up.
        threads: of torch; None: as many as here.

    Raises:
        OutOfMemoryError: if the process was killed.
    """
    return in_a_process(_measure, list(jobs), keep, runs, threads or torch.get_num_threads())


def in_a_process(work: Callable[..., T], *arguments: Any) -> T:
    """The result of a function of a module, called in a process that then ends, memory and all, or with this one.

    Raises:
        OutOfMemoryError: if the process was killed.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_end_with_parent) as process:
        try:
            return process.submit(work, *arguments).result()
        except BrokenProcessPool as error:
            raise OutOfMemoryError("the process was killed, most likely because memory ran out") from error


def _end_with_parent() -> None:
    """A measurement whose command was killed ends at once, and not minutes later, in the way of the next one."""

    def wait() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    Thread(target=wait, daemon=True).start()


def _measure(jobs: list[Job], keep: bool, runs: int, threads: int) -> list[Measured]:
    torch.set_num_threads(threads)
    if keep:
        keep_memory()
    work = [task.work(way) for way, task in jobs]
    memory = [peak_memory(each, torch.device("cpu")) for each in work]
    seconds: list[list[float]] = [[] for _ in jobs]
    for _ in range(runs):
        for times, each in zip(seconds, work, strict=True):
            started = time.perf_counter()
            each()
            times.append(time.perf_counter() - started)
    rates = {precision: matmul_rate(precision) for precision in {way.precision for way, _ in jobs}}
    floors = [task.flops(way.build(task.size)) / rates[way.precision] for way, task in jobs]
    return [Measured(*each) for each in zip(seconds, memory, floors, strict=True)]


def matmul_rate(precision: str, *, size: int = 2048, runs: int = 7) -> float:
    """Operations per second of a large matrix product, the best of a few: what a processor can do at most."""
    a = torch.rand(size, size).to(PRECISIONS[precision] or torch.float32)
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def as_data(found: Mapping[tuple[Way, bool], Sequence[Measured]]) -> list[dict[str, Any]]:
    """For a JSON file; the bool says whether freed memory was kept."""
    return [
        {**vars(way), "keep_memory": keep, "processes": [vars(each) for each in measured]}
        for (way, keep), measured in found.items()
    ]


def read_figures(path: Path) -> dict[str, Any]:
    """Figures that `aldsr.benchmark` has recorded: `device`, `threads`, `settings`, and the data of each benchmark.

    Raises:
        ResultsError: if there are none.
    """
    try:
        figures = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ResultsError(f"{path}: cannot be read as figures of aldsr.benchmark ({reason})") from error
    if not isinstance(figures, dict) or not {"device", "threads"} <= figures.keys():
        raise ResultsError(f"{path}: holds no figures of aldsr.benchmark; expected a file written by its --json")
    return figures
