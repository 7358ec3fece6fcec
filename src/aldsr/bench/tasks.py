"""What is timed: a network in some way of use, at a training step or at upscaling."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.bench.literal import literal_rdn
from aldsr.evaluation.cost import input_size, multi_adds
from aldsr.evaluation.inference import PRECISIONS
from aldsr.nn import RDN, ALDBlock, DWBlock, LDWBlock, StandardBlock, deploy, fold
from aldsr.nn.description import TRUSTED, build

BLOCKS = {"RDN": StandardBlock, "DW-RDN": DWBlock, "LDW-RDN": LDWBlock, "ALD-RDN": ALDBlock}
FORMATS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
SCALE = 4  # of networks that are called by their block


@dataclass(frozen=True)
class Way:
    """A network and how it is used."""

    network: str  # of BLOCKS, or "literal"
    precision: str = "bf16-mixed"
    layout: str = "channels-last"
    micro_batches: int = 1  # of a training step
    checkpoint: bool = False  # activations of each RDB are computed again

    def build(self, size: Mapping[str, Any]) -> nn.Module:
        torch.manual_seed(0)
        if self.network == "literal":
            return literal_rdn(**size, scale=SCALE)
        return RDN(conv=BLOCKS[self.network], **size, scale=SCALE, checkpoint=self.checkpoint)

    def deployed(self, network: nn.Module, lr: Tensor) -> nn.Module:
        """What upscales: the network folded, but for the literal form."""
        return network if self.network == "literal" else fold(network)


@dataclass(frozen=True)
class Described(Way):
    """A network of any description, deployed: folded, and collapsed where that is faster on this device."""

    description: Mapping[str, Any] = field(default_factory=dict, hash=False)
    trusted: Sequence[str] = TRUSTED  # packages that it may name

    def build(self, size: Mapping[str, Any]) -> nn.Module:
        torch.manual_seed(0)
        network: nn.Module = build(self.description, list(self.trusted))
        return network

    def deployed(self, network: nn.Module, lr: Tensor) -> nn.Module:
        return deploy(network, lr=lr, dtype=PRECISIONS[self.precision]).network


@dataclass(frozen=True)
class Task:
    """What is timed: a training step of `batch` patches with an LR side of `patch`; or, batch 0, upscaling to
    1280x720 (x4: an LR picture of 320x180) by the deployed network."""

    size: dict[str, int]
    batch: int = 16
    patch: int = 48

    def flops(self, network: nn.Module) -> float:
        """Operations: two for a multi-add; the backward pass takes twice those of the forward pass."""
        scale = _scale(network)
        counted, (height, width) = multi_adds(network, scale=scale) or 0, input_size(scale)
        return 2.0 * counted if not self.batch else 6 * counted / (height * width) * self.batch * self.patch**2

    def work(self, way: Way) -> Callable[[], None]:
        network = way.build(self.size).to(memory_format=FORMATS[way.layout])  # type: ignore[call-overload]
        return self._training(network, way) if self.batch else self._upscaling(network, way)

    def _training(self, network: nn.Module, way: Way) -> Callable[[], None]:
        optimizer, dtype = torch.optim.Adam(network.parameters(), 1e-4), PRECISIONS[way.precision]
        lr = torch.rand(self.batch, 3, self.patch, self.patch)
        hr = torch.rand(self.batch, 3, SCALE * self.patch, SCALE * self.patch)
        parts = list(zip(lr.chunk(way.micro_batches), hr.chunk(way.micro_batches), strict=True))

        def step() -> None:
            optimizer.zero_grad()
            for part, target in parts:
                with torch.autocast("cpu", dtype, enabled=dtype is not None):
                    sr = network(part.contiguous(memory_format=FORMATS[way.layout]))
                (F.l1_loss(sr.float(), target) / way.micro_batches).backward()
            optimizer.step()

        return step

    def _upscaling(self, network: nn.Module, way: Way) -> Callable[[], None]:
        lr = torch.rand(1, 3, *input_size(_scale(network))).contiguous(memory_format=FORMATS[way.layout])
        network, dtype = way.deployed(network, lr), PRECISIONS[way.precision]

        def upscale() -> None:
            with torch.no_grad(), torch.autocast("cpu", dtype, enabled=dtype is not None):
                network(lr)

        return upscale


def _scale(network: nn.Module) -> int:
    scale: int = network.scale  # type: ignore[assignment]
    return scale
