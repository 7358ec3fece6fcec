"""A network in files, for aldsr and for other programs: written and read back.

Written is what the network does with a picture, float32 RGB in [0, 1], `[batch, 3, height, width]`, of any number
and size. ONNX and torch.export get the same graph, whose input is called `lr` and whose output `sr`.
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
from aldsr.nn.description import Description, build, scale_of
from aldsr.nn.weights import load_state, packed, read_weights

AXES = {0: "batch", 2: "height", 3: "width"}  # that may be of any size
OPSET = 18  # the oldest that torch's exporter writes, so that most runtimes read it; no network here needs a later one
METADATA = "aldsr.json"  # the metadata's place in a torch.export archive

Upscaler = Callable[[Tensor], Tensor]


class FormatError(UserError):
    """A network that cannot be written in a format."""


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Args:
        suffix: by which it is known.
        said: what it is called in a report.
        packages: that it needs, of the extra `export`.
        write: puts a network, on the CPU and in evaluation mode, into a file with its description.
        read: makes a function of such a file, LR → SR on the CPU. Its second argument are the packages that a
            weights file's blocks may come from; the other formats hold operators and no names of blocks.
    """

    suffix: str
    said: str
    packages: Sequence[str]
    write: Callable[[Path, nn.Module, Description], None]
    read: Callable[[Path, Sequence[str]], Upscaler]

    def check_installed(self) -> None:
        """Look for the packages, without importing them.

        Raises:
            FormatError: if one is missing, saying how it is installed.
        """
        if missing := [name for name in self.packages if find_spec(name) is None]:
            raise FormatError(
                f"{self.said} needs the package {missing[0]}; install it with: pip install 'aldsr[export]'"
            )


def metadata(description: Description) -> dict[str, str]:
    """What a program that only has the file should know of the network, by `aldsr.…` names."""
    scale = scale_of(description)
    return {
        "aldsr.version": __version__,
        "aldsr.network": json.dumps(description),
        "aldsr.scale": str(scale),
        "aldsr.input": "RGB in [0, 1], float32 [batch, 3, height, width]",
        "aldsr.output": f"RGB in [0, 1], not clipped, float32 [batch, 3, {scale}*height, {scale}*width]",
    }


def traced(network: nn.Module) -> ExportedProgram:
    """The network's graph for pictures of any number and size, without gradients.

    Raises:
        FormatError: if torch cannot trace it, as a block of one's own that looks at its input's values.
    """
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            # No axis is 1 here: torch would take it for a constant.
            program = torch.export.export(network, (torch.zeros(2, 3, 6, 7),), dynamic_shapes=_sizes(), strict=False)
    except Exception as error:  # of half a dozen kinds, and a user's block may raise its own
        raise FormatError(f"torch.export cannot trace this network: {_reason(error)}") from error
    program.graph.eliminate_dead_code()  # such as promoted types, which torch 2.6 cannot read back
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # names this machine's folders
    return program


def _sizes() -> tuple[dict[int, Any]]:
    return ({axis: Dim(name, min=1) for axis, name in AXES.items()},)


def _reason(error: BaseException) -> str:
    """What went wrong at first: what torch wraps around it is advice to its own developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def write_safetensors(path: Path, network: nn.Module, description: Description) -> None:
    """As a weights file of aldsr's own."""
    path.write_bytes(packed(network, description))


def read_safetensors(path: Path, trusted: Sequence[str]) -> Upscaler:
    """The network of a weights file."""
    description, state = read_weights(path)
    network: nn.Module = build(description, trusted)
    load_state(network, state, path)
    return network.eval()


def write_onnx(path: Path, network: nn.Module, description: Description) -> None:
    """As an ONNX model.

    Raises:
        FormatError: if torch cannot trace or translate it.
    """
    program = traced(network)
    try:
        with _quiet():
            translated = torch.onnx.export(
                program,
                dynamo=True,
                dynamic_shapes=_sizes(),
                input_names=["lr"],
                output_names=["sr"],
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:  # as in `traced`
        raise FormatError(f"torch.onnx cannot translate this network: {_reason(error)}") from error
    assert translated is not None
    for node in translated.model.graph:
        node.metadata_props.clear()  # half of a small file, and names this machine's folders
    translated.model.metadata_props.update(metadata(description))
    path.write_bytes(translated.model_proto.SerializeToString())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on torch itself and on torchvision, which no network here uses."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
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


def read_onnx(path: Path, trusted: Sequence[str] = ()) -> Upscaler:
    """An ONNX model in onnxruntime."""
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda lr: torch.from_numpy(session.run(["sr"], {"lr": lr.numpy()})[0])


def write_program(path: Path, network: nn.Module, description: Description) -> None:
    """As an archive of torch.export.

    Raises:
        FormatError: if torch cannot trace it.
    """
    program = traced(network)
    with path.open("wb") as file:
        torch.export.save(program, file, extra_files={METADATA: json.dumps(metadata(description))})


def read_program(path: Path, trusted: Sequence[str] = ()) -> Upscaler:
    """The graph of a torch.export archive."""
    with path.open("rb") as file:
        return torch.export.load(file).module()


FORMATS: Mapping[str, Format] = {
    "safetensors": Format(".safetensors", "safetensors", (), write_safetensors, read_safetensors),
    "onnx": Format(".onnx", f"ONNX opset {OPSET}", ("onnx", "onnxscript", "onnxruntime"), write_onnx, read_onnx),
    "torch-export": Format(".pt2", "torch.export", (), write_program, read_program),
}
