"""Seconds and memory of networks at their tasks, measured in turns.

The speed of a shared machine drifts, so the networks that are compared run alternately, step by step, in one process.
A process of its own has only what must not share one, such as the system's allocator.
"""

import multiprocessing
import os
import time
import timeit
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch

from aldsr.bench.tasks import BenchmarkCase, Task
from aldsr.core.errors import UserError
from aldsr.core.memory import keep_memory, peak_memory
from aldsr.core.processes import end_with_parent
from aldsr.evaluation.inference import PRECISIONS

T = TypeVar("T")


class OutOfMemoryError(UserError):
    """The system killed a process, most likely because memory ran out."""


class Job(NamedTuple):
    """A network and its task."""

    case: BenchmarkCase
    task: Task


@dataclass(frozen=True)
class Measurement:
    """One job in one process. The fields stand in the recorded JSON files by these names."""

    seconds: list[float]  # of each run
    peak_memory: int | None  # bytes beyond the weights, of the first run
    floor: float  # seconds, if all operations ran at the rate of a large matrix product


def measure_in_turns(jobs: Sequence[Job], *, keep_freed: bool, runs: int = 3) -> list[Measurement]:
    """Measure jobs in a process of their own, alternately, with as many threads as this process has.

    Args:
        jobs: networks and their tasks.
        keep_freed: whether the process keeps freed memory (see `keep_memory`).
        runs: timed runs of each, after one that warms up.

    Raises:
        OutOfMemoryError: if the process was killed.
    """
    return run_in_process(_measure, list(jobs), keep_freed, runs, torch.get_num_threads())


def run_in_process(work: Callable[..., T], *arguments: Any) -> T:
    """Call a function of a module in a new process that ends afterwards, or with this one; return its result.

    Raises:
        OutOfMemoryError: if the process was killed.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=end_with_parent, initargs=(os.getpid(),)) as process:
        try:
            return process.submit(work, *arguments).result()
        except BrokenProcessPool as error:
            raise OutOfMemoryError("the process was killed, most likely because memory ran out") from error


def _measure(jobs: list[Job], keep_freed: bool, runs: int, threads: int) -> list[Measurement]:
    torch.set_num_threads(threads)
    if keep_freed:
        keep_memory()
    work = [task.prepare(case) for case, task in jobs]
    memory = [peak_memory(each, torch.device("cpu")) for each in work]
    seconds: list[list[float]] = [[] for _ in jobs]
    for _ in range(runs):
        for times, each in zip(seconds, work, strict=True):
            started = time.perf_counter()
            each()
            times.append(time.perf_counter() - started)
    rates = {precision: matmul_rate(precision) for precision in {case.precision for case, _ in jobs}}
    floors = [task.flops(case.build(task.size)) / rates[case.precision] for case, task in jobs]
    return [Measurement(*each) for each in zip(seconds, memory, floors, strict=True)]


def matmul_rate(precision: str, *, size: int = 2048, runs: int = 7) -> float:
    """Operations per second of a large matrix product, the fastest of a few: the most that a processor can do."""
    a = torch.rand(size, size).to(PRECISIONS[precision] or torch.float32)
    return 2 * size**3 / min(timeit.repeat(lambda: a @ a, number=1, repeat=runs))
