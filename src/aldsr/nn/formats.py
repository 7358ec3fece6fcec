"""File formats of networks, for aldsr and for other programs: how each is written, read back and checked.

A file upscales float32 RGB images in [0, 1], `[batch, 3, height, width]`, of any number and size. ONNX and
torch.export hold the same graph, whose input is called `lr` and whose output `sr`.
"""

import logging
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from aldsr import __version__
from aldsr.core.errors import UserError
from aldsr.core.files import to_json
from aldsr.nn.description import Description, build, scale_of
from aldsr.nn.weights import read_weights, write_weights

DYNAMIC_SHAPES = ({0: Dim("batch", min=1), 2: Dim("height", min=1), 3: Dim("width", min=1)},)
OPSET = 18  # the oldest that torch's exporter writes, so that most runtimes read it; no network here needs a later one
ONNX: dict[str, Any] = {"dynamo": True, "dynamic_shapes": DYNAMIC_SHAPES, "opset_version": OPSET, "verbose": False}
ONNX |= {"input_names": ["lr"], "output_names": ["sr"]}
METADATA = "aldsr.json"  # the metadata's place in a torch.export archive
TOLERANCE = 1e-4  # of outputs in [0, 1]: a fortieth of a step of an 8-bit image

Upscale = Callable[[Tensor], Tensor]


class FormatError(UserError):
    """A network that cannot be written in a format, or a file that does not compute what the network computes."""


@dataclass(frozen=True)
class Format:
    """A file format: how a network, on the CPU and in evaluation mode, is written to a file and read back."""

    suffix: str
    title: str  # in messages
    packages: Sequence[str]  # that it needs, from the extra `export`
    write: Callable[[Path, nn.Module, Description], object]
    read: Callable[[Path, Sequence[str]], Upscale]  # takes `allow_code`; only weights files name blocks

    def check_installed(self) -> None:
        """Raise FormatError if a package is missing; none is imported."""
        if missing := [name for name in self.packages if find_spec(name) is None]:
            raise FormatError(f"{self.title} needs the package {missing[0]}; run: pip install 'aldsr[export]'")


def make_metadata(description: Description) -> dict[str, str]:
    """What a program that only has the file needs to know of the network, under `aldsr.…` keys."""
    scale = scale_of(description)
    return {
        "aldsr.version": __version__,
        "aldsr.network": to_json(description),
        "aldsr.scale": str(scale),
        "aldsr.input": "RGB in [0, 1], float32 [batch, 3, height, width]",
        "aldsr.output": f"RGB in [0, 1], not clipped, float32 [batch, 3, {scale}*height, {scale}*width]",
    }


def export_graph(network: nn.Module) -> ExportedProgram:
    """The graph of a network, without gradients. Raises FormatError if torch cannot trace it."""
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            example = (torch.zeros(2, 3, 6, 7),)  # no axis is 1: torch would take it for a constant
            program = torch.export.export(network, example, dynamic_shapes=DYNAMIC_SHAPES, strict=False)
    except Exception as error:  # of many kinds; a user's block may raise its own, or branch on values
        raise FormatError(f"torch.export cannot trace this network: {_root_cause(error)}") from error
    program.graph.eliminate_dead_code()  # such as promoted types, which torch 2.6 cannot read back
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # contains paths of this machine
    return program


def _root_cause(error: BaseException) -> str:
    """The first line of the first error: what torch wraps around it is advice to its own developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def read_safetensors(path: Path, allow_code: Sequence[str]) -> Upscale:
    """The network of a weights file."""
    description, state = read_weights(path)
    network = build(description, allow_code)
    network.load_state_dict(state)
    return network.eval()


def write_onnx(path: Path, network: nn.Module, description: Description) -> None:
    """Write an ONNX model. Raises FormatError if torch cannot trace or translate the network."""
    program = export_graph(network)
    # It remarks on torchvision, which no network here uses; torch has no option for it.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*LeafSpec.*")  # torch's own use of a class that it has deprecated
            model = torch.onnx.export(program, **ONNX)
    except Exception as error:  # as in `export_graph`
        raise FormatError(f"torch.onnx cannot translate this network: {_root_cause(error)}") from error
    assert model is not None
    for node in model.model.graph:
        node.metadata_props.clear()  # half of a small file, and contains paths of this machine
    model.model.metadata_props.update(make_metadata(description))
    path.write_bytes(model.model_proto.SerializeToString())


def read_onnx(path: Path, allow_code: Sequence[str] = ()) -> Upscale:
    """An ONNX model in onnxruntime."""
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda lr: torch.from_numpy(session.run(["sr"], {"lr": lr.numpy()})[0])


def write_torch_export(path: Path, network: nn.Module, description: Description) -> None:
    """Write a torch.export archive. Raises FormatError if torch cannot trace the network."""
    program = export_graph(network)
    with path.open("wb") as file:
        torch.export.save(program, file, extra_files={METADATA: to_json(make_metadata(description))})


def read_torch_export(path: Path, allow_code: Sequence[str] = ()) -> Upscale:
    """The graph of a torch.export archive."""
    with path.open("rb") as file:
        return torch.export.load(file).module()


FORMATS: Mapping[str, Format] = {
    "safetensors": Format(".safetensors", "safetensors", (), write_weights, read_safetensors),
    "onnx": Format(".onnx", f"ONNX opset {OPSET}", ("onnx", "onnxscript", "onnxruntime"), write_onnx, read_onnx),
    "torch-export": Format(".pt2", "torch.export", (), write_torch_export, read_torch_export),
}


def check_file(network: nn.Module, kind: Format, file: Path, output: Path, allow_code: Sequence[str] = ()) -> float:
    """The largest difference between the outputs of a network and of a file of it, called `output` in messages.

    Raises FormatError if it exceeds `TOLERANCE`, or the file does not run.
    """
    try:
        difference = max_difference(network, kind.read(file, allow_code))
    except Exception as error:  # runtimes raise errors of many kinds
        reason = " ".join(str(error).split())
        raise FormatError(f"{output}: not written, because the {kind.title} file does not run: {reason}") from error
    if not difference <= TOLERANCE:  # also if it is NaN
        raise FormatError(
            f"{output}: not written, because the {kind.title} file differs from the network by {difference:.1e}, "
            f"more than {TOLERANCE:.0e}"
        )
    return difference


def make_test_images() -> list[Tensor]:
    """Noise to compare outputs on: a single pixel, a single row, a batch of two, and three random sizes."""
    sizes, noise = random.Random(0), torch.Generator().manual_seed(0)  # a check that fails, fails again
    shapes = [(1, 1, 1), (1, 1, 7), (2, 5, 4), *((1, sizes.randint(2, 32), sizes.randint(2, 32)) for _ in range(3))]
    return [torch.rand(batch, 3, height, width, generator=noise) for batch, height, width in shapes]


@torch.no_grad()
def max_difference(ours: Upscale, theirs: Upscale) -> float:
    """The largest difference of outputs on `make_test_images`: infinite if sizes differ, NaN if an output has NaN."""
    pairs = [(ours(lr), theirs(lr)) for lr in make_test_images()]
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    return torch.stack([(a - b).abs().max() for a, b in pairs]).max().item()  # unlike Python's max, NaN where one is
