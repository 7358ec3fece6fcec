"""A network's weights in files: training checkpoints, and weights files with a description of the network.

Nothing in either is executed: tensors and plain data only, and trusted names only (see `description`).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from aldsr.nn.description import TRUSTED, Description, NetworkError, build, flat


def load_state(network: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Put weights into a network: every key, every shape, or nothing.

    Raises:
        NetworkError: naming the source and the first weights that do not fit.
    """
    own = network.state_dict()
    faults = [f"lacks '{key}'" for key in own.keys() - state.keys()]
    faults += [f"has '{key}', which the network lacks" for key in state.keys() - own.keys()]
    faults += [
        f"'{key}' is {tuple(state[key].shape)}, the network's is {tuple(own[key].shape)}"
        for key in own.keys() & state.keys()
        if own[key].shape != state[key].shape
    ]
    if faults:
        raise NetworkError(
            f"{source}: these weights are of another network ({len(faults)} differences): {sorted(faults)[0]}; "
            "use the model, size and scale that they were trained with"
        )
    network.load_state_dict(dict(state))


def load_checkpoint(path: str | Path, trusted: Sequence[str] = TRUSTED) -> tuple[nn.Module, Description]:
    """The network of a training checkpoint, with its weights, and its description.

    Nothing in the file is executed: tensors and plain data only, and trusted names only.

    Raises:
        NetworkError: if the file is absent, damaged, not of aldsr, or its network is not trusted.
    """
    checkpoint = read_checkpoint(path)
    description = checkpoint["network"]
    return _with_weights(description, network_state(checkpoint), trusted, path), description


def _with_weights(
    description: Description, state: Mapping[str, Tensor], trusted: Sequence[str], path: str | Path
) -> nn.Module:
    network = build(description, trusted)
    if not isinstance(network, nn.Module):
        raise NetworkError(f"{path}: its description makes a {type(network).__name__}, not a network")
    load_state(network, state, path)
    return network


def load_network(path: str | Path, trusted: Sequence[str] = TRUSTED) -> tuple[nn.Module, Description]:
    """The network of a weights file (`*.safetensors`) or training checkpoint, and its description.

    Raises:
        NetworkError: if the file is absent, damaged, not of aldsr, or its network is not trusted.
    """
    if Path(path).suffix != ".safetensors":
        return load_checkpoint(path, trusted)
    description, state = read_weights(path)
    return _with_weights(description, state, trusted, path), description


def packed(network: nn.Module, description: Description, deployment: Mapping[str, Any] | None = None) -> bytes:
    """The content of a weights file: weights and description as safetensors, without any code.

    Args:
        network: whose weights they are.
        description: from which it can be built.
        deployment: of a deployed network, on which measurements its form was chosen; plain data.
    """
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    metadata = {"format": "pt", "aldsr.network": json.dumps(description)}
    if deployment is not None:
        metadata["aldsr.deployment"] = json.dumps(deployment)
    return save(state, metadata=metadata)


def read_weights(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Description and weights of a weights file.

    Raises:
        NetworkError: if the file is absent, damaged or not of aldsr.
    """
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


def network_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The network's own weights in a training checkpoint."""
    prefix = "network."
    return {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}


def check_resumable(path: str | Path, network: nn.Module, description: Description) -> None:
    """Hold a checkpoint against the network that is to go on from it.

    Raises:
        NetworkError: if the checkpoint is of another network, naming the first difference.
    """
    checkpoint = read_checkpoint(path)
    theirs, ours = flat(checkpoint["network"]), flat(description)
    for key in sorted(theirs.keys() | ours.keys()):
        if theirs.get(key) != ours.get(key):
            raise NetworkError(
                f"{path}: is of another network: its {key} is {theirs.get(key)}, this run's is {ours.get(key)}; "
                "give the options that it was trained with, or leave ckpt_path out"
            )
    load_state(network, network_state(checkpoint), path)


def check_network(network: nn.Module, scale: int) -> None:
    """Try a network on a black 8×8 picture.

    Raises:
        NetworkError: if it fails or does not make a picture of `scale` times the size.
    """
    try:
        with torch.no_grad():
            output = network(torch.zeros(1, 3, 8, 8))
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise NetworkError(f"the network fails on an 8x8 picture: {error}") from error
    made = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if made != (1, 3, 8 * scale, 8 * scale):
        raise NetworkError(f"the network makes {made} of an 8x8 picture at scale {scale}")


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a training checkpoint, as tensors and plain data.

    Raises:
        NetworkError: if the file is absent, damaged or not of aldsr.
    """
    if not Path(path).is_file():
        raise NetworkError(f"{path}: no such checkpoint file; a run keeps its own in RUN/checkpoints/last.ckpt")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds, and advises to run what may be a stranger's code
        raise NetworkError(f"{path}: not a readable checkpoint: damaged, or not made by aldsr") from error
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("network"), dict):
        raise NetworkError(f"{path}: a checkpoint without a network description, so not one of aldsr")
    state = checkpoint.get("state_dict")
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise NetworkError(f"{path}: a checkpoint without weights, so not one of aldsr")
    return checkpoint
