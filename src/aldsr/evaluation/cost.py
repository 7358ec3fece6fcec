"""What a network costs, counted: parameters and multi-adds."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from aldsr.nn import RDB, ConvBlock
from aldsr.nn.description import NetworkError, build

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
    lr = torch.empty(1, 3, *input_size(scale), device=device_of(network))
    counter, without_memory = FlopCounterMode(display=False), FakeTensorMode(allow_non_fake_inputs=True)
    try:
        with without_memory, torch.no_grad(), counter:
            network(without_memory.from_tensor(lr))
    except Exception:  # whatever a user's own block raises
        return None
    return counter.get_total_flops() // 2


def device_of(network: nn.Module) -> torch.device:
    """The device that holds a network; the CPU if it has no tensors."""
    return next(chain(network.parameters(), network.buffers()), torch.empty(0)).device
