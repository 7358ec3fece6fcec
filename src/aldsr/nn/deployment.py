"""The fastest exact form of a trained network on one device: folded, and collapsed where a measurement says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.benchmark import Timer

from aldsr.nn.folding import collapse, collapsible, fold, foldable

RUNS = 5


@dataclass(frozen=True)
class Deployment:
    """A deployed network and how it came about.

    Args:
        network: a copy; the original is as it was.
        collapsed: places of the blocks that are dense convolutions now.
        measured: per kind of block ("64→64"), seconds "folded" and "collapsed"; of the whole "network", too,
            if blocks were collapsed.
    """

    network: nn.Module
    collapsed: list[str]
    measured: dict[str, dict[str, float]]


def deployed(*, network: nn.Module, collapsed: Sequence[str] = ()) -> nn.Module:
    """The deployed form of a network by a choice that was made before: folded, these blocks collapsed.

    Weights files of deployed networks are described by it.
    """
    return collapse(fold(network), collapsed)


def deploy(network: nn.Module, *, lr: Tensor, dtype: torch.dtype | None = None) -> Deployment:
    """Fold a network, time each kind of its linear blocks folded and collapsed on its device, keep the faster.

    Args:
        network: on its device.
        lr: a picture of the size that is to be fast, `Tensor[1, 3, H, W]`, on that device.
        dtype: of autocast; None: off.
    """
    folded = fold(network).eval()
    paths, measured, faster = collapsible(folded), dict[str, dict[str, float]](), []
    with torch.no_grad(), torch.autocast(lr.device.type, dtype, enabled=dtype is not None):
        for path in paths:
            block = folded.get_submodule(path)
            layer = block.layer()  # type: ignore[operator]
            kind = f"{len(layer.depthwise)}→{len(layer.pointwise)}"
            if kind not in measured:
                x = torch.rand(1, len(layer.depthwise), *lr.shape[-2:], device=lr.device)
                measured[kind] = _race({"folded": block, "collapsed": collapse(block)}, x)
            if measured[kind]["collapsed"] < measured[kind]["folded"]:
                faster.append(path)
        if not faster:
            return Deployment(folded, [], measured)
        # An RDB of depthwise blocks alone has a faster way of its own, so what holds for blocks need not for it.
        mixed = collapse(folded, faster)
        measured["network"] = _race({"folded": folded, "collapsed": mixed}, lr)
    if measured["network"]["collapsed"] < measured["network"]["folded"]:
        return Deployment(mixed, faster, measured)
    return Deployment(folded, [], measured)


def described(description: Mapping[str, Any], network: nn.Module, collapsed: Sequence[str] = ()) -> dict[str, Any]:
    """The description of a deployed network, for its weights file.

    Args:
        description: of the network that was deployed.
        network: that network itself.
        collapsed: places of its collapsed blocks.
    """
    plain = dict(description)
    if blocks := foldable(network):
        block = fold(network.get_submodule(blocks[0]))
        size = {key: value for key, value in description["conv"].items() if key == "kernel_size"}
        plain["conv"] = {"_target_": f"aldsr.nn.{type(block).__name__}", "_partial_": True, **size}
    if not collapsed:
        return plain
    return {"_target_": "aldsr.nn.deployed", "network": plain, "collapsed": list(collapsed)}


def _race(candidates: Mapping[str, nn.Module], x: Tensor) -> dict[str, float]:
    """Median seconds of each, run in turns so that all see the same machine."""
    x = x.contiguous(memory_format=torch.channels_last)
    threads = torch.get_num_threads()
    timers = {
        name: Timer("f(x)", globals={"f": each.to(memory_format=torch.channels_last), "x": x}, num_threads=threads)  # type: ignore[call-overload]
        for name, each in candidates.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(RUNS + 1):  # the first warms up
        for name, timer in timers.items():
            seconds[name].append(timer.timeit(1).median)
    return {name: median(times[1:]) for name, times in seconds.items()}
