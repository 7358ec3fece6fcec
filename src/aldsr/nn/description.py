"""Networks as plain data: build one from a description.

A description is what Hydra's configs hold: nested dicts in which `_target_` names a class or function,
`_partial_: true` binds its options without calling it, and everything else is plain data:

    {"_target_": "aldsr.nn.RDN", "scale": 4, "conv": {"_target_": "aldsr.nn.LDWBlock", "_partial_": True}}

Weights files carry their description, so a file from a stranger could name any function of any
installed package. Therefore only names inside trusted packages are looked up, by default `aldsr.nn`.
"""

import functools
import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from aldsr.core.errors import UserError

Description = Mapping[str, Any]
TRUSTED = ("aldsr.nn",)
FORBIDDEN = ("aldsr.nn.kernels.cpu.", "aldsr.nn.description.", "aldsr.nn.pretrained.", "aldsr.nn.weights.")


class NetworkError(UserError, ValueError):
    """A network that cannot be built, or weights that do not fit."""


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
    # never this module, `weights` or `depthwise`, whose functions would look up, read or compile anything, nor
    # what is private to its module.
    home = f"{getattr(found, '__module__', '')}."
    private = trusted is not None and name.startswith("_")
    if not callable(found) or private or home in FORBIDDEN or not _within(home, trusted):
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
    if "network" in description:  # a deployed one
        return label(description["network"])
    network = description["_target_"].rpartition(".")[2]
    block = (description.get("conv") or {}).get("_target_", "").rpartition(".")[2].removesuffix("Block")
    return network if block in ("", "Standard") else f"{block}-{network}"


def scale_of(description: Description) -> int:
    """HR pixels per LR pixel of a network."""
    if "network" in description:  # a deployed one
        return scale_of(description["network"])
    scale: int = description["scale"]
    return scale


def flat(description: Description, prefix: str = "model.") -> dict[str, Any]:
    """Every option of a description by its dotted name, such as `model.conv.reduction`."""
    options: dict[str, Any] = {}
    for key, value in description.items():
        options |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return options
