"""Measurements as `aldsr.benchmark` records them, of given seconds."""

from typing import Any

from rich.console import Console, RenderableType

from aldsr.bench.tasks import Task, growing_tasks

WAY = {"precision": "32-true", "layout": "contiguous", "micro_batches": 1, "checkpoint": False, "keep_memory": True}
WHOLE = Task({"D": 8, "C": 1, "G": 4, "G0": 4}, batch=8, patch=16)


def record(network: str, *processes: list[float], **options: Any) -> dict[str, Any]:
    """A network's record, with the seconds of each process; roofline one second, peak 1 MiB."""
    found = [{"seconds": each, "peak_memory": 2**20, "floor": 1.0} for each in processes]
    return {"network": network, **WAY, **options, "processes": found}


def training() -> dict[str, Any]:
    """Measurements of training: the literal form in two ways, RDN and ALD-RDN; without settings, like older files."""
    records = [
        record("literal", [9.0, 8.0], [7.0], keep_memory=False),
        record("literal", [6.0]),
        record("RDN", [5.0, 4.0, 3.0]),
        record("ALD-RDN", [2.0], [1.0, 1.5]),
    ]
    return {"device": "here", "threads": 2, "training": records}


def of_gpu() -> dict[str, Any]:
    """Made-up measurements of training as those of a GPU: the literal form and RDN launch by launch and in a graph."""
    rates = {"copy_rate": 3e12, "matmul_rate": 7e14, "error": ""}
    records = []
    for network, form, second in (
        ("literal", "none", 0.2), ("RDN", "none", 0.05), ("RDN", "graph", 0.025), ("ALD-RDN", "graph", 0.0)
    ):  # fmt: skip
        records.append(record(network, [second] * bool(second), compile=form, kernels="torch", device="cuda"))
        records[-1]["processes"][0] |= {**rates, "floor": 0.005, "memory_floor": 0.01}
    records[-1]["processes"][0] |= {"error": "out of memory", "peak_memory": None}
    return {"device": "a GPU", "threads": 2, "accelerator": "cuda", "torch": "9.9", "training": records}


def growth(power: float = 1.0) -> dict[str, Any]:
    """Measurements of two networks whose steps take the given power of the work, RDN's thrice as long."""
    records = []
    for task in growing_tasks(WHOLE):
        work = task.batch * task.patch**2 * task.size["D"] / (8 * 16**2 * 8)  # of the whole task: 1
        amounts = {"batch": task.batch, "patch_size": task.patch, "D": task.size["D"]}
        records += [record("RDN", [3 * work**power], **amounts), record("ALD-RDN", [work**power], **amounts)]
    settings = {"size": "small", "batch": 8, "patch_size": 16, "scale": 4}
    return {"device": "here", "threads": 2, "settings": settings, "growth": records}


def printed(table: RenderableType) -> str:
    """What a wide terminal shows, its spaces run together."""
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    return " ".join(captured.get().split())
