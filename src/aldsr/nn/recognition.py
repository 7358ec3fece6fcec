"""Networks that the package spandrel recognises by their weights alone (`pip install 'aldsr[spandrel]'`)."""

import inspect
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from aldsr.core.errors import NetworkError


def load_with_spandrel(path: str | Path) -> Any:
    """What spandrel makes of a file: a descriptor, of which `model` is the network.

    Raises NetworkError if spandrel is missing, does not recognise the file, or the network is not for any RGB image.
    """
    if find_spec("spandrel") is None:
        raise NetworkError(
            f"{path}: weights alone do not say whose network they are of; name it by external.target and allow_code, "
            "or let spandrel recognise it: pip install 'aldsr[spandrel]'"
        )
    try:
        from spandrel import ImageModelDescriptor, ModelLoader

        found = ModelLoader().load_from_file(path)
    except Exception as error:  # of many kinds
        reason = str(error) or type(error).__name__
        raise NetworkError(f"{path}: not loaded by spandrel ({reason}); name the network by external.target") from error
    if not isinstance(found, ImageModelDescriptor) or (found.input_channels, found.output_channels) != (3, 3):
        raise NetworkError(f"{path}: {found.architecture.name}; expected a network that makes RGB of RGB")
    if found.size_requirements.square:
        raise NetworkError(f"{path}: {found.architecture.name} takes square images only; expected one for any image")
    return found


def describe_with_spandrel(path: str | Path) -> dict[str, Any]:
    """The description of the network in a file that spandrel recognises: its class, arguments, scale and sizes."""
    found = load_with_spandrel(path)
    kind, sizes = type(found.model), found.size_requirements
    return {
        "_target_": "aldsr.nn.External",
        "scale": found.scale,
        "network": {"_target_": f"{kind.__module__}.{kind.__qualname__}", **_arguments(found.model, path)},
        "multiple_of": sizes.multiple_of,
        "minimum": max(1, sizes.minimum),
        "half": bool(found.supports_half and found.supports_bfloat16),
        "layout": "contiguous",
    }


def _arguments(network: nn.Module, path: str | Path) -> dict[str, Any]:
    """The arguments that a network was made with; a default that is no plain data, such as a class, is left out."""
    accepted = inspect.signature(type(network)).parameters
    given = getattr(network, "hyperparameters", None)
    if not isinstance(given, dict):
        raise NetworkError(f"{path}: spandrel does not tell the arguments of {type(network).__name__}")
    arguments = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
    plain = {key for key, value in arguments.items() if isinstance(value, bool | int | float | str | list | None)}
    if odd := [key for key in accepted if key in given.keys() - plain and given[key] is not accepted[key].default]:
        raise NetworkError(f"{path}: the argument {odd[0]} of {type(network).__name__} is no plain data")
    return {key: arguments[key] for key in accepted if key in plain}
