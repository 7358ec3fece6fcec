"""Work on a GPU, recorded as one CUDA graph; and the two ceilings of a device, on a CPU as well."""

from collections.abc import Callable
from typing import Any

import torch

from aldsr.core.device import PRECISIONS, time_once
from aldsr.training.graph import WARM_UP, capture, side_stream


class CapturedGraph:
    """Work whose launches are recorded at the first call, after a few to warm up, and replayed as one from then on.

    The work must not depend on the host: the same shapes and the same tensors each time. All graphs share the memory
    of the first, since they never run at the same time and none reads what another has left there. The first is kept:
    torch frees the memory with the last graph that uses it.
    """

    pool: Any = None
    first: Callable[[], None] | None = None

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work  # holds the tensors that the graph reads and writes
        self.replay: Callable[[], None] | None = None

    def __call__(self) -> None:
        if self.replay is None:
            with side_stream(torch.device("cuda")):
                for _ in range(WARM_UP):
                    self.work()
            pool = CapturedGraph.pool or torch.cuda.graph_pool_handle()
            ((self.replay, _),) = capture(self.work, pool=pool)
            CapturedGraph.pool, CapturedGraph.first = pool, CapturedGraph.first or self.replay  # if it succeeded
        self.replay()


def matmul_rate(precision: str, device: torch.device) -> float:
    """Operations per second of a large matrix product, the fastest of a few: the most that a processor can do."""
    size = 8192 if device.type == "cuda" else 2048
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # as cuDNN has it by default, for convolutions
    a = torch.rand(size, size, device=device).to(PRECISIONS[precision] or torch.float32)
    return 2 * size**3 / min(time_once(lambda: a @ a, device) for _ in range(7))


def copy_rate(device: torch.device) -> float:
    """Bytes per second that a large copy reads and writes, the fastest of a few: the most that the memory can do."""
    source = torch.empty(2**29, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * source.numel() / min(time_once(lambda: target.copy_(source), device) for _ in range(7))
