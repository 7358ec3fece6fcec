"""Weights in files: training checkpoints, and weights files with a description of the network.

Nothing in either is executed: they hold tensors and plain data, and a description can only name what is allowed (see
`aldsr.nn.description`).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from aldsr.core.files import atomic_write, to_json
from aldsr.core.run_files import CHECKPOINT, WEIGHTS
from aldsr.nn.description import Description, NetworkError, build, complete_description, label
from aldsr.nn.foreign import External


def load_network(path: str | Path, allow_code: Sequence[str] = ()) -> tuple[nn.Module, Description]:
    """The network of a weights file (`*.safetensors`), training checkpoint or folder of a run, and its description.

    `allow_code` are packages beside aldsr.nn that the network's blocks may come from.
    Raises NetworkError if the file is missing, damaged, not of aldsr, or describes code that is not allowed.
    """
    description, state = read_described(path)
    network = build(description, allow_code)
    if not isinstance(network, nn.Module):
        raise NetworkError(f"{path}: its description makes a {type(network).__name__}, not a network")
    load_state(network, state, path)
    return network, description


def load_state(network: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Load weights into a network if every key and shape fits, else raise NetworkError and change nothing."""
    if faults := find_faults(state, {key: value.shape for key, value in network.state_dict().items()}):
        first = ", ".join(dict.fromkeys((*faults[:2], faults[-1])))  # one of another kind, if there are several
        raise NetworkError(
            f"{source}: these weights are of another network ({len(faults)} differences): {first}; "
            "use the model, size and scale that they were trained with"
        )
    network.load_state_dict(dict(state))


def find_faults(state: Mapping[str, Tensor], shapes: Mapping[str, Sequence[int]]) -> list[str]:
    """What weights have that a network with such shapes lacks, what they lack, and what is of another shape."""
    faults = [f"has '{key}', which the network lacks" for key in state if key not in shapes]
    faults += [f"lacks '{key}'" for key in shapes if key not in state]
    found = {key: (tuple(state[key].shape), tuple(shape)) for key, shape in shapes.items() if key in state}
    return faults + [f"'{key}' is {ours}, the network's is {its}" for key, (ours, its) in found.items() if ours != its]


def write_weights(
    path: Path, network: nn.Module, description: Description, *, degradation: Mapping[str, Any] | None = None
) -> None:
    """Write a weights file: weights, description, and how LR was made for its training, without any code."""
    own = network.state_dict()  # copied, as a network of others may have one tensor by two names
    state = {key: value.detach().cpu().clone(memory_format=torch.contiguous_format) for key, value in own.items()}
    metadata = {"format": "pt", "aldsr.network": to_json(description)}
    metadata |= {"aldsr.degradation": to_json(degradation)} if degradation else {}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(state, metadata=metadata))


def read_described(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The description and weights in a weights file (`*.safetensors`), training checkpoint, or folder of a run."""
    path = find_file(path)
    return (read_weights if path.suffix == ".safetensors" else read_checkpoint)(path)


def find_file(source: str | Path) -> Path:
    """The file that is named, or of the folder of a run its weights, else its checkpoint.

    Raises NetworkError if a folder has neither.
    """
    path = Path(source).expanduser()
    if not path.is_dir():
        return path
    files = [path / name for name in (WEIGHTS, CHECKPOINT) if (path / name).is_file()]
    if not files:
        raise NetworkError(f"{source}: a folder without {WEIGHTS} or {CHECKPOINT}, so not of a run that has begun")
    return files[0]


def read_weights(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The description and weights in a file. Raises NetworkError if it is missing, damaged or not of aldsr."""
    if not Path(path).is_file():
        raise NetworkError(f"{path}: no such weights file; a run keeps its own in RUN/weights.safetensors")
    try:
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {}).get("aldsr.network", "null"))
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise NetworkError(f"{path}: not a readable weights file: damaged, or no safetensors ({error})") from error
    if not isinstance(description, dict) or "_target_" not in description:
        raise NetworkError(f"{path}: weights without a network description, so not of aldsr")
    return description, state


def read_degradation(path: str | Path) -> dict[str, Any] | None:
    """How LR was made for the training of weights, as their file says; None: it does not, as an older one.

    Raises NetworkError if a checkpoint is missing, damaged or not of aldsr.
    """
    if Path(path).suffix != ".safetensors":
        noted = load_checkpoint(path).get("degradation")
    else:
        with safe_open(path, framework="pt") as file:
            noted = json.loads((file.metadata() or {}).get("aldsr.degradation", "null"))
    return noted if isinstance(noted, dict) and noted else None


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """The whole content of a training checkpoint. Raises NetworkError if it is missing, damaged or not of aldsr."""
    if not Path(path).is_file():
        raise NetworkError(f"{path}: no such checkpoint file; a run keeps its own in RUN/checkpoints/last.ckpt")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds, and advises to run what may be a stranger's code
        raise NetworkError(f"{path}: not a readable checkpoint: damaged, or not made by aldsr") from error
    match checkpoint:
        case {"network": dict(), "state_dict": dict(state)} if all(isinstance(x, Tensor) for x in state.values()):
            return dict(checkpoint)
    raise NetworkError(f"{path}: a checkpoint without a network description and its weights, so not one of aldsr")


def read_checkpoint(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """`read_weights` of a training checkpoint, in which the network is a part of a larger module."""
    checkpoint = load_checkpoint(path)
    own = {key: value for key, value in checkpoint["state_dict"].items() if str(key).startswith("network.")}
    return checkpoint["network"], {key.removeprefix("network."): value for key, value in own.items()}


def check_resumable(path: str | Path, network: nn.Module, description: Description) -> None:
    """Check that a checkpoint is of the network that is to be trained further, and load its weights.

    Raises NetworkError if the completed descriptions differ, or weights do not fit.
    """
    recorded, state = read_checkpoint(path)
    if complete_description(recorded) != complete_description(description):
        raise NetworkError(
            f"{path}: is of another network, {label(recorded)}; put this run's own back, or leave ckpt_path out"
        )
    load_state(network, state, path)


def check_network(network: nn.Module, scale: int) -> None:
    """Raise NetworkError if a network fails on a small black image, or its output is not `scale` times as large."""
    side = 45 if isinstance(network, External) else 8  # shows whether sides must divide
    try:
        with torch.no_grad():
            output = network(torch.zeros(1, 3, side, side))
    except NetworkError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise NetworkError(f"the network fails on an image of {side}x{side} pixels: {error}") from error
    shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if shape != (1, 3, side * scale, side * scale):
        raise NetworkError(f"the network makes {shape} of an image of {side}x{side} pixels at scale {scale}")
