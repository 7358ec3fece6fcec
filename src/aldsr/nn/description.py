"""Networks as plain data: build one from a description.

A description is what Hydra's configs hold: nested dicts in which `_target_` names a class or function,
`_partial_: true` binds its options without calling it, and everything else is plain data:

    {"_target_": "aldsr.nn.RDN", "scale": 4, "conv": {"_target_": "aldsr.nn.LDWBlock", "_partial_": True}}

Weights files carry their description, and a file from a stranger could name any function of any installed package.
Therefore it can name the networks, blocks and descriptors in `PUBLIC` and, in packages that the user allows, what is
written there; nothing else.
"""

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.nn import Module

from aldsr import nn
from aldsr.core.errors import NetworkError as NetworkError
from aldsr.nn.folding import fold, foldable_blocks

Description = Mapping[str, Any]

STANDARD = {"_target_": "aldsr.nn.StandardBlock", "_partial_": True}
PLAIN = {"conv": STANDARD, "scale": 4, "residual": "none"}
AS_THE_INPUT = {"up": None, "mean": None, "value_range": 1}
RELU_3X3 = {"kernel_size": 3, "activation": "relu"}
DETERMINANT = {"_target_": "aldsr.nn.descriptors.determinant", "_partial_": True}

# What a description may name and, for each optional argument, the value that counts where a description lacks it: what
# the code did before the argument existed. Never change a value, whatever becomes of the default in the code.
MISSING_OPTIONS: dict[Callable[..., Any], dict[str, Any]] = {
    nn.RDN: {**PLAIN, "D": 16, "C": 8, "G": 64, "G0": 64, "checkpoint": False, "up": None},
    nn.EDSR: {**PLAIN, "n_resblocks": 32, "n_feats": 256, "res_scale": 0.1, **AS_THE_INPUT},
    nn.RCAN: {**PLAIN, "n_resgroups": 10, "n_resblocks": 20, "n_feats": 64, "reduction": 16} | AS_THE_INPUT,
    nn.IMDN: {**PLAIN, "nf": 64, "num_modules": 6},
    nn.FSRCNN: {**PLAIN, "d": 56, "s": 12, "m": 4},
    nn.BicubicUpscale: {},
    nn.External: {"value_range": 1, "channel_order": "rgb", "multiple_of": 1, "minimum": 1, "half": True}
    | {"layout": "channels-last"},
    nn.deployed: {"collapsed": []},
    nn.StandardBlock: RELU_3X3,
    nn.DWBlock: RELU_3X3,
    nn.LDWBlock: {**RELU_3X3, "gain": 1.0, "init_gain": 1.0},
    nn.BSConvBlock: {**RELU_3X3, "bias": False},
    nn.ALDBlock: {**RELU_3X3, "reduction": 32, "descriptor": DETERMINANT, "live": False, "frozen": False},
    **{each: {} for each in (nn.average, nn.maximum, nn.determinant, nn.zero, nn.standardised, nn.scale_free)},
}
PUBLIC = {
    f"{module}.{target.__name__}": target
    for target in MISSING_OPTIONS
    for module in ("aldsr.nn", target.__module__, target.__module__.rpartition(".")[0])
}
# The networks that take a block, in the order of tables.
BACKBONES = {each.__name__: each for each, options in MISSING_OPTIONS.items() if {"conv", "scale"} <= options.keys()}


def find_target(name: str, allow_code: Sequence[str] | None = ()) -> Callable[..., Any]:
    """The class or function with this dotted name, which is in `PUBLIC` or in an allowed package.

    `allow_code` are packages that the user trusts; None: any, for a name that the user typed.
    Raises NetworkError if the name is not allowed or not found.
    """
    name = str(name)  # a file may hold anything
    if name in PUBLIC:
        return PUBLIC[name]
    module, _, attribute = name.rpartition(".")
    package = name.partition(".")[0]
    if allow_code is not None and package == "aldsr":  # whatever is allowed: of aldsr itself, only `PUBLIC`
        known = ", ".join(target.__name__ for target in MISSING_OPTIONS)
        raise NetworkError(f"the network is described by '{name}', but aldsr.nn has only {known}")
    if allow_code is not None and (attribute.startswith("_") or not _is_inside(name, allow_code)):
        raise NetworkError(
            f"the network is described by '{name}', which is outside the trusted packages "
            f"({', '.join(('aldsr.nn', *allow_code))}); if you trust that code, allow it: allow_code=[{package}]"
        )
    try:
        target = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # of a package that does not suit this machine, any
        raise NetworkError(f"'{name}' cannot be imported: {error}; check the name and PYTHONPATH") from error
    # An allowed module also holds what it imported, such as `os.system`: only what is defined in the package counts.
    home = f"{getattr(target, '__module__', '')}."
    if not callable(target) or (allow_code is not None and not _is_inside(home, allow_code)):
        raise NetworkError(f"the network is described by '{name}', which is not a network, block or descriptor")
    return target


def packages_of(description: Description) -> list[str]:
    """The packages beside aldsr that a description names, which must be allowed where it is read from a file."""
    found = {package} if (package := str(description.get("_target_", "aldsr")).partition(".")[0]) != "aldsr" else set()
    return sorted(found.union(*(packages_of(each) for each in description.values() if isinstance(each, Mapping))))


def _is_inside(name: str, packages: Sequence[str]) -> bool:
    return any(name.startswith(f"{each}.") for each in packages)


def complete_description(description: Description) -> dict[str, Any]:
    """A description with a value for every option of what aldsr offers, at every depth.

    What it lacks is taken from `MISSING_OPTIONS`, so that a description means the same network in every version.
    """
    target = PUBLIC.get(str(description.get("_target_")))
    options = {**(MISSING_OPTIONS[target] if target else {}), **description}
    return {k: complete_description(v) if isinstance(v, Mapping) else v for k, v in options.items()}


def build(description: Description, allow_code: Sequence[str] | None = ()) -> Any:
    """The network, block factory or descriptor of a description. Raises NetworkError for bad names or options."""
    description = complete_description(description)
    options = {
        key: build(value, allow_code) if isinstance(value, Mapping) else value
        for key, value in description.items()
        if key not in ("_target_", "_partial_", "_convert_", "_label_")
    }
    if "_target_" not in description:
        return options
    target = find_target(description["_target_"], allow_code)
    accepted = inspect.signature(target).parameters
    takes_any = any(each.kind is each.VAR_KEYWORD for each in accepted.values())
    if not takes_any and (unknown := sorted(set(options) - set(accepted))):
        raise NetworkError(f"{description['_target_']} has no option {unknown}; it takes {sorted(accepted)}")
    if description.get("_partial_", False):
        return functools.partial(target, **options)
    try:
        return target(**options)
    except NetworkError:
        raise
    except (TypeError, ValueError, RuntimeError, LookupError, AttributeError, AssertionError) as error:
        raise NetworkError(f"{description['_target_']}: {str(error) or type(error).__name__}") from error


def label(description: Description) -> str:
    """The name of a network in tables: "RDN", "ALD-RDN", "My-RDN" for a user's `MyBlock`, "BicubicUpscale"."""
    if "_label_" in description:  # of a deployed one, what it was made of
        return str(description["_label_"])
    if "network" in description:  # a deployed or external one
        return label(description["network"])
    network, conv = description["_target_"].rpartition(".")[2], description.get("conv")
    block = conv.get("_target_", "").rpartition(".")[2].removesuffix("Block") if isinstance(conv, Mapping) else ""
    return network if block in ("", "Standard") else f"{block}-{network}"


def block_terms(conv: Description) -> list[str]:
    """What a block's description says beyond the defaults: `["5x5", "gelu", "gain=1.5", "frozen"]`."""
    kernel, activation = conv.get("kernel_size", 3), conv.get("activation", "relu")
    terms = [f"{kernel}x{kernel}"] * (kernel != 3) + [str(activation)] * (activation != "relu")
    gains = [f"{name}={conv[name]}" for name in ("gain", "init_gain") if conv.get(name, 1) != 1]
    return [*terms, *gains, *["frozen"] * bool(conv.get("frozen"))]


def deployed_description(
    description: Mapping[str, Any], network: Module, collapsed: Sequence[str] = ()
) -> dict[str, Any]:
    """The description of a deployed network, from the original's, with the blocks at these paths collapsed."""
    folded, blocks = dict(description), foldable_blocks(network)
    if blocks and "conv" in description:
        block = fold(network.get_submodule(blocks[0]))
        options = {key: value for key, value in description["conv"].items() if key in ("kernel_size", "activation")}
        folded["conv"] = {"_target_": f"aldsr.nn.{type(block).__name__}", "_partial_": True, **options}
        terms = block_terms(description["conv"])
        if (label(description), terms) != (label(folded), block_terms(folded["conv"])):
            folded["_label_"] = f"{label(description)} ({', '.join([*terms, 'folded'])})"
        blocks = []
    if not (collapsed or blocks):  # blocks that the description does not name, such as within a network of others
        return folded
    return {"_target_": "aldsr.nn.deployed", "network": folded, "collapsed": list(collapsed)}


def scale_of(description: Description) -> int:
    """HR pixels per LR pixel of a network, along each axis. Raises NetworkError if it has no scale, as a block."""
    if "network" in description and "scale" not in description:  # a deployed one
        return scale_of(description["network"])
    if "scale" not in description:
        raise NetworkError(f"{description['_target_']} has no scale, so it is no network that upscales")
    scale: int = description["scale"]
    return scale
