"""The network that a command line describes: `backbone=` × `block=`, or `model=`, a name for a pair of them."""

from collections.abc import Iterable
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from aldsr.core.errors import OptionError
from aldsr.nn.description import find_target
from aldsr.nn.foreign import describe_with_spandrel
from aldsr.run.cli import config_dir
from aldsr.run.targets import check_options, drop_our_options
from aldsr.run.typed import typed_options
from aldsr.sweep.names import MODELS, sizes_of

PLACES = {"backbone": "model", "block": "model.conv"}  # where an option of each belongs in the configuration


def resolve_network(config: DictConfig) -> None:
    """Let `config.model` be the whole description of the network, with what `backbone.…` and `block.…` add to it.

    A backbone or block of the user's own stands alone (see `drop_our_options`).

    Raises OptionError for options that contradict each other, and a size that the backbone does not have.
    """
    typed = typed_options()
    _refuse_contradictions(typed)
    _check_size(typed, in_study="budgets" in config)
    with open_dict(config):
        _describe_external(config, typed)
        for group, place in PLACES.items():
            options: Any = OmegaConf.to_container(config.pop(group, None) or OmegaConf.create(), resolve=True)
            given = {option: value for option, value in options.items() if value is not None}
            if same := [option for option in given if f"{place}.{option}" in typed]:
                raise OptionError(f"{group}.{same[0]} and {place}.{same[0]}: are the same option; leave one out")
            if "_target_" in given:
                given |= {"scale": config.scale} if group == "backbone" else {"_partial_": True}
            if given:
                OmegaConf.update(config, place, given, force_add=True)
        config.model = OmegaConf.to_container(config.get("model") or OmegaConf.create(), resolve=True)
        for group, place in PLACES.items():
            drop_our_options(config, group, place)
    for section, place in (*PLACES.items(), ("descriptor", "model.conv.descriptor"), ("external", "model.network")):
        if isinstance(part := OmegaConf.select(config, place), DictConfig) and "_target_" in part:
            check_options(section, OmegaConf.to_container(part))  # type: ignore[arg-type]


def is_external() -> bool:
    """Whether the command line has model=external."""
    return HydraConfig.get().runtime.choices.get("model") == "external"


def _describe_external(config: DictConfig, typed: dict[str, str]) -> None:
    """With model=external, let `config.model` be what `external.…` says, and `init` its weights."""
    options: Any = config.get("external")
    options = OmegaConf.to_container(options, resolve=True) if isinstance(options, DictConfig) else options
    if not is_external():
        if options is not None:
            raise OptionError("external.…: counts beside model=external")
        return
    if not isinstance(options, dict) or not isinstance(options.get("args"), dict):
        raise OptionError("external=… and external.args=…: expected their options, such as external.args.nf=64")
    target, arguments, weights = (options.pop(key) for key in ("target", "args", "weights"))
    if target and "." not in str(target):
        raise OptionError(f"external.target={target}: expected package.module.Class")
    if target:
        find_target(target, [config.allow_code] if isinstance(config.allow_code, str) else config.allow_code)
        model = {"_target_": "aldsr.nn.External", "scale": config.scale, "network": {"_target_": target, **arguments}}
        model |= options
    elif weights:
        model = describe_with_spandrel(weights)
        known = [each for each in typed if each.startswith("external.") and each != "external.weights"]
        if known or ("scale" in typed and config.scale != model["scale"]):
            raise OptionError(
                f"{known[0] if known else 'scale'}: spandrel tells it of {weights}, which upscales x{model['scale']}; "
                "leave it out, or give external.target too"
            )
    else:
        raise OptionError(
            "model=external: of which network? Give external.target=package.module.Class, its external.args.NAME=…, "
            "external.weights=FILE and allow_code=[package]"
        )
    if weights and config.get("init"):
        raise OptionError(f"init={config.init} and external.weights={weights}: mean the same; leave one out")
    if "init" in config:
        config.init = config.init or weights
    config.scale, config.model = model["scale"], model


def _refuse_contradictions(typed: dict[str, str]) -> None:
    pair = dict(zip(PLACES, MODELS.get(typed.get("model", ""), ()), strict=False))
    for name, others in (("model", PLACES), ("variant", ("model", "block", "descriptor"))):
        for other in others:
            if name in typed and other in typed and (name == "variant" or typed[other] != pair.get(other)):
                raise OptionError(
                    f"{name}={typed[name]} and {other}={typed[other]}: {name}=… chooses the {other} too; leave one out"
                )


def _check_size(typed: dict[str, str], *, in_study: bool) -> None:
    backbone, size = HydraConfig.get().runtime.choices.get("backbone"), typed.get("size", "null")
    sizes = [each for each in sizes_of(backbone) if in_study or each != "budget"]
    if backbone and size not in ("null", *sizes):
        raise _no_such_size(backbone, size, sizes)


def read_size(backbone: str, size: str) -> dict[str, Any]:
    """The options that `size=` gives a backbone. Raises OptionError for a size that it does not have."""
    offered = (config_dir() / "hydra" / "sizes").glob(f"{backbone}-*.yaml")
    files = {each.stem.removeprefix(f"{backbone}-"): each for each in offered}
    if size not in files:
        raise _no_such_size(backbone, size, files.keys() - {"budget"})
    return dict(OmegaConf.load(files[size]))


def _no_such_size(backbone: str, size: str, sizes: Iterable[str]) -> OptionError:
    offered = ", ".join(sorted(sizes)) or "none"
    return OptionError(f"size={size}: the backbone {backbone} has no such size; it has {offered}")
