"""The memory traffic that a network cannot do without: the features of its layers, each read and written once."""

from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from aldsr.evaluation.cost import input_size, run_without_values


class TrafficCounter(TorchDispatchMode):
    """Counts inputs and outputs of convolutions; what passes from a depthwise one to the next can stay on chip."""

    read = written = 0
    after_depthwise = False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function is torch.ops.aten.convolution.default:
            depthwise = args[8] > 1  # groups
            self.read += 0 if self.after_depthwise else args[0].numel()
            self.written += 0 if depthwise else result.numel()
            self.after_depthwise = depthwise
        return result


def count_traffic(network: nn.Module, *, scale: int) -> tuple[int, int]:
    """Values read and written for 1280x720 pixels of output; zero for a network that cannot run without values."""
    counter = TrafficCounter()
    return (counter.read, counter.written) if run_without_values(network, counter, input_size(scale)) else (0, 0)
