"""File formats of networks, for aldsr and for other programs: how each is written and read back.

A file upscales float32 RGB images in [0, 1], `[batch, 3, height, width]`, of any number and size. ONNX and
torch.export hold the same graph, whose input is called `lr` and whose output `sr`.
"""

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from aldsr import __version__
from aldsr.core.errors import UserError
from aldsr.nn.description import Description, scale_of
from aldsr.nn.weights import load_weights, pack_weights

DYNAMIC_AXES = {0: "batch", 2: "height", 3: "width"}
OPSET = 18  # the oldest that torch's exporter writes, so that most runtimes read it; no network here needs a later one
METADATA = "aldsr.json"  # the metadata's place in a torch.export archive

Upscaler = Callable[[Tensor], Tensor]


class FormatError(UserError):
    """A network that cannot be written in a format."""


@dataclass(frozen=True)
class Format:
    """A file format.

    Args:
        suffix: of its files.
        title: in messages.
        packages: that it needs, from the extra `export`.
        write: writes a network, on the CPU and in evaluation mode, with its description.
        read: returns a function of a file, LR → SR on the CPU. The second argument is `allow_code` of a weights file;
            the other formats hold operators and no names of blocks.
    """

    suffix: str
    title: str
    packages: Sequence[str]
    write: Callable[[Path, nn.Module, Description], object]
    read: Callable[[Path, Sequence[str]], Upscaler]

    def check_installed(self) -> None:
        """Look for the packages, without importing them.

        Raises:
            FormatError: if one is missing, with the command that installs it.
        """
        if missing := [name for name in self.packages if find_spec(name) is None]:
            raise FormatError(
                f"{self.title} needs the package {missing[0]}; install it with: pip install 'aldsr[export]'"
            )


def make_metadata(description: Description) -> dict[str, str]:
    """What a program that only has the file needs to know of the network, under `aldsr.…` keys."""
    scale = scale_of(description)
    return {
        "aldsr.version": __version__,
        "aldsr.network": json.dumps(description),
        "aldsr.scale": str(scale),
        "aldsr.input": "RGB in [0, 1], float32 [batch, 3, height, width]",
        "aldsr.output": f"RGB in [0, 1], not clipped, float32 [batch, 3, {scale}*height, {scale}*width]",
    }


def export_graph(network: nn.Module) -> ExportedProgram:
    """The graph of a network for images of any number and size, without gradients.

    Raises:
        FormatError: if torch cannot export it, for instance because a user's block branches on values.
    """
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            # No axis is 1 here: torch would take it for a constant.
            program = torch.export.export(network, (torch.zeros(2, 3, 6, 7),), dynamic_shapes=_axes(), strict=False)
    except Exception as error:  # of many kinds, and a user's block may raise its own
        raise FormatError(f"torch.export cannot trace this network: {_root_cause(error)}") from error
    program.graph.eliminate_dead_code()  # such as promoted types, which torch 2.6 cannot read back
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # contains paths of this machine
    return program


def _axes() -> tuple[dict[int, Any]]:
    return ({axis: Dim(name, min=1) for axis, name in DYNAMIC_AXES.items()},)


def _root_cause(error: BaseException) -> str:
    """The first line of the first error: what torch wraps around it is advice to its own developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def write_safetensors(path: Path, network: nn.Module, description: Description) -> None:
    """Write a weights file of aldsr."""
    path.write_bytes(pack_weights(network, description))


def read_safetensors(path: Path, allow_code: Sequence[str]) -> Upscaler:
    """The network of a weights file."""
    return load_weights(path, allow_code)[0].eval()


def write_onnx(path: Path, network: nn.Module, description: Description) -> None:
    """Write an ONNX model. Raises FormatError if torch cannot trace or translate the network."""
    program = export_graph(network)
    try:
        with _quiet_exporter():
            model = torch.onnx.export(
                program,
                dynamo=True,
                dynamic_shapes=_axes(),
                input_names=["lr"],
                output_names=["sr"],
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:  # as in `export_graph`
        raise FormatError(f"torch.onnx cannot translate this network: {_root_cause(error)}") from error
    assert model is not None
    for node in model.model.graph:
        node.metadata_props.clear()  # half of a small file, and contains paths of this machine
    model.model.metadata_props.update(make_metadata(description))
    path.write_bytes(model.model_proto.SerializeToString())


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence remarks on torch itself and on torchvision, which no network here uses."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")  # torch has no option for it
    level = registration.level
    registration.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # torch's own use of a class that torch has deprecated
            warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
            warnings.filterwarnings("ignore", ".*LeafSpec.*", DeprecationWarning)
            yield
    finally:
        registration.setLevel(level)


def read_onnx(path: Path, allow_code: Sequence[str] = ()) -> Upscaler:
    """An ONNX model in onnxruntime."""
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda lr: torch.from_numpy(session.run(["sr"], {"lr": lr.numpy()})[0])


def write_torch_export(path: Path, network: nn.Module, description: Description) -> None:
    """Write a torch.export archive. Raises FormatError if torch cannot trace the network."""
    program = export_graph(network)
    with path.open("wb") as file:
        torch.export.save(program, file, extra_files={METADATA: json.dumps(make_metadata(description))})


def read_torch_export(path: Path, allow_code: Sequence[str] = ()) -> Upscaler:
    """The graph of a torch.export archive."""
    with path.open("rb") as file:
        return torch.export.load(file).module()


FORMATS: Mapping[str, Format] = {
    "safetensors": Format(".safetensors", "safetensors", (), write_safetensors, read_safetensors),
    "onnx": Format(".onnx", f"ONNX opset {OPSET}", ("onnx", "onnxscript", "onnxruntime"), write_onnx, read_onnx),
    "torch-export": Format(".pt2", "torch.export", (), write_torch_export, read_torch_export),
}
