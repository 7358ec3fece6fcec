"""What is timed: a network in a precision and layout, at a training step or at upscaling."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from math import prod
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from aldsr.bench.gpu import CapturedGraph
from aldsr.core.device import PRECISIONS
from aldsr.evaluation.cost import count_traffic, input_size, multi_adds
from aldsr.nn import ALDBlock, DWBlock, LDWBlock, StandardBlock, UPNet, deploy, fold
from aldsr.nn.description import BACKBONES, build
from aldsr.nn.grouped_attention import GroupedAttention
from aldsr.nn.kernels.choice import use_kernels
from aldsr.training import LAYOUTS, LOSSES, TrainingStep

SCALE = 4  # of the networks of `BACKBONES` with `BLOCKS`


class LiteralALD(ALDBlock):
    """The block with attention on the feature map, step by step (ALDNet, eqs. 3–6)."""

    layer = None  # type: ignore[assignment]  # not computed from its weights: its RDBs concatenate

    def forward(self, x: Tensor) -> Tensor:
        features = self.depthwise(x)
        r = self.attention(self.depthwise.weight).view(1, -1, 1, 1)
        return self.activation(self.pointwise(features + r * features))


BLOCKS = {"literal": LiteralALD, "": StandardBlock, "DW": DWBlock, "LDW": LDWBlock, "ALD": ALDBlock}


def benchmark_names(backbone: str) -> list[str]:
    """A backbone with every block: "literal-EDSR", "EDSR", "DW-EDSR", …; RDN's literal form is "literal" in records."""
    return [f"{block}-{backbone}".removeprefix("-").replace("literal-RDN", "literal") for block in BLOCKS]


@dataclass(frozen=True)
class BenchmarkCase:
    """A network and how it is run. The fields stand in the recorded JSON files by these names."""

    network: str  # of `benchmark_names`, or "literal-EDSR": ALD as the paper's equations are usually implemented
    precision: str = "bf16-mixed"
    layout: str = "channels-last"
    micro_batches: int = 1  # of a training step
    checkpoint: bool = False  # recompute the activations of each RDB in the backward pass
    compile: str = "none"  # or "graph": all launches of the task as one CUDA graph
    kernels: str = "torch"  # or "triton": how RDBs are computed on a GPU

    def build(self, size: Mapping[str, Any]) -> nn.Module:
        """Build the network with random weights."""
        torch.manual_seed(0)
        block, _, backbone = ("literal-RDN" if self.network == "literal" else self.network).rpartition("-")
        options = {"checkpoint": True} if self.checkpoint else {}
        network: nn.Module = BACKBONES[backbone](conv=BLOCKS[block], **size, scale=SCALE, **options)
        for upscaler in network.modules() if block == "literal" else ():
            if isinstance(upscaler, UPNet):  # its shuffling is our own
                upscaler.forward = MethodType(nn.Sequential.forward, upscaler)  # type: ignore[method-assign]
        return network

    def deploy(self, network: nn.Module, lr: Tensor) -> nn.Module:
        """Fold the network, of which the literal form has nothing; on a GPU also collapse it where that is faster."""
        if lr.device.type == "cuda" and not self.network.startswith("literal"):
            return deploy(network, lr=lr, dtype=PRECISIONS[self.precision]).network
        return fold(network)


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

    size: dict[str, int]  # of the networks of `BACKBONES`: D, C, G and G0 of RDN
    batch: int = 16  # patches of a training step
    patch: int = 48  # side of an LR patch, in pixels
    device: str = "cpu"  # or "cuda"
    backbone: str = "RDN"
    loss: str = "l1"  # of `LOSSES`

    def flops(self, network: nn.Module) -> float:
        """Operations, two for a multi-add; the backward pass takes twice those of the forward pass."""
        counted = multi_adds(network, scale=network.scale) or 0  # type: ignore[arg-type]
        return 2 * counted * (3 if self.batch else 1) * self._share(network)

    def traffic(self, network: nn.Module) -> float:
        """Values to read and write at the least; the backward pass reads features and gradients, writes gradients."""
        read, written = count_traffic(network, scale=network.scale)  # type: ignore[arg-type]
        return (3 * read + 2 * written if self.batch else read + written) * self._share(network)

    def _share(self, network: nn.Module) -> float:
        """The number of LR pixels as a part of those for 1280x720 pixels of output."""
        return self.batch * self.patch**2 / prod(input_size(network.scale)) if self.batch else 1.0  # type: ignore[arg-type]

    def prepare(self, case: BenchmarkCase) -> Callable[[], None]:
        """Build the network of a case; return the function that does the task once."""
        use_kernels(case.kernels)
        layout = LAYOUTS[case.layout]
        network = case.build(self.size).to(self.device, memory_format=layout)  # type: ignore[call-overload]
        sides = (self.patch, self.patch) if self.batch else input_size(network.scale)
        lr = torch.rand(self.batch or 1, 3, *sides).to(self.device).contiguous(memory_format=layout)
        work = (self._prepare_step if self.batch else self._prepare_upscaling)(case, network, lr)

        def run() -> None:
            use_kernels(case.kernels)  # the process has one choice, and other cases take turns with this one
            work()

        return CapturedGraph(run) if case.compile == "graph" else run

    def _prepare_upscaling(self, case: BenchmarkCase, network: nn.Module, lr: Tensor) -> Callable[[], None]:
        dtype = PRECISIONS[case.precision]
        deployed = case.deploy(network, lr).to(memory_format=LAYOUTS[case.layout])  # type: ignore[call-overload]

        def upscale() -> None:
            with torch.no_grad(), torch.autocast(self.device, dtype, enabled=dtype is not None):
                deployed(lr)

        return upscale

    def _prepare_step(self, case: BenchmarkCase, network: nn.Module, lr: Tensor) -> Callable[[], None]:
        dtype, on_gpu = PRECISIONS[case.precision], self.device == "cuda"
        side: int = network.scale * self.patch  # type: ignore[assignment, operator]
        hr = torch.rand(self.batch, 3, side, side).to(self.device)
        parts = list(zip(lr.chunk(case.micro_batches), hr.chunk(case.micro_batches), strict=True))
        sharing = GroupedAttention if on_gpu and not case.network.startswith("literal") else None  # as in training
        loss = TrainingStep(network, loss=LOSSES[self.loss], layout=LAYOUTS[case.layout], sharing=sharing)
        optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=on_gpu or None, capturable=on_gpu)

        def step() -> None:
            optimizer.zero_grad()
            for part, target in parts:
                with torch.autocast(self.device, dtype, enabled=dtype is not None):
                    share = loss(part, target) / case.micro_batches
                with loss.shared:
                    share.backward()
                loss.shared = nullcontext()  # whose nodes of autograd would be those of another stream in a graph
            optimizer.step()

        return step


def growing_tasks(task: Task) -> list[Task]:
    """The task, last, after smaller ones that differ from it in one thing.

    The batch and the number of RDBs are halved up to three times; the side of the patch is a quarter, a half and three
    quarters.
    """
    sides = sorted({task.patch * part // 4 for part in (1, 2, 3)})
    smaller = [
        *(replace(task, batch=task.batch // part) for part in (8, 4, 2)),
        *(replace(task, patch=side) for side in sides),
        *(replace(task, size={**task.size, "D": task.size["D"] // part}) for part in (8, 4, 2)),
    ]
    return [*(each for each in smaller if each.batch and each.patch and each.size["D"]), task]
