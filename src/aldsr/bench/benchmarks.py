"""The benchmarks of `aldsr.benchmark` that run networks. Each returns its records as plain data."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from rich.progress import Progress

from aldsr.bench.speed import Job, Measurement, OutOfMemoryError, measure_in_turns, run_in_process
from aldsr.bench.tasks import BLOCKS, BenchmarkCase, DescribedCase, Task, growing_tasks
from aldsr.core.memory import keep_memory
from aldsr.training import autotune, supported_precisions

LITERAL = BenchmarkCase("literal", "32-true", "contiguous")
GROWING = ("RDN", "ALD-RDN")

Records = list[dict[str, Any]]  # of each network: its case, and the measurements of every process


class Group(NamedTuple):
    """Networks that take turns in one process, and whether it keeps freed memory."""

    cases: Sequence[BenchmarkCase]
    keep_freed: bool = True


def measure_speed(benchmark: str, task: Task, *, rounds: int, progress: Progress) -> Records:
    """Time the networks of the paper; one whose process was killed has no measurements.

    Args:
        benchmark: "training", "upscaling" or "checkpointing".
        task: what is timed.
        rounds: how often every process is run.
        progress: gets a bar.
    """
    bar = progress.add_task("Choosing each network's best settings", total=None)
    groups = choose_groups(benchmark, task)
    progress.remove_task(bar)
    return _measure_groups(benchmark, groups, [task], rounds, progress)


def measure_deployed(cases: Sequence[DescribedCase], *, rounds: int, progress: Progress) -> Records:
    """Time upscaling by networks of any description, deployed, in turns in one process."""
    return _measure_groups("upscaling", [Group(cases)], [Task({}, batch=0)], rounds, progress)


def measure_growth(task: Task, *, rounds: int, progress: Progress) -> Records:
    """Time steps of growing tasks, in turns in one process, the batch in one piece.

    Raises:
        OutOfMemoryError: if the process was killed every time.
    """
    cases, tasks = [BenchmarkCase(name, supported_precisions("cpu")[-1]) for name in GROWING], growing_tasks(task)
    records = _measure_groups("growth", [Group(cases)], tasks, rounds, progress)
    if not records[0]["processes"]:
        raise OutOfMemoryError("growth: the process was killed, most likely because memory ran out; try --size small")
    sizes = [{"batch": each.batch, "patch_size": each.patch, "D": each.size["D"]} for each in tasks for _ in cases]
    return [record | size for record, size in zip(records, sizes, strict=True)]


def choose_groups(benchmark: str, task: Task) -> list[Group]:
    """The networks of a benchmark by processes; for training, each in the settings that are fastest for it."""
    literal = [Group([LITERAL], keep_freed=False), Group([LITERAL])]
    if benchmark == "upscaling":
        precision = supported_precisions("cpu")[-1]
        return [*literal, Group([BenchmarkCase(name, precision) for name in BLOCKS])]
    fastest = [run_in_process(tune_case, name, task) for name in BLOCKS]
    if benchmark == "checkpointing":
        return [Group([each]) for case in fastest for each in (case, replace(case, checkpoint=True))]
    return [*literal, Group(fastest)]


def tune_case(name: str, task: Task) -> BenchmarkCase:
    """Measure in which precision, layout and micro-batches a network trains fastest."""
    keep_memory()
    network = BenchmarkCase(name).build(task.size)
    timings = autotune(network, batch_size=task.batch, patch_size=task.patch, precisions=supported_precisions("cpu"))
    return BenchmarkCase(name, timings[-1].precision, timings[-1].layout, timings[-1].micro_batches)


def _measure_groups(
    benchmark: str, groups: Sequence[Group], tasks: Sequence[Task], rounds: int, progress: Progress
) -> Records:
    """Measure every case of every group at every task, each group in `rounds` processes."""
    bar = progress.add_task(f"Measuring {benchmark}", total=rounds * len(groups))
    jobs = [[Job(case, task) for task in tasks for case in group.cases] for group in groups]
    measured: list[list[list[Measurement]]] = [[] for _ in groups]  # [groups, processes, jobs]
    for _ in range(rounds):
        for group, own, processes in zip(groups, jobs, measured, strict=True):
            with suppress(OutOfMemoryError):
                processes.append(measure_in_turns(own, keep_freed=group.keep_freed))
            progress.advance(bar)
    return [
        {
            **vars(job.case),
            "keep_memory": group.keep_freed,
            "processes": [vars(process[place]) for process in processes],
        }
        for group, own, processes in zip(groups, jobs, measured, strict=True)
        for place, job in enumerate(own)
    ]
