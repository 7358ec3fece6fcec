"""The fastest exact form of a trained network on one device: folded, and collapsed where that measures faster."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.benchmark import Timer

from aldsr.nn.folding import collapse, collapsible_blocks, fold
from aldsr.nn.layers import channels_of

REPEATS = 5


class Deployment(NamedTuple):
    """A deployed network, a copy of the original, and the measurements that chose its form.

    `measured` are seconds "folded" and "collapsed" for each kind of block ("64→64") and, if any block is faster
    collapsed, for the whole "network".
    """

    network: nn.Module
    collapsed: list[str]  # paths of the blocks that are dense convolutions now
    measured: dict[str, dict[str, float]]


def deployed(*, network: nn.Module, collapsed: Sequence[str] = ()) -> nn.Module:
    """A network folded, with the blocks at these paths collapsed. Named by the weights files of deployed networks."""
    return collapse(fold(network), collapsed)


def deploy(network: nn.Module, *, lr: Tensor, dtype: torch.dtype | None = None) -> Deployment:
    """Fold a network, time each kind of its linear blocks folded and collapsed on its device, keep the faster.

    `lr` is an image of the size to optimise for, `Tensor[1, 3, H, W]`, on that device; `dtype` is that of autocast.
    """
    folded = fold(network).eval()
    measured: dict[str, dict[str, float]] = {}
    faster = []
    with torch.no_grad(), torch.autocast(lr.device.type, dtype, enabled=dtype is not None):
        for path in collapsible_blocks(folded):
            block = folded.get_submodule(path)
            layer = block.layer()  # type: ignore[operator]
            inputs, outputs = channels_of(layer)
            kind = f"{inputs}→{outputs}"
            if kind not in measured:
                x = torch.rand(1, inputs, *lr.shape[-2:], device=lr.device)
                measured[kind] = time_in_turns({"folded": block, "collapsed": collapse(block)}, x)
            if measured[kind]["collapsed"] < measured[kind]["folded"]:
                faster.append(path)
        if faster:  # blocks alone do not decide: an RDB of depthwise blocks only has a fast path of its own
            mixed = collapse(folded, faster)
            measured["network"] = time_in_turns({"folded": folded, "collapsed": mixed}, lr)
            if measured["network"]["collapsed"] < measured["network"]["folded"]:
                return Deployment(mixed, faster, measured)
    return Deployment(folded, [], measured)


def time_in_turns(candidates: Mapping[str, nn.Module], x: Tensor) -> dict[str, float]:
    """Median seconds of each candidate, run in turns so that all meet the same load of the machine."""
    x = x.contiguous(memory_format=torch.channels_last)
    threads = torch.get_num_threads()
    timers = {
        name: Timer("f(x)", globals={"f": each.to(memory_format=torch.channels_last), "x": x}, num_threads=threads)  # type: ignore[call-overload]
        for name, each in candidates.items()
    }
    rounds = [[timer.timeit(1).median for timer in timers.values()] for _ in range(REPEATS + 1)]
    return dict(zip(timers, map(median, zip(*rounds[1:], strict=True)), strict=True))  # the first round warms up
