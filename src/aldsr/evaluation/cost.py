"""Parameters and multi-adds of a network."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from aldsr.nn import RDB
from aldsr.nn.description import NetworkError, build

OUTPUT = (720, 1280)  # height and width of the output for which the literature counts multi-adds


def count_parameters(module: nn.Module, *, biases: bool = True) -> int:
    """Trainable numbers of a network, with or without its biases."""
    return sum(p.numel() for name, p in module.named_parameters() if biases or not name.endswith("bias"))


def block_parameters(description: Mapping[str, Any]) -> int | None:
    """Parameters of one RDB of a network's blocks as ALDNet's Table IV counts them: C = 8, G = G0 = 64, without biases.

    None without a block, or for one from outside aldsr: descriptions come from the folders of others, so no other code
    is run.
    """
    try:
        conv = build(description["conv"]) if description.get("conv") else None
    except NetworkError:
        return None
    return None if conv is None else count_parameters(RDB(C=8, G=64, G0=64, conv=conv), biases=False)


def input_size(scale: int) -> tuple[int, int]:
    """Height and width of the LR image whose super-resolved image is 1280x720: 320x180 at x4; at x3 426x240."""
    return OUTPUT[0] // scale, OUTPUT[1] // scale


def multi_adds(network: nn.Module, *, scale: int) -> int | None:
    """Multiply-accumulates for one image of 1280x720 pixels of output, as the literature counts them.

    Torch's FlopCounter counts convolutions and matrix products, not additions, activations or resampling by index,
    while the network runs on fake tensors; None for a network that needs values, such as for branches.
    """
    lr = torch.empty(1, 3, *input_size(scale), device=device_of(network))
    counter, fake = FlopCounterMode(display=False), FakeTensorMode(allow_non_fake_inputs=True)
    try:
        with fake, torch.no_grad(), counter:
            network(fake.from_tensor(lr))
    except Exception:  # whatever a user's own block raises
        return None
    return counter.get_total_flops() // 2


def device_of(network: nn.Module) -> torch.device:
    """The device that holds a network; the CPU if it has no tensors."""
    return next(chain(network.parameters(), network.buffers()), torch.empty(0)).device
