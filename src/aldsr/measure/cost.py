"""What a network costs: parameters, multi-adds, and seconds and memory on this device."""

import platform
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from aldsr.measure.inference import PRECISIONS
from aldsr.measure.memory import peak_memory
from aldsr.nn import RDB, ConvBlock, fold
from aldsr.nn.description import NetworkError, build
from aldsr.nn.folding import foldable

OUTPUT = (720, 1280)  # height and width of the output for which the field counts multi-adds


def count_parameters(module: nn.Module, *, biases: bool = True) -> int:
    """Trainable numbers in a network, or its weights alone."""
    return sum(p.numel() for name, p in module.named_parameters() if biases or not name.endswith("bias"))


def table_iv(conv: ConvBlock) -> int:
    """Parameters of one RDB as ALDNet's Table IV counts them: C = 8, G = G0 = 64, weights without biases."""
    return count_parameters(RDB(C=8, G=64, G0=64, conv=conv), biases=False)


def block_parameters(description: Mapping[str, Any]) -> int | None:
    """`table_iv` of a network's description; None of one without blocks, or with blocks from outside aldsr.

    A study's folder may be a stranger's, so no code is run but aldsr's own.
    """
    try:
        return table_iv(build(description["conv"])) if description.get("conv") else None
    except NetworkError:
        return None


def input_size(scale: int) -> tuple[int, int]:
    """Height and width of the LR image whose super-resolved image is 1280x720: 320x180 at x4; at x3 426x240."""
    return OUTPUT[0] // scale, OUTPUT[1] // scale


def multi_adds(network: nn.Module, *, scale: int) -> int | None:
    """Multiply-accumulates for one image of 1280x720 pixels of output, the field's convention.

    Counted by torch's FlopCounter (two operations each) as the network runs on tensors without memory:
    convolutions and matrix products, not additions, activations or resampling by index. None of a network
    that cannot run without values, such as one whose branches depend on them.
    """
    lr = torch.empty(1, 3, *input_size(scale), device=_device(network))
    counter, without_memory = FlopCounterMode(display=False), FakeTensorMode(allow_non_fake_inputs=True)
    try:
        with without_memory, torch.no_grad(), counter:
            network(without_memory.from_tensor(lr))
    except Exception:  # whatever a user's own block raises
        return None
    return counter.get_total_flops() // 2


def measured_cost(network: nn.Module, *, scale: int, precision: str = "32-true") -> dict[str, Any]:
    """What one image of 1280x720 pixels of output costs on the network's device, folded and unfolded.

    Args:
        network: on its device.
        scale: HR pixels per LR pixel.
        precision: "32-true", "bf16-mixed" or "16-mixed".

    Returns:
        `lr` ("320x180"), `device`, `threads`, and for "unfolded" and, where there is something to fold,
        "folded": `parameters`, `latency_s` (median after warm-up, with `runs`), `peak_memory_bytes` beyond
        the weights (None where this system does not tell).
    """
    height, width = input_size(scale)
    dtype = PRECISIONS[precision]
    device = _device(network)
    lr = torch.rand(1, 3, height, width, device=device).contiguous(memory_format=torch.channels_last)
    found: dict[str, Any] = {
        "lr": f"{width}x{height}",
        "device": device_name(device),
        "threads": torch.get_num_threads(),
    }
    forms = {"unfolded": network}
    if foldable(network):
        forms["folded"] = fold(network)
    for kind, form in forms.items():
        form = form.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad(), torch.autocast(device.type, dtype, enabled=dtype is not None):
            memory = peak_memory(partial(form, lr), device)
            seconds = latency(form, lr)
        found[kind] = {
            "parameters": count_parameters(form),
            "latency_s": median(seconds),
            "runs": len(seconds),
            "peak_memory_bytes": memory,
        }
    return found


def latency(network: nn.Module, lr: Tensor, *, budget: float = 5.0) -> list[float]:
    """Seconds of single runs after two that warm up: at least 3 and at most 50, about `budget` seconds in all."""
    timer = Timer("network(lr)", globals={"network": network, "lr": lr}, num_threads=torch.get_num_threads())
    warm = min(timer.timeit(1).median for _ in range(2))
    runs = min(50, max(3, int(budget / warm)))
    return [timer.timeit(1).median for _ in range(runs)]


def device_name(device: torch.device) -> str:
    """The device in words: "NVIDIA H200", "AMD EPYC 9R14"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()


def _device(network: nn.Module) -> torch.device:
    """Where a network lies; the CPU if it holds nothing."""
    return next(chain(network.parameters(), network.buffers()), torch.empty(0)).device
