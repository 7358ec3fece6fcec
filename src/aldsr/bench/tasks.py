"""What is timed: a network in a precision and layout, at a training step or at upscaling."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.bench.literal import literal_rdn
from aldsr.evaluation.cost import input_size, multi_adds
from aldsr.evaluation.inference import PRECISIONS
from aldsr.nn import RDN, ALDBlock, DWBlock, LDWBlock, StandardBlock, deploy, fold
from aldsr.nn.description import build
from aldsr.training import LAYOUTS

BLOCKS = {"RDN": StandardBlock, "DW-RDN": DWBlock, "LDW-RDN": LDWBlock, "ALD-RDN": ALDBlock}
SCALE = 4  # of the networks of `BLOCKS`


@dataclass(frozen=True)
class BenchmarkCase:
    """A network and how it is run. The fields stand in the recorded JSON files by these names."""

    network: str  # of BLOCKS, or "literal": the paper's equations one by one
    precision: str = "bf16-mixed"
    layout: str = "channels-last"
    micro_batches: int = 1  # of a training step
    checkpoint: bool = False  # recompute the activations of each RDB in the backward pass

    def build(self, size: Mapping[str, Any]) -> nn.Module:
        """Build the network with random weights."""
        torch.manual_seed(0)
        if self.network == "literal":
            return literal_rdn(**size, scale=SCALE)
        return RDN(conv=BLOCKS[self.network], **size, scale=SCALE, checkpoint=self.checkpoint)

    def deploy(self, network: nn.Module, lr: Tensor) -> nn.Module:
        """Fold the network; the literal form stays as it is."""
        return network if self.network == "literal" else fold(network)


@dataclass(frozen=True)
class DescribedCase(BenchmarkCase):
    """A network of any description, folded, and collapsed where that is faster on this device."""

    description: Mapping[str, Any] = field(default_factory=dict)
    allow_code: Sequence[str] = ()  # packages beside aldsr.nn that the description may name

    def build(self, size: Mapping[str, Any]) -> nn.Module:
        torch.manual_seed(0)
        network: nn.Module = build(self.description, self.allow_code)
        return network

    def deploy(self, network: nn.Module, lr: Tensor) -> nn.Module:
        return deploy(network, lr=lr, dtype=PRECISIONS[self.precision]).network


@dataclass(frozen=True)
class Task:
    """A training step or, with `batch` 0, upscaling to 1280x720 (x4: LR 320x180) by the deployed network."""

    size: dict[str, int]  # D, C, G and G0 of the networks of `BLOCKS`
    batch: int = 16  # patches of a training step
    patch: int = 48  # side of an LR patch, in pixels

    def flops(self, network: nn.Module) -> float:
        """Operations, two for a multi-add; the backward pass takes twice those of the forward pass."""
        scale: int = network.scale  # type: ignore[assignment]
        counted, (height, width) = multi_adds(network, scale=scale) or 0, input_size(scale)
        return 2.0 * counted if not self.batch else 6 * counted / (height * width) * self.batch * self.patch**2

    def prepare(self, case: BenchmarkCase) -> Callable[[], None]:
        """Build the network of a case; return the function that does the task once."""
        network = case.build(self.size).to(memory_format=LAYOUTS[case.layout])  # type: ignore[call-overload]
        return self._training_step(network, case) if self.batch else self._upscaling(network, case)

    def _training_step(self, network: nn.Module, case: BenchmarkCase) -> Callable[[], None]:
        optimizer, dtype = torch.optim.Adam(network.parameters(), 1e-4), PRECISIONS[case.precision]
        lr = torch.rand(self.batch, 3, self.patch, self.patch)
        hr = torch.rand(self.batch, 3, SCALE * self.patch, SCALE * self.patch)
        parts = list(zip(lr.chunk(case.micro_batches), hr.chunk(case.micro_batches), strict=True))

        def step() -> None:
            optimizer.zero_grad()
            for part, target in parts:
                with torch.autocast("cpu", dtype, enabled=dtype is not None):
                    sr = network(part.contiguous(memory_format=LAYOUTS[case.layout]))
                (F.l1_loss(sr.float(), target) / case.micro_batches).backward()
            optimizer.step()

        return step

    def _upscaling(self, network: nn.Module, case: BenchmarkCase) -> Callable[[], None]:
        scale: int = network.scale  # type: ignore[assignment]
        lr = torch.rand(1, 3, *input_size(scale)).contiguous(memory_format=LAYOUTS[case.layout])
        network, dtype = case.deploy(network, lr), PRECISIONS[case.precision]

        def upscale() -> None:
            with torch.no_grad(), torch.autocast("cpu", dtype, enabled=dtype is not None):
                network(lr)

        return upscale


def growing_tasks(task: Task) -> list[Task]:
    """The task, last, after smaller ones that differ from it in one thing.

    The batch and the number of RDBs are halved up to three times; the side of the patch is a quarter, a half and three
    quarters.
    """
    sides = sorted({task.patch * part // 4 for part in (1, 2, 3)} - {0})
    return [
        *(replace(task, batch=batch) for batch in _halves(task.batch)),
        *(replace(task, patch=patch) for patch in sides),
        *(replace(task, size={**task.size, "D": depth}) for depth in _halves(task.size["D"])),
        task,
    ]


def _halves(amount: int) -> list[int]:
    return sorted({amount // 2**times for times in (1, 2, 3)} - {0})
