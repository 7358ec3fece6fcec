"""The device that a network runs on, and the precisions that it computes in."""

import platform
from contextlib import suppress
from pathlib import Path

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
