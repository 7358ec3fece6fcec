"""The memory traffic that a network cannot do without: the features of its layers, each read and written once."""

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from aldsr.evaluation.cost import run_without_values


class Traffic(NamedTuple):
    """Values that the layers of a network read and write for 1280x720 pixels of output."""

    read: int
    written: int

    @property
    def of_training(self) -> int:
        """Forward and backward: the backward pass reads the features and their gradients and writes gradients."""
        return 3 * self.read + 2 * self.written


class TrafficCounter(TorchDispatchMode):
    """Counts inputs and outputs of convolutions; what passes from a depthwise one to the next can stay on chip."""

    def __init__(self) -> None:
        super().__init__()
        self.read = self.written = 0
        self.after_depthwise = False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function is torch.ops.aten.convolution.default:
            depthwise = args[8] > 1  # groups
            self.read += 0 if self.after_depthwise else args[0].numel()
            self.written += 0 if depthwise else result.numel()
            self.after_depthwise = depthwise
        return result


def count_traffic(network: nn.Module, *, scale: int) -> Traffic:
    """Count the features that convolutions read and write; zero for a network that cannot run without values."""
    counter = TrafficCounter()
    counted = run_without_values(network, counter, scale=scale)
    return Traffic(counter.read, counter.written) if counted else Traffic(0, 0)
