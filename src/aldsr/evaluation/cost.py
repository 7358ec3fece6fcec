"""What a network costs: parameters, multi-adds and activations, and seconds and memory on this device."""

import copy
from functools import partial
from itertools import chain
from math import prod
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from aldsr.core.device import PRECISIONS, device_name
from aldsr.core.memory import peak_memory
from aldsr.nn import fold
from aldsr.nn.folding import foldable_blocks

OUTPUT = (720, 1280)  # height and width of the output for which the literature counts multi-adds
CHALLENGE_INPUT = (256, 256)  # height and width of the LR image for which the efficient-SR challenges count


def count_parameters(module: nn.Module, *, biases: bool = True) -> int:
    """Trainable numbers of a network, with or without its biases."""
    return sum(p.numel() for name, p in module.named_parameters() if biases or not name.endswith("bias"))


def input_size(scale: int) -> tuple[int, int]:
    """Height and width of the LR image whose super-resolved image is 1280x720: 320x180 at x4; at x3 426x240."""
    return OUTPUT[0] // scale, OUTPUT[1] // scale


def multi_adds(network: nn.Module, *, scale: int, lr: tuple[int, int] | None = None) -> int | None:
    """Multiply-accumulates for an LR image, by default that of 1280x720 pixels of output, as the literature counts.

    Torch's FlopCounter counts convolutions and matrix products, not additions, activations or resampling by index,
    while the network runs on fake tensors; None for a network that needs values, such as for branches.
    """
    counter = FlopCounterMode(display=False)
    return counter.get_total_flops() // 2 if run_without_values(network, counter, lr or input_size(scale)) else None


def list_convolutions(network: nn.Module, lr: tuple[int, int]) -> list[tuple[int, int, bool]] | None:
    """Values read and written by each convolution for an LR image, and whether it is depthwise; None as `multi_adds`.

    Transposed ones, and that of a bicubic residual, count too.
    """
    found: list[tuple[int, int, bool]] = []

    def note(x: tuple[int, ...], *options: Any, out_shape: tuple[int, ...], **_: Any) -> int:
        found.append((prod(x), prod(out_shape), options[-1] > 1))
        return 0

    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.convolution: note})
    return found if run_without_values(network, counter, lr) else None


def count_activations(network: nn.Module) -> tuple[int, int] | None:
    """Values of the outputs of all convolutions for an LR image of 256x256 pixels, and the number of convolutions.

    Activations and #Conv of the NTIRE efficient-SR challenges, after Radosavovic et al., "Designing Network Design
    Spaces"; see `list_convolutions`.
    """
    found = list_convolutions(network, CHALLENGE_INPUT)
    return None if found is None else (sum(written for _, written, _ in found), len(found))


def count_traffic(network: nn.Module, *, scale: int) -> tuple[int, int]:
    """Features that layers cannot do without reading and writing for 1280x720 pixels of output; zero for None.

    What passes from a depthwise convolution to the next one can stay on chip.
    """
    found = list_convolutions(network, input_size(scale)) or []
    after_depthwise = [False, *(depthwise for *_, depthwise in found)]
    read = sum(values for (values, *_), kept in zip(found, after_depthwise, strict=False) if not kept)
    return read, sum(values for _, values, depthwise in found if not depthwise)


def run_without_values(network: nn.Module, counter: FlopCounterMode, lr: tuple[int, int]) -> bool:
    """Let a counter watch a network that upscales an LR image of fake values; whether it could."""
    device = _device_of(network)
    try:
        network = copy.deepcopy(network)  # which may keep what it computes
        with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), counter:
            network(torch.empty(1, 3, *lr, device=device))
    except Exception:  # whatever a user's own block raises
        return False
    return True


def measure_cost(network: nn.Module, *, scale: int, precision: str = "32-true", full: bool = False) -> dict[str, Any]:
    """Measure one image of 1280x720 pixels of output on the network's device, folded and unfolded.

    Returns `lr` ("320x180"), `device`, `threads`, and for "unfolded" and, where there is something to fold, "folded":
    `parameters`, `latency_s` (median after warm-up, with `runs`), `peak_memory_bytes` beyond the weights (None where
    the system does not report it); if `full`, also what the efficient-SR challenges report.
    """
    (height, width), dtype, device = input_size(scale), PRECISIONS[precision], _device_of(network)
    lr = torch.rand(1, 3, height, width, device=device).contiguous(memory_format=torch.channels_last)
    forms = {"unfolded": network} | ({"folded": fold(network)} if foldable_blocks(network) else {})
    cost: dict[str, Any] = {"lr": f"{width}x{height}", "device": device_name(device)}
    cost["threads"] = torch.get_num_threads()
    for kind, form in forms.items():
        form = form.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad(), torch.autocast(device.type, dtype, enabled=dtype is not None):
            memory = peak_memory(partial(form, lr), device)
            seconds = latency(form, lr)
        cost[kind] = {"parameters": count_parameters(form), "latency_s": median(seconds), "runs": len(seconds)}
        cost[kind]["peak_memory_bytes"] = memory
        if full:
            values, number = count_activations(form) or (None, None)
            cost[kind] |= {"convolutions": number, "activations_256x256": values}
            cost[kind] |= {"multi_adds_256x256": multi_adds(form, scale=scale, lr=CHALLENGE_INPUT)}
            cost[kind] |= {"multi_adds": multi_adds(form, scale=scale)}
    return cost


def latency(network: nn.Module, lr: Tensor, *, budget: float = 5.0) -> list[float]:
    """Seconds of 3 to 50 runs, about `budget` in all, after two runs that warm up."""
    timer = Timer("network(lr)", globals={"network": network, "lr": lr}, num_threads=torch.get_num_threads())
    warm = min(timer.timeit(1).median for _ in range(2))
    runs = min(50, max(3, int(budget / warm)))
    return [timer.timeit(1).median for _ in range(runs)]


def _device_of(network: nn.Module) -> torch.device:
    """The device that holds a network; the CPU if it has no tensors."""
    return next(chain(network.parameters(), network.buffers()), torch.empty(0)).device
