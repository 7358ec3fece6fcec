"""The benchmarks that run networks, on a GPU: every network in each of `GPU_WAYS`, in its fastest precision and layout.

One network follows the other and is kept as soon as it is measured, so that a command that is stopped leaves what it
has; only the ways that the same kernels compute take turns. All are measured in one process, since to start one takes
as long as to measure a network, but for what follows an error, which may have made a process useless.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from itertools import chain, product
from math import inf
from multiprocessing import active_children
from typing import Any

import torch
from rich.progress import Progress

from aldsr.bench.speed import GROWING, Group, make_records, measure_in_turns, run_in_process, start_process, start_work
from aldsr.bench.tasks import BenchmarkCase, DescribedCase, Task, benchmark_names, growing_tasks
from aldsr.core.device import time_once
from aldsr.core.memory import OutOfMemoryError
from aldsr.training import LAYOUTS, supported_precisions

GPU_WAYS = (("none", "torch"), ("graph", "torch"), ("graph", "triton"))  # `compile` and `kernels` of a case
# Of growth in graphs alone: launch by launch, a step takes the same time at any size.
WAYS = {"growth": GPU_WAYS[1:2], "checkpointing": GPU_WAYS[:2]}
Records = list[dict[str, Any]]
Choices = Sequence[Sequence[BenchmarkCase]]  # for each way of a network, the cases of which the fastest is measured


def measure_on_gpu(
    benchmark: str,
    task: Task,
    *,
    deployed: Sequence[DescribedCase] = (),
    rounds: int,
    progress: Progress,
    save: Callable[[Records], None],
) -> Records:
    """Do what `speed.measure_speed` does, on a GPU; `save` gets the records so far after each network."""
    parts = list(list_choices(benchmark, task, deployed))
    bar = progress.add_task(f"Measuring {benchmark}", total=len(parts))
    records: Records = []
    process = start_process()
    try:
        for choices in parts:
            group, found = measure_fastest(benchmark, choices, task, rounds, process)
            records += make_records(benchmark, group, found)
            save(records)
            progress.advance(bar)
            if any(each.get("error", "out of memory") != "out of memory" for each in chain(*found)):
                process.shutdown()
                process = start_process()
    except BaseException:  # nobody waits for what it would still measure
        for each in active_children():
            each.kill()
        raise
    finally:
        process.shutdown()
    names = benchmark_names(task.backbone)
    return sorted(records, key=lambda each: names.index(each["network"]) if each["network"] in names else 0)


def list_choices(benchmark: str, task: Task, deployed: Sequence[DescribedCase]) -> Iterator[Choices]:
    """The networks of a benchmark, the dense one and ours first, each with torch's kernels and then with Triton's."""
    ways, (literal, dense, *others, ours) = WAYS.get(benchmark, GPU_WAYS), benchmark_names(task.backbone)
    names = {"growth": GROWING, "checkpointing": [dense, ours, *others]}.get(benchmark, [dense, ours, literal, *others])
    networks: Sequence[DescribedCase | str] = deployed if benchmark == "deployed" else names
    for network, kernels in product(networks, ("torch", "triton")):
        forms = [form for form, each in ways if each == kernels]
        if isinstance(network, DescribedCase):
            yield [[replace(network, compile=form, kernels=kernels)] for form in forms]
        elif forms and (kernels == "torch" or (task.backbone == "RDN" and network != "literal")):
            yield [list_cases(network, form, kernels) for form in forms]


def list_cases(name: str, form: str, kernels: str) -> list[BenchmarkCase]:
    """A network in all precisions and layouts that may be fastest.

    Not contiguous in half precision, in which cuDNN leaves depthwise convolutions to slow kernels, nor with Triton,
    whose kernels have channels last in any case.
    """
    choices = product(supported_precisions("cuda"), LAYOUTS)
    kept = [each for each in choices if each[1] == "channels-last" or (each[0], kernels) == ("32-true", "torch")]
    return [BenchmarkCase(name, *each, compile=form, kernels=kernels) for each in kept]


def measure_fastest(
    benchmark: str, choices: Choices, task: Task, rounds: int, process: Executor
) -> tuple[Group, list[Records]]:
    """Choose the fastest case of each way, measure these, `rounds` times; what is measured, and the measurements."""
    try:
        cases = run_in_process(find_fastest, choices, task, process=process)
        if benchmark == "checkpointing":
            cases = [each for case in cases for each in (case, replace(case, checkpoint=True))]
        tasks = growing_tasks(task) if benchmark == "growth" else [task]
        group = Group([(case, each) for each in tasks for case in cases])
        threads = torch.get_num_threads()
        return group, [run_in_process(measure_in_turns, group, threads, process=process) for _ in range(rounds)]
    except (RuntimeError, OutOfMemoryError) as error:  # of the process, whatever it was at
        group, reason = Group([(each[0], task) for each in choices]), str(error).strip().partition("\n")[0]
    nothing: dict[str, Any] = dict.fromkeys(("floor", "memory_floor", "matmul_rate", "copy_rate"), 0.0)
    nothing |= {"seconds": [], "peak_memory": None, "error": reason}
    return group, [[nothing] * len(group.jobs)]


def find_fastest(choices: Choices, task: Task) -> list[BenchmarkCase]:
    """Measure which case of each way is the fastest."""
    torch.backends.cudnn.benchmark = True
    return [min(cases, key=lambda case: try_case(case, task)) if len(cases) > 1 else cases[0] for cases in choices]


def try_case(case: BenchmarkCase, task: Task) -> float:
    """Seconds of the fastest of three runs; infinity if it cannot run."""
    work, _ = start_work(case, task)
    return inf if work is None else min(time_once(work, torch.device(task.device)) for _ in range(3))
