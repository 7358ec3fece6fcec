"""Seconds and memory of one network on this device."""

from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.benchmark import Timer

from aldsr.core.device import device_name
from aldsr.core.memory import peak_memory
from aldsr.evaluation.cost import count_parameters, device_of, input_size
from aldsr.evaluation.inference import PRECISIONS
from aldsr.nn import fold
from aldsr.nn.folding import foldable_blocks


def measure_cost(network: nn.Module, *, scale: int, precision: str = "32-true") -> dict[str, Any]:
    """Measure one image of 1280x720 pixels of output on the network's device, folded and unfolded.

    Returns:
        `lr` ("320x180"), `device`, `threads`, and for "unfolded" and, where there is something to fold,
        "folded": `parameters`, `latency_s` (median after warm-up, with `runs`), `peak_memory_bytes` beyond
        the weights (None where the system does not report it).
    """
    (height, width), dtype, device = input_size(scale), PRECISIONS[precision], device_of(network)
    lr = torch.rand(1, 3, height, width, device=device).contiguous(memory_format=torch.channels_last)
    forms = {"unfolded": network} | ({"folded": fold(network)} if foldable_blocks(network) else {})
    cost: dict[str, Any] = {"lr": f"{width}x{height}", "device": device_name(device)}
    cost["threads"] = torch.get_num_threads()
    for kind, form in forms.items():
        form = form.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad(), torch.autocast(device.type, dtype, enabled=dtype is not None):
            memory = peak_memory(partial(form, lr), device)
            seconds = latency(form, lr)
        cost[kind] = {
            "parameters": count_parameters(form),
            "latency_s": median(seconds),
            "runs": len(seconds),
            "peak_memory_bytes": memory,
        }
    return cost


def latency(network: nn.Module, lr: Tensor, *, budget: float = 5.0) -> list[float]:
    """Seconds of 3 to 50 runs, about `budget` in all, after two runs that warm up."""
    timer = Timer("network(lr)", globals={"network": network, "lr": lr}, num_threads=torch.get_num_threads())
    warm = min(timer.timeit(1).median for _ in range(2))
    runs = min(50, max(3, int(budget / warm)))
    return [timer.timeit(1).median for _ in range(runs)]
