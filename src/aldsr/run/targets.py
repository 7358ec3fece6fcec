"""What the `_target_` of a section names: aldsr's own or a user's, and the options that it takes."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from aldsr.core.errors import OptionError
from aldsr.nn.description import MISSING_OPTIONS, find_target
from aldsr.run.typed import typed_options
from aldsr.sweep.names import chosen_files

SIZES = set().union(*MISSING_OPTIONS.values()) - {"scale"}  # options of networks, which other files in conf/ choose too
STATED_BY = {"conv": ("block", "descriptor")}  # where what a user typed says more than the option's own name


def drop_our_options(config: DictConfig, group: str, place: str) -> None:
    """Where a target is the user's own, leave out what was chosen for the one that it replaces and it does not take.

    What the user typed stays. `place` is where the group's options are in the configuration.
    Raises OptionError for a size that was typed and has an option which the user's own backbone does not take.
    """
    hydra, ours = HydraConfig.get(), OmegaConf.select(config, place)
    typed = typed_options()
    if not isinstance(ours, DictConfig) or not hydra.runtime.choices.get(group):
        return
    chosen = OmegaConf.select(chosen_files(hydra.runtime.choices), place, throw_on_resolution_failure=False)
    if not isinstance(chosen, DictConfig) or ours.get("_target_") == chosen._target_:
        return
    dropped = []
    with suppress(OptionError), open_dict(config):  # whoever uses the target says that there is none
        unknown = _find_target(group, ours)[1] & {*chosen, *(SIZES if place != group else ())}
        for option in unknown:
            names = [f"{place}.{option}", f"{group}.{option}", *STATED_BY.get(option, ())]
            if not any(each == name or each.startswith(f"{name}.") for each in typed for name in names):
                dropped.append(option)
                del ours[option]
    of_size = chosen_files(hydra.runtime.choices).get("options_of_size", {})
    if "size" in typed and group == "backbone" and (lost := sorted({*dropped} & set(of_size))):
        raise OptionError(
            f"size={typed['size']}: {ours['_target_']} does not take its {', '.join(lost)}; leave it out, and give "
            "what it takes as +backbone.OPTION=…"
        )


def check_options(section: str, description: Mapping[str, Any]) -> Callable[..., Any]:
    """What a section's `_target_` names. Raises OptionError if there is none, and for options that it does not take."""
    target, unknown = _find_target(section, description)
    if unknown:
        taken, option = ", ".join(inspect.signature(target).parameters), min(unknown)
        named = next((each for each in typed_options() if each.endswith(f".{option}")), f"{section}.{option}")
        raise OptionError(f"{named}: {description['_target_']} has no such option; it takes {taken}")
    return target


def _find_target(section: str, description: Mapping[Any, Any]) -> tuple[Callable[..., Any], set[str]]:
    """What a section's `_target_` names, and the options that it does not take. Raises OptionError if there is none."""
    try:
        target = find_target(str(description.get("_target_")), allow_code=None)
        taken = inspect.signature(target).parameters
    except (ValueError, TypeError) as error:
        raise OptionError(f"{section}._target_: {error}") from error
    takes_any = any(each.kind is each.VAR_KEYWORD for each in taken.values())
    return target, set() if takes_any else {key for key in description if key[0] != "_"} - taken.keys()
