"""Networks as plain data: build one from a description, save and load it with its weights.

A description is what Hydra's configs hold: nested dicts in which `_target_` names a class or function,
`_partial_: true` binds its options without calling it, and everything else is plain data:

    {"_target_": "aldsr.nn.RDN", "scale": 4, "conv": {"_target_": "aldsr.nn.LDWBlock", "_partial_": True}}

A checkpoint carries its description, so a file from a stranger could name any function of any
installed package. Therefore only names inside trusted packages are looked up, by default `aldsr.nn`.
"""

import functools
import importlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Description = Mapping[str, Any]
TRUSTED = ("aldsr.nn",)


class NetworkError(ValueError):
    """A network that cannot be built or weights that do not fit, with a sentence for the user."""


def lookup(target: str, trusted: Sequence[str] | None = TRUSTED) -> Any:
    """The class or function that `target` names; trusted=None: from any package.

    Raises:
        NetworkError: if it lies outside the trusted packages, or is not there.
    """
    if not isinstance(target, str) or not _within(target, trusted):
        raise NetworkError(
            f"the network is described by '{target}', which is outside the trusted packages "
            f"({', '.join(trusted or ())}); if you trust that code, allow it: allow_code=[{str(target).split('.')[0]}]"
        )
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise NetworkError(f"'{target}' cannot be imported: {error}; check the name and PYTHONPATH") from error
    # A trusted module also holds what it imported; only what was written in a trusted package counts, and
    # never this module, whose functions would look up anything.
    home = f"{getattr(found, '__module__', '')}."
    if not callable(found) or home == f"{__name__}." or not _within(home, trusted):
        raise NetworkError(f"the network is described by '{target}', which is no network, block or descriptor")
    return found


def _within(name: str, packages: Sequence[str] | None) -> bool:
    return packages is None or any(name.startswith(f"{package}.") for package in packages)


def build(description: Description, trusted: Sequence[str] | None = TRUSTED) -> Any:
    """The network (or block factory, or descriptor) of a description.

    Args:
        description: see above.
        trusted: packages that names may come from; None: any, for a description that the user typed.

    Raises:
        NetworkError: if a name is not trusted or absent, or an option unknown, missing or refused.
    """
    options = {
        key: build(value, trusted) if isinstance(value, Mapping) else value
        for key, value in description.items()
        if key not in ("_target_", "_partial_", "_convert_")
    }
    if "_target_" not in description:
        return options
    target = lookup(description["_target_"], trusted)
    accepted = inspect.signature(target).parameters
    if unknown := sorted(set(options) - set(accepted)):
        raise NetworkError(f"{description['_target_']} has no option {unknown}; it takes {sorted(accepted)}")
    if description.get("_partial_", False):
        return functools.partial(target, **options)
    try:
        return target(**options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NetworkError(f"{description['_target_']}: {error}") from error


def label(description: Description) -> str:
    """What a network is called in tables: "RDN", "ALD-RDN", "My-RDN" for a block of one's own, "BicubicUpscale"."""
    network = description["_target_"].rpartition(".")[2]
    block = (description.get("conv") or {}).get("_target_", "").rpartition(".")[2].removesuffix("Block")
    return network if block in ("", "Standard") else f"{block}-{network}"


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
    network = build(description, trusted)
    if not isinstance(network, nn.Module):
        raise NetworkError(f"{path}: its description makes a {type(network).__name__}, not a network")
    load_state(network, network_state(checkpoint), path)
    return network, description


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
    theirs, ours = _flat(checkpoint["network"]), _flat(description)
    for key in sorted(theirs.keys() | ours.keys()):
        if theirs.get(key) != ours.get(key):
            raise NetworkError(
                f"{path}: is of another network: its {key} is {theirs.get(key)}, this run's is {ours.get(key)}; "
                "give the options that it was trained with, or leave ckpt_path out"
            )
    load_state(network, network_state(checkpoint), path)


def _flat(description: Description, prefix: str = "model.") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in description.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


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
