"""Precision, layout and micro-batches by measurement: what trains this network fastest on this device.

A CPU is fast while a layer's tensors stay in its cache, so a batch computed in parts, with summed gradients, may
take less time than the whole, and takes less memory. Whether it does depends on network, patch and processor.
"""

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

AUTOCAST = {"32-true": None, "bf16-mixed": torch.bfloat16}  # Lightning's names
LAYOUTS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
PROBE = 8  # precision and layout are compared on an eighth of the batch
GAIN = 0.05  # what something else than fp32 on the whole batch has to save of the time


@dataclass(frozen=True)
class StepTiming:
    """A way to train and the seconds that a step takes with it (without the optimizer)."""

    precision: str
    layout: str
    micro_batches: int
    seconds: float

    def __str__(self) -> str:
        parts = f", {self.micro_batches} micro-batches" if self.micro_batches > 1 else ""
        return f"{self.precision}, {self.layout}{parts}: {self.seconds:.3g} s a step"


def autotune(
    network: nn.Module,
    *,
    batch_size: int,
    patch_size: int,
    precisions: Sequence[str],
    layouts: Sequence[str] = ("contiguous", "channels-last"),
    micro_batches: Sequence[int] | None = None,
) -> list[StepTiming]:
    """Time forward and backward of a step in the ways that are offered. The last one is the fastest.

    First precisions and layouts on a small part of the batch, then, with the fastest of these, micro-batches
    from small to large, as long as larger ones are no slower: memory for a larger one is not asked for before.

    Args:
        network: on its device, with an attribute `scale`; it stays as it is.
        batch_size: patches of a step on this device.
        patch_size: side of an LR patch.
        precisions: of `AUTOCAST`, the plainest first: others have to save `GAIN` of its time.
        layouts: of `LAYOUTS`, likewise.
        micro_batches: numbers of parts; None: powers of two that divide the batch.
    """
    numbers = sorted(micro_batches or _divisors(batch_size), reverse=True)
    measure = _Measure(network, patch_size, batch_size)
    probe = numbers[0] if len(numbers) == 1 else max(min(PROBE, batch_size), 1)
    while batch_size % probe:
        probe -= 1
    tried = [measure(precision, layout, probe) for precision, layout in product(precisions, layouts)]
    best = tried[0]
    for pace in tried[1:]:
        best = pace if pace.seconds < (1 - GAIN) * best.seconds else best
    paces = []
    for number in numbers:
        paces.append(measure(best.precision, best.layout, number))
        if paces[-1].seconds > (1 + GAIN) * min(pace.seconds for pace in paces):
            break
    return [*tried, *sorted(paces, key=lambda pace: -pace.seconds)[:-1], _plainest(paces)]


def _plainest(paces: Sequence[StepTiming]) -> StepTiming:
    """The largest micro-batch of those that are as fast as the fastest, but for noise."""
    limit = min(pace.seconds for pace in paces) / (1 - GAIN)
    return min((pace for pace in paces if pace.seconds <= limit), key=lambda pace: pace.micro_batches)


def _divisors(batch_size: int) -> list[int]:
    return [number for number in (1, 2, 4, 8, 16, 32) if batch_size % number == 0 and batch_size >= 2 * number] or [1]


class _Measure:
    """Times a micro-batch, and takes it for all of the step's."""

    def __init__(self, network: nn.Module, patch_size: int, batch_size: int) -> None:
        self.network = copy.deepcopy(network).train()
        self.device = next(network.parameters()).device
        scale: int = network.scale  # type: ignore[assignment]
        self.lr = torch.rand(batch_size, 3, patch_size, patch_size, device=self.device)
        self.hr = torch.rand(batch_size, 3, scale * patch_size, scale * patch_size, device=self.device)

    def __call__(self, precision: str, layout: str, micro_batches: int) -> StepTiming:
        self.network.to(memory_format=LAYOUTS[layout])  # type: ignore[call-overload]
        size = len(self.lr) // micro_batches
        lr = self.lr[:size].contiguous(memory_format=LAYOUTS[layout])
        seconds = min(list(self._times(lr, self.hr[:size], AUTOCAST[precision]))[1:])
        return StepTiming(precision, layout, micro_batches, seconds * micro_batches)

    def _times(self, lr: Tensor, hr: Tensor, dtype: torch.dtype | None, runs: int = 3) -> Iterator[float]:
        for _ in range(runs):
            self.network.zero_grad()
            started = time.perf_counter()
            with torch.autocast(self.device.type, dtype, enabled=dtype is not None):
                sr = self.network(lr)
            F.l1_loss(sr.float(), hr).backward()
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            yield time.perf_counter() - started
