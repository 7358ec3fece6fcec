"""How the time of a training step grows with the batch, the patch and the depth: which tasks, and what they gave."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aldsr.bench.speed import Job, Measured
from aldsr.bench.tasks import Task

NETWORKS = ("RDN", "ALD-RDN")


def growing(task: Task) -> list[Task]:
    """The task after smaller ones that differ from it in one thing.

    The batch and the number of RDBs are halved up to three times; of the patch's side there are a quarter, a half
    and three quarters.
    """
    sides = sorted({task.patch * part // 4 for part in (1, 2, 3)} - {0})
    return [
        *(replace(task, batch=batch) for batch in _halved(task.batch)),
        *(replace(task, patch=patch) for patch in sides),
        *(replace(task, size={**task.size, "D": depth}) for depth in _halved(task.size["D"])),
        task,
    ]


def _halved(amount: int) -> list[int]:
    return sorted({amount // 2**times for times in (1, 2, 3)} - {0})


def growth_data(jobs: Sequence[Job], rounds: Sequence[Sequence[Measured]]) -> list[dict[str, Any]]:
    """For a JSON file: what each job is and what it gave in every process.

    Args:
        jobs: see `side_by_side`.
        rounds: what each of its calls returned, freed memory kept.
    """
    return [
        {
            **vars(way),
            "keep_memory": True,
            "batch": task.batch,
            "patch_size": task.patch,
            "D": task.size["D"],
            "processes": [vars(each) for each in found],
        }
        for (way, task), found in zip(jobs, zip(*rounds, strict=True), strict=True)
    ]
