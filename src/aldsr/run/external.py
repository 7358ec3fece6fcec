"""`model=external`: anyone's network, described by `external.…`."""

from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from aldsr.core.errors import OptionError
from aldsr.nn.description import find_target
from aldsr.nn.recognition import describe_with_spandrel


def is_external() -> bool:
    """Whether the command line has model=external."""
    return HydraConfig.get().runtime.choices.get("model") == "external"


def resolve_external(config: DictConfig) -> None:
    """Let `config.model` be the description of the network that `external.…` names.

    In training its weights are those that `init` names. With spandrel, weights alone name the network and its scale.

    Raises:
        OptionError, NetworkError: for options that cannot be met, or code that is not allowed.
    """
    options: Any = OmegaConf.to_container(config.get("external") or OmegaConf.create(), resolve=True)
    if not is_external():
        if options:
            raise OptionError(f"external.{next(iter(options))}: counts beside model=external")
        return
    target, arguments, weights = (options.pop(key) for key in ("target", "args", "weights"))
    if target:
        find_target(target, [config.allow_code] if isinstance(config.allow_code, str) else config.allow_code)
        network = {"_target_": target, **(arguments or {})}
        model = {"_target_": "aldsr.nn.External", "scale": config.scale, "network": network, **options}
    elif weights:
        model = describe_with_spandrel(weights)
        typed = [each.lstrip("+").partition("=")[0] for each in HydraConfig.get().overrides.task]
        if known := [each for each in typed if each.startswith("external.") and each != "external.weights"]:
            raise OptionError(f"{known[0]}: spandrel knows it of {weights}; leave it out, or give external.target too")
        if "scale" in typed and config.scale != model["scale"]:
            raise OptionError(f"scale={config.scale}: {weights} upscales x{model['scale']}; leave it out")
    else:
        raise OptionError(
            "model=external: of which network? Give external.target=package.module.Class, its external.args.NAME=…, "
            "external.weights=FILE and allow_code=[package]"
        )
    if weights and "init" in config:
        if config.init:
            raise OptionError(f"init={config.init} and external.weights={weights}: mean the same; leave one out")
        config.init = weights
    config.scale, config.model = model["scale"], model
