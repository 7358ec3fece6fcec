"""The benchmarks that run networks: seconds and memory, measured in turns.

The speed of a shared machine drifts, so the networks that are compared run alternately, step by step, in one process.
A process of its own has only what must not share one, such as the system's allocator.
On a GPU, see `on_gpu`.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import torch
from rich.progress import Progress

from aldsr.bench.gpu import copy_rate, matmul_rate
from aldsr.bench.tasks import BenchmarkCase, DescribedCase, Task, benchmark_names, growing_tasks
from aldsr.core.device import PRECISIONS, time_once
from aldsr.core.errors import OptionError
from aldsr.core.memory import OutOfMemoryError, is_out_of_memory, keep_memory, peak_memory
from aldsr.core.processes import end_with_parent
from aldsr.training import LOSSES, autotune, supported_precisions

T = TypeVar("T")
LITERAL = BenchmarkCase("literal", "32-true", "contiguous")
GROWING = ("RDN", "ALD-RDN")
GPU_RUNS = 20  # timed runs of a process; on a CPU 3
COUNTED: dict[tuple[str, str], tuple[float, float]] = {}  # what `count_work` has counted in this process


class Group(NamedTuple):
    """Networks at their tasks that take turns in one process, and whether it keeps freed memory."""

    jobs: Sequence[tuple[BenchmarkCase, Task]]
    keep_freed: bool = True


def measure_speed(
    benchmark: str, task: Task, *, deployed: Sequence[DescribedCase] = (), rounds: int, progress: Progress
) -> list[dict[str, Any]]:
    """Measure every network of "training", "upscaling", "deployed", "checkpointing" or "growth", in `rounds` processes.

    `task` is what is timed; of "growth", the largest. Returns of each network its case, and the measurements of every
    process, none if it was killed, as plain data.
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
    return [
        each for group, found in zip(groups, measured, strict=True) for each in make_records(benchmark, group, found)
    ]


def make_records(
    benchmark: str, group: Group, processes: Sequence[Sequence[dict[str, Any]]]
) -> Iterator[dict[str, Any]]:
    """Of each network of a group its case, and what every process has measured, as plain data."""
    for place, (case, own) in enumerate(group.jobs):
        found = {"keep_memory": group.keep_freed, "processes": [each[place] for each in processes]}
        size = {"batch": own.batch, "patch_size": own.patch, "D": own.size["D"]} if benchmark == "growth" else {}
        yield {**vars(case), "device": own.device, **found, **size}


def choose_groups(benchmark: str, task: Task, deployed: Sequence[DescribedCase] = ()) -> list[Group]:
    """The networks of a benchmark by processes; for training, each in the settings that are fastest for it."""
    precision = supported_precisions("cpu")[-1]
    if benchmark == "growth":
        cases = [BenchmarkCase(name, precision) for name in GROWING]
        return [Group([(case, each) for each in growing_tasks(task) for case in cases])]
    if benchmark == "deployed":
        return [Group([(case, task) for case in deployed])]
    first, *names = benchmark_names(task.backbone)
    job = replace(LITERAL, network=first), task
    literal = [Group([job], keep_freed=False), Group([job])]
    if benchmark == "upscaling":
        return [*literal, Group([(BenchmarkCase(name, precision), task) for name in names])]
    fastest = [run_in_process(tune_case, name, task) for name in names]
    if benchmark == "checkpointing":
        return [Group([(each, task)]) for case in fastest for each in (case, replace(case, checkpoint=True))]
    return [*literal, Group([(case, task) for case in fastest])]


def run_in_process(work: Callable[..., T], *arguments: Any, process: Executor | None = None) -> T:
    """Call a function of a module in a new process that ends afterwards, or with this one; return its result.

    `process`: one of `start_process`, to be used instead. Raises OutOfMemoryError if the process was killed.
    """
    with nullcontext(process) if process else start_process() as used:
        try:
            return used.submit(work, *arguments).result()
        except BrokenProcessPool as error:
            raise OutOfMemoryError("the process was killed, most likely because memory ran out") from error


def start_process() -> Executor:
    """A new process for functions of modules; it ends with this one."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, spawn, initializer=end_with_parent, initargs=(os.getpid(),))


def tune_case(name: str, task: Task) -> BenchmarkCase:
    """Measure in which precision, layout and micro-batches a network trains fastest."""
    keep_memory()
    network = BenchmarkCase(name).build(task.size)
    precisions, loss = supported_precisions("cpu"), LOSSES[task.loss]
    timings = autotune(network, loss=loss, batch_size=task.batch, patch_size=task.patch, precisions=precisions)
    return BenchmarkCase(name, timings[-1].precision, timings[-1].layout, timings[-1].micro_batches)


def start_work(case: BenchmarkCase, task: Task) -> tuple[Callable[[], None] | None, dict[str, Any]]:
    """The work of a case, and the peak memory of its first run; on a GPU none, and the error, if it cannot run."""
    try:
        work = task.prepare(case)
        return work, {"peak_memory": peak_memory(work, torch.device(task.device))}
    except (RuntimeError, OptionError) as error:
        if task.device != "cuda":
            raise
        reason = "out of memory" if is_out_of_memory(error) else str(error).strip().partition("\n")[0]
    torch.cuda.empty_cache()
    return None, {"peak_memory": None, "error": reason}


def measure_in_turns(group: Group, threads: int, runs: int = 3) -> list[dict[str, Any]]:
    """Measure the networks of a group alternately in this process, which they may keep for themselves.

    Returns of each the `seconds` of its timed runs, after one that warms up; its `peak_memory` in bytes beyond the
    weights, of the first run; its `floor`, the seconds if all operations ran at the rate of a large matrix product.
    On a GPU also its `memory_floor`, the seconds if its features moved at the rate of a large copy, both rates, and
    the `error` of one that cannot run.
    """
    torch.set_num_threads(threads)
    if group.keep_freed:
        keep_memory()
    device = torch.device(group.jobs[0][1].device)
    runs = GPU_RUNS if device.type == "cuda" else runs
    torch.backends.cudnn.benchmark = device.type == "cuda"
    started = [start_work(case, task) for case, task in group.jobs]
    seconds: list[list[float]] = [[] for _ in started]
    for _ in range(runs):
        for times, (work, _) in zip(seconds, started, strict=True):
            if work is not None:
                times.append(time_once(work, device))
    rates = {precision: matmul_rate(precision, device) for precision in {case.precision for case, _ in group.jobs}}
    copies = copy_rate(device) if device.type == "cuda" else None
    for (case, task), times, (_, found) in zip(group.jobs, seconds, started, strict=True):
        (flops, traffic), rate = count_work(case, task), rates[case.precision]
        found |= {"seconds": times, "floor": flops / rate}
        if copies is not None:
            size = 4 if PRECISIONS[case.precision] is None else 2  # bytes
            found |= {"memory_floor": size * traffic / copies, "matmul_rate": rate, "copy_rate": copies}
    return [found for _, found in started]


def count_work(case: BenchmarkCase, task: Task) -> tuple[float, float]:
    """Operations and, on a GPU, values to read and write; counted once for all ways in which a network is run."""
    key = case.network, str(task)
    if key not in COUNTED:
        network = case.build(task.size)
        COUNTED[key] = task.flops(network), task.traffic(network) if task.device == "cuda" else 0.0
    return COUNTED[key]
