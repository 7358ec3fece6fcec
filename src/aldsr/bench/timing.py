"""What `aldsr.benchmark` measures, as plain data: speed of networks, its growth, patch loading, resizing."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from rich.progress import Progress

from aldsr.bench.growth import NETWORKS, growing, growth_data
from aldsr.bench.loading import decoding_rate, loading_rate
from aldsr.bench.speed import Measured, OutOfMemoryError, as_data, in_a_process, side_by_side
from aldsr.bench.tasks import BLOCKS, Described, Task, Way
from aldsr.core.memory import keep_memory
from aldsr.data import SuperResolutionData
from aldsr.training import autotune, supported_precisions

LITERAL = Way("literal", "32-true", "contiguous")


def speed(what: str, task: Task, *, rounds: int, progress: Progress) -> list[dict[str, Any]]:
    """Every way to do a task, see `as_data`; a way whose process was killed has no figures.

    Args:
        what: "training", "upscaling" or "checkpointing".
        task: what is timed.
        rounds: times that every process is run.
        progress: gets a bar.
    """
    bar = progress.add_task("Choosing each network's best settings", total=None)
    groups = processes(what, task)
    progress.remove_task(bar)
    return taken(what, groups, task, rounds=rounds, progress=progress)


def deployed(ways: Sequence[Described], *, rounds: int, progress: Progress) -> list[dict[str, Any]]:
    """Upscaling by networks of any description, deployed, all in turns in one process; see `as_data`.

    Args:
        ways: the networks.
        rounds: times that the process is run.
        progress: gets a bar.
    """
    return taken("upscaling", [(ways, True)], Task({}, batch=0), rounds=rounds, progress=progress)


def taken(
    what: str, groups: Sequence[tuple[Sequence[Way], bool]], task: Task, *, rounds: int, progress: Progress
) -> list[dict[str, Any]]:
    """The measurements of all ways: of each group, which shares a process, `rounds` of them."""
    bar = progress.add_task(f"Measuring {what}", total=rounds * len(groups))
    results: dict[tuple[Way, bool], list[Measured]] = {}
    for _ in range(rounds):
        for ways, keep in groups:
            for way in ways:
                results.setdefault((way, keep), [])
            with suppress(OutOfMemoryError):
                measured = side_by_side([(way, task) for way in ways], keep=keep)
                for way, found in zip(ways, measured, strict=True):
                    results[way, keep].append(found)
            progress.advance(bar)
    return as_data(results)


def processes(what: str, task: Task) -> list[tuple[list[Way], bool]]:
    """What is measured together in one process, and whether that keeps freed memory."""
    if what == "upscaling":
        precision = supported_precisions("cpu")[-1]
        return [([LITERAL], False), ([LITERAL], True), ([Way(name, precision) for name in BLOCKS], True)]
    best = [in_a_process(tuned, name, task) for name in BLOCKS]
    if what == "checkpointing":
        return [([each], True) for way in best for each in (way, Way(**{**vars(way), "checkpoint": True}))]
    return [([LITERAL], False), ([LITERAL], True), (best, True)]


def tuned(name: str, task: Task) -> Way:
    """A network at its best settings for training, measured."""
    keep_memory()
    network = Way(name).build(task.size)
    pace = autotune(network, batch_size=task.batch, patch_size=task.patch, precisions=supported_precisions("cpu"))[-1]
    return Way(name, pace.precision, pace.layout, pace.micro_batches)


def growth(task: Task, *, rounds: int, progress: Progress) -> list[dict[str, Any]]:
    """Steps of growing tasks, all in turns in one process, the whole batch at once; see `growth_data`.

    Raises:
        OutOfMemoryError: if the process was killed.
    """
    ways = [Way(name, supported_precisions("cpu")[-1]) for name in NETWORKS]
    jobs = [(way, each) for each in growing(task) for way in ways]
    turns = progress.track(range(rounds), description="Measuring growth")
    return growth_data(jobs, [side_by_side(jobs, keep=True) for _ in turns])


def loading(train_dirs: Sequence[str] | None, *, scale: int, patch_size: int) -> dict[str, float]:
    """Pairs per second after each stage (see `loading_rate`), and "decoding": with files decoded for every patch.

    Raises:
        DataError: if there are no such images.
    """
    data = SuperResolutionData(scale=scale, train_dirs=train_dirs, eval_dirs=[], patch_size=patch_size)
    data.prepare_data()
    rates = loading_rate(data.train_pairs, scale=scale, patch_size=patch_size)
    return {**rates, "decoding": decoding_rate(scale=scale, patch_size=patch_size)}
