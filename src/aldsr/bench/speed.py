"""The benchmarks that run networks: seconds and memory, measured in turns.

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
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import torch
from rich.progress import Progress

from aldsr.bench.tasks import BLOCKS, BenchmarkCase, DescribedCase, Task, growing_tasks
from aldsr.core.device import PRECISIONS
from aldsr.core.memory import OutOfMemoryError, keep_memory, peak_memory
from aldsr.core.processes import end_with_parent
from aldsr.training import autotune, supported_precisions

T = TypeVar("T")
LITERAL = BenchmarkCase("literal", "32-true", "contiguous")
GROWING = ("RDN", "ALD-RDN")


class Group(NamedTuple):
    """Networks at their tasks that take turns in one process, and whether it keeps freed memory."""

    jobs: Sequence[tuple[BenchmarkCase, Task]]
    keep_freed: bool = True


def measure_speed(
    benchmark: str, task: Task, *, deployed: Sequence[DescribedCase] = (), rounds: int, progress: Progress
) -> list[dict[str, Any]]:
    """Measure every network of a benchmark; one whose process was killed has no measurements.

    Args:
        benchmark: "training", "upscaling", "deployed", "checkpointing" or "growth".
        task: what is timed; of "growth", the largest.
        deployed: the networks of "deployed".
        rounds: how often every process is run.
        progress: gets a bar.

    Returns:
        Of each network its case, and the measurements of every process, as plain data.

    Raises OutOfMemoryError if all processes of "growth" or those that choose settings were killed.
    """
    bar = progress.add_task("Choosing each network's best settings", total=None)
    groups = choose_groups(benchmark, task, deployed)
    progress.update(bar, description=f"Measuring {benchmark}", total=rounds * len(groups))
    measured: list[list[list[dict[str, Any]]]] = [[] for _ in groups]  # [groups, processes, jobs]
    for _ in range(rounds):
        for group, processes in zip(groups, measured, strict=True):
            with suppress(OutOfMemoryError):
                processes.append(run_in_process(measure_in_turns, group, torch.get_num_threads()))
            progress.advance(bar)
    if benchmark == "growth" and not measured[0]:
        raise OutOfMemoryError("growth: the process was killed, most likely because memory ran out; try --size small")
    records = []
    for group, processes in zip(groups, measured, strict=True):
        for place, (case, own) in enumerate(group.jobs):
            record = {**vars(case), "keep_memory": group.keep_freed, "processes": [each[place] for each in processes]}
            size = {"batch": own.batch, "patch_size": own.patch, "D": own.size["D"]} if benchmark == "growth" else {}
            records.append(record | size)
    return records


def choose_groups(benchmark: str, task: Task, deployed: Sequence[DescribedCase] = ()) -> list[Group]:
    """The networks of a benchmark by processes; for training, each in the settings that are fastest for it."""
    precision = supported_precisions("cpu")[-1]
    if benchmark == "growth":
        cases = [BenchmarkCase(name, precision) for name in GROWING]
        return [Group([(case, each) for each in growing_tasks(task) for case in cases])]
    if benchmark == "deployed":
        return [Group([(case, task) for case in deployed])]
    literal = [Group([(LITERAL, task)], keep_freed=False), Group([(LITERAL, task)])]
    if benchmark == "upscaling":
        return [*literal, Group([(BenchmarkCase(name, precision), task) for name in BLOCKS])]
    fastest = [run_in_process(tune_case, name, task) for name in BLOCKS]
    if benchmark == "checkpointing":
        return [Group([(each, task)]) for case in fastest for each in (case, replace(case, checkpoint=True))]
    return [*literal, Group([(case, task) for case in fastest])]


def run_in_process(work: Callable[..., T], *arguments: Any) -> T:
    """Call a function of a module in a new process that ends afterwards, or with this one; return its result.

    Raises OutOfMemoryError if the process was killed.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=end_with_parent, initargs=(os.getpid(),)) as process:
        try:
            return process.submit(work, *arguments).result()
        except BrokenProcessPool as error:
            raise OutOfMemoryError("the process was killed, most likely because memory ran out") from error


def tune_case(name: str, task: Task) -> BenchmarkCase:
    """Measure in which precision, layout and micro-batches a network trains fastest."""
    keep_memory()
    network = BenchmarkCase(name).build(task.size)
    timings = autotune(network, batch_size=task.batch, patch_size=task.patch, precisions=supported_precisions("cpu"))
    return BenchmarkCase(name, timings[-1].precision, timings[-1].layout, timings[-1].micro_batches)


def measure_in_turns(group: Group, threads: int, runs: int = 3) -> list[dict[str, Any]]:
    """Measure the networks of a group alternately in this process, which they may keep for themselves.

    Returns:
        Of each: the `seconds` of its timed runs, after one that warms up; its `peak_memory` in bytes beyond the
        weights, of the first run; its `floor`, the seconds if all operations ran at the rate of a large matrix product.
    """
    torch.set_num_threads(threads)
    if group.keep_freed:
        keep_memory()
    work = [task.prepare(case) for case, task in group.jobs]
    memory = [peak_memory(each, torch.device("cpu")) for each in work]
    seconds: list[list[float]] = [[] for _ in work]
    for _ in range(runs):
        for times, each in zip(seconds, work, strict=True):
            started = time.perf_counter()
            each()
            times.append(time.perf_counter() - started)
    rates = {precision: matmul_rate(precision) for precision in {case.precision for case, _ in group.jobs}}
    return [
        {"seconds": times, "peak_memory": peak, "floor": task.flops(case.build(task.size)) / rates[case.precision]}
        for (case, task), times, peak in zip(group.jobs, seconds, memory, strict=True)
    ]


def matmul_rate(precision: str, *, size: int = 2048) -> float:
    """Operations per second of a large matrix product, the fastest of a few: the most that a processor can do."""
    a = torch.rand(size, size).to(PRECISIONS[precision] or torch.float32)
    return 2 * size**3 / min(timeit.repeat(lambda: a @ a, number=1, repeat=7))
