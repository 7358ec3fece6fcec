"""Names of runs, made from the options that were chosen: readable, and the same every time."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

from aldsr.core.files import short_name
from aldsr.nn.description import block_terms, label

# The pairs of backbone and block that the paper has a name for.
MODELS = {"rdn": ("rdn", "standard"), "dw_rdn": ("rdn", "dw"), "ldw_rdn": ("rdn", "ldw"), "ald_rdn": ("rdn", "ald")}


def run_name(choices: Mapping[str, str], model: Mapping[str, Any], scale: int, budget: str | None = None) -> str:
    """Name of a single run from Hydra's choices and the resolved model: `ald_rdn-det-small-x4`, `edsr-ldw-small-x4`."""
    return short_name(_clean("-".join(run_tags(choices, model, scale, budget)).replace("budget-", "")))


def run_tags(choices: Mapping[str, str], model: Mapping[str, Any], scale: int, budget: str | None) -> list[str]:
    """W&B tags of a run: model, descriptor, what else its block is, size or the budget that sets it, scale."""
    size = f"budget-{budget}" if choices["size"] == "budget" else choices["size"]
    # Its backbone has this size, or one of the user's own takes its options.
    has_size = not chosen_files(choices).get("options_of_size", {}).keys().isdisjoint(model)
    parts = [*network_tags(choices, model), *_descriptor_name(choices, model), *block_terms(model.get("conv") or {})]
    return [*parts, *([size] if has_size else []), f"x{scale}"]


def sizes_of(backbone: str | None) -> list[str]:
    """The sizes that `conf/hydra/sizes` has for a backbone; without one, it is of its class's own."""
    offered = _list_sizes(GlobalHydra.instance().config_loader())
    return [each.removeprefix(f"{backbone}-") for each in offered if each.startswith(f"{backbone}-")]


def chosen_files(choices: Mapping[str, str]) -> Any:
    """What the files that were chosen state, without the options beside them: `chosen_files(choices).loss.eps`."""
    groups = ("backbone", "block", "descriptor", "loss", "optimizer", "schedule")
    chosen = [f"+{group}={choices[group]}" for group in groups if choices.get(group)]
    if choices.get("size") in sizes_of(backbone := choices.get("backbone")):
        chosen.append(f"+hydra/sizes@options_of_size={backbone}-{choices['size']}")
    return _compose(GlobalHydra.instance().config_loader(), *chosen)


@lru_cache(maxsize=1)  # Hydra reads folders each time
def _list_sizes(loader: ConfigLoader) -> list[str]:
    return loader.get_group_options("hydra/sizes")


@lru_cache(maxsize=8)  # Hydra needs a tenth of a second each time
def _compose(loader: ConfigLoader, *overrides: str) -> Any:
    return loader.load_configuration(None, list(overrides), RunMode.RUN)


def network_tags(choices: Mapping[str, str], model: Mapping[str, Any]) -> list[str]:
    """The paper's name of the network, else its backbone and its block; those of the user's own by their class."""
    if (name := choices.get("model")) and name not in MODELS:
        return [label(model) if name == "external" else name]
    pair = _part_name(choices.get("backbone"), model), _part_name(choices.get("block"), model.get("conv") or {})
    return [name for name, known in MODELS.items() if known == pair] or [each for each in pair if each]


def _part_name(choice: str | None, description: Mapping[str, Any]) -> str:
    target = str(description.get("_target_", ""))
    return choice if choice and target.startswith("aldsr.") else target.rpartition(".")[2]


def _descriptor_name(choices: Mapping[str, str], model: Mapping[str, Any]) -> list[str]:
    """The choice of descriptor, or what else the model's block uses; nothing if it takes no descriptor."""
    conv = model.get("conv")
    descriptor = conv.get("descriptor") if isinstance(conv, Mapping) else None
    if not isinstance(descriptor, Mapping):
        return []
    choice = choices.get("descriptor")
    if choice and descriptor == OmegaConf.to_container(chosen_files(choices).descriptor, resolve=True):
        return [choice]
    return [_clean("-".join(_option_values(descriptor)))]


def _option_values(description: Mapping[str, Any]) -> Iterator[str]:
    """`determinant`, `scale_free-of-determinant`, `mypackage.power-exponent3`."""
    yield str(description.get("_target_", "")).removeprefix("aldsr.nn.descriptors.")
    for key, value in description.items():
        if isinstance(value, Mapping):
            yield from (key, *_option_values(value))
        elif key not in ("_target_", "_partial_"):
            yield f"{key}{value}"


def job_name(overrides: Sequence[str], swept: Collection[str]) -> str:
    """Name of a sweep's job from the values of the swept keys: `model=ldw_rdn seed=2` → `ldw_rdn-seed2`.

    The choice of a config group is named by its value alone, an option by its last name and its value, always in the
    same order: the model, other choices, options, the seed.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    values = {o.key_or_group: str(o.get_value_element_as_str()) for o in parsed if o.key_or_group in swept}
    is_choice = {key: "." not in key and bool(re.match(r"[A-Za-z_]", value)) for key, value in values.items()}
    order = sorted(values, key=lambda key: (key == "seed", not is_choice[key], key != "model", key))
    parts = [values[key] if is_choice[key] else key.rpartition(".")[2] + values[key] for key in order]
    return short_name(_clean("-".join(parts))) or "job"


def _clean(name: str) -> str:
    """Replace what does not belong into a path."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-")
