"""Measure with which precision, memory layout, micro-batches and CUDA graph a network trains fastest on this device.

A CPU is fast while a layer's tensors fit in its cache, so a batch computed in parts, with summed gradients, may take
less time than the whole, and takes less memory. Whether it does depends on the network, the patch and the processor.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.core.device import PRECISIONS, time_once
from aldsr.training.graph import GraphedStep
from aldsr.training.step import LAYOUTS, Loss, Sharing, TrainingStep

PROBE_PARTS = 8  # precisions and layouts are compared on one of so many parts of the batch
GPU_RUNS = 5
MIN_GAIN = 0.05  # part of the time that has to be saved for anything but the plainest setting


@dataclass(frozen=True)
class StepTiming:
    """Settings of a training step and the seconds that it takes, without the optimizer."""

    precision: str
    layout: str
    micro_batches: int
    seconds: float
    compile: str = "none"

    def __str__(self) -> str:
        parts = f", {self.micro_batches} micro-batches" if self.micro_batches > 1 else ""
        graph = ", as a CUDA graph" if self.compile == "graph" else ""
        return f"{self.precision}, {self.layout}{parts}{graph}: {self.seconds:.3g} s a step"


@dataclass
class StepTimer:
    """Times forward and backward of a training step, on a copy of the network."""

    network: nn.Module
    loss: Loss
    sharing: Sharing | None
    device: torch.device
    batch_size: int
    steps: Mapping[int, int]  # of the run with each patch size
    failed: bool = False  # to record a CUDA graph

    def __post_init__(self) -> None:
        scale: int = self.network.scale  # type: ignore[assignment]
        self.network, self.loss = copy.deepcopy(self.network).to(self.device).train(), copy.deepcopy(self.loss)
        shapes = [[(self.batch_size, 3, side, side) for side in (each, scale * each)] for each in self.steps]
        self.batches = [tuple(torch.rand(shape, device=self.device) for shape in both) for both in shapes]

    def time_step(self, precision: str, layout: str, micro_batches: int, compile: str = "none") -> StepTiming:
        """Time one micro-batch and multiply by their number."""
        self.network.to(memory_format=LAYOUTS[layout])  # type: ignore[call-overload]
        size, dtype = len(self.batches[0][0]) // micro_batches, PRECISIONS[precision]
        step = TrainingStep(self.network, loss=self.loss, layout=LAYOUTS[layout], sharing=self.sharing)
        step.to(self.device)
        graph = GraphedStep()
        graph.failed = self.failed or compile != "graph"

        def run(lr: Tensor, hr: Tensor) -> None:
            self.network.zero_grad()
            with torch.autocast(self.device.type, dtype, enabled=dtype is not None):
                loss = graph(step, lr, hr, copies=micro_batches > 1)
            with step.shared:
                loss.backward()

        seconds = 0.0
        for (lr, hr), steps in zip(self.batches, self.steps.values(), strict=True):
            batch = lr[:size].contiguous(memory_format=LAYOUTS[layout]), hr[:size]
            part = steps / sum(self.steps.values())
            seconds += part * time_runs(partial(run, *batch), self.device) * micro_batches
        self.failed |= compile == "graph" and graph.failed
        return StepTiming(precision, layout, micro_batches, seconds, "none" if graph.failed else compile)


def time_runs(run: Callable[[], None], device: torch.device) -> float:
    """Seconds of a run after some to warm up: the faster of two; on a GPU the mean of several."""
    if device.type != "cuda":
        return min([time_once(run, device) for _ in range(3)][1:])

    def run_several() -> None:
        for _ in range(GPU_RUNS):  # without waiting between them, as in training
            run()

    run_several()
    return time_once(run_several, device) / GPU_RUNS


def autotune(
    network: nn.Module,
    *,
    loss: Loss = F.l1_loss,
    batch_size: int,
    patch_size: int | Mapping[int, int],
    precisions: Sequence[str],
    layouts: Sequence[str] = ("contiguous", "channels-last"),
    compiles: Sequence[str] = ("none",),
    micro_batches: int | None = None,
    device: torch.device | str | None = None,
    sharing: Sharing | None = None,
) -> list[StepTiming]:
    """Time a training step with the given settings; the last timing returned is the one to use.

    Precisions and layouts are compared on a small part of the batch. With the fastest of these, micro-batches are
    timed from small to large until they become slower, so that memory for a larger one is not asked for before. The
    network and torch's random state stay as they are.

    Args:
        batch_size: patches of a step on this device.
        patch_size: side of an LR patch; or the steps of a run with each side, the largest first: their mean is timed.
        precisions, layouts, compiles: the plainest first; another one has to save `MIN_GAIN` of the time.
        micro_batches: their number; None to try the powers of two that divide the batch.
        device: to measure on; None for that of the network.
    """
    powers = [number for number in (32, 16, 8, 4, 2, 1) if batch_size % number == 0 and batch_size >= 2 * number]
    counts = [micro_batches] if micro_batches else powers or [1]
    parts = counts[0] if len(counts) == 1 else max(n for n in range(1, PROBE_PARTS + 1) if batch_size % n == 0)
    device = torch.device(device or next(network.parameters()).device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        steps = patch_size if isinstance(patch_size, Mapping) else {patch_size: 1}
        timer = StepTimer(network, loss, sharing, device, batch_size, steps)
        probes = [
            timer.time_step(precision, layout, parts, compile)
            for precision, layout, compile in product(precisions, layouts, compiles)
        ]
        best = reduce(lambda best, probe: probe if probe.seconds < (1 - MIN_GAIN) * best.seconds else best, probes)
        timings: list[StepTiming] = []
        for count in counts:
            timings.append(timer.time_step(best.precision, best.layout, count, best.compile))
            if timings[-1].seconds > (1 + MIN_GAIN) * min(timing.seconds for timing in timings):
                break
    limit = min(timing.seconds for timing in timings) / (1 - MIN_GAIN)  # as fast as the fastest, up to noise
    chosen = min((timing for timing in timings if timing.seconds <= limit), key=lambda timing: timing.micro_batches)
    return [*probes, *(timing for timing in timings if timing is not chosen), chosen]
