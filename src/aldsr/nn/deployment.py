"""The fastest exact form of a trained network on one device: folded, and collapsed where that measures faster."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from aldsr.core.device import time_in_turns
from aldsr.nn.folding import collapse, collapsible_blocks, fold
from aldsr.nn.layers import channels_of

ROUNDS = 5


class Deployment(NamedTuple):
    """A deployed network, a copy of the original, and the paths of its blocks that are dense convolutions now."""

    network: nn.Module
    collapsed: list[str]


def deployed(*, network: nn.Module, collapsed: Sequence[str] = ()) -> nn.Module:
    """A network folded, with the blocks at these paths collapsed. Named by the weights files of deployed networks."""
    return collapse(fold(network), collapsed)


def deploy(network: nn.Module, *, lr: Tensor, dtype: torch.dtype | None = None) -> Deployment:
    """Fold a network, time each kind of its linear blocks folded and collapsed on its device, keep the faster.

    `lr` is an image of the size to optimise for, `Tensor[1, 3, H, W]`, on that device; `dtype` is that of autocast.
    """
    folded = fold(network).eval()
    faster: dict[tuple[int, int], bool] = {}  # collapsed, by the channels of a block
    with torch.no_grad(), torch.autocast(lr.device.type, dtype, enabled=dtype is not None):
        paths = []
        for path in collapsible_blocks(folded):
            block = folded.get_submodule(path)
            kind = channels_of(block.layer())  # type: ignore[operator]
            if kind not in faster:
                x = torch.rand(1, kind[0], *lr.shape[-2:], device=lr.device)
                faster[kind] = is_faster(collapse(block), block, x)
            paths += [path] if faster[kind] else []
        # Blocks alone do not decide: an RDB of depthwise blocks only has a fast path of its own.
        if paths and is_faster(mixed := collapse(folded, paths), folded, lr):
            return Deployment(mixed, paths)
    return Deployment(folded, [])


def is_faster(one: nn.Module, other: nn.Module, x: Tensor) -> bool:
    """Whether the first takes less time than the other for x, in channels-last layout."""
    x = x.contiguous(memory_format=torch.channels_last)
    forms = [form.to(memory_format=torch.channels_last) for form in (one, other)]  # type: ignore[call-overload]
    seconds = time_in_turns([partial(form, x) for form in forms], x.device, rounds=ROUNDS)
    return seconds[0] < seconds[1]
