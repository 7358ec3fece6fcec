"""The device that a network runs on, its clock, and the precisions that it computes in."""

import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

import torch

from aldsr.core.errors import OptionError

PRECISIONS = {"32-true": None, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}  # autocast, Lightning's names


def select_device(name: str) -> torch.device:
    """The device of --device: auto, cpu or cuda. Raises OptionError if there is no such device."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise OptionError("--device cuda: no CUDA device found here; take --device cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def runs_ahead(device: torch.device) -> bool:
    """Whether a device works on while Python goes on, until a number is read from it."""
    return device.type != "cpu"


def device_name(device: torch.device) -> str:
    """The device's name: "NVIDIA H200", "AMD EPYC 9R14"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()


def time_once(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of one run; on a GPU from its first launch to the end of its last."""
    if device.type != "cuda":
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    wait_for(device)
    start.record()
    work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000


def time_in_turns(works: Sequence[Callable[[], object]], device: torch.device, *, rounds: int) -> list[float]:
    """Median seconds of each, run in turns so that all meet the same load of the machine, after a round to warm up."""
    seconds = [[time_once(work, device) for work in works] for _ in range(rounds + 1)]
    return [median(each) for each in zip(*seconds[1:], strict=True)]


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done what was launched."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
