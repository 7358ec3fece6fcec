"""Names of runs: made from what was chosen, readable, the same every time."""

import re
from collections.abc import Iterable, Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser


def run_name(choices: Mapping[str, str], scale: int) -> str:
    """`ald_rdn-det-small-x4`; the descriptor only where there is one to choose."""
    return "-".join([*_network(choices), choices["size"], f"x{scale}"])


def run_tags(choices: Mapping[str, str], scale: int, budget: str | None) -> list[str]:
    """What a run is found by in W&B: model, descriptor, size or the budget that sets it, scale."""
    return [*_network(choices), f"budget-{budget}" if budget else choices["size"], f"x{scale}"]


def _network(choices: Mapping[str, str]) -> list[str]:
    return [choices["model"], *([choices["descriptor"]] if choices["model"] == "ald_rdn" else [])]


def swept_keys(arguments: Sequence[str], params: Iterable[str] = ()) -> set[str]:
    """The keys that a multirun varies, from its command line (`seed=1,2`) and `hydra.sweeper.params`."""
    parser = OverridesParser.create()
    overrides = parser.parse_overrides([a for a in arguments if "=" in a and not a.startswith("-")])
    return {o.key_or_group for o in overrides if o.is_sweep_override()} | set(params)


def job_name(overrides: Sequence[str], swept: set[str]) -> str:
    """A job's folder from the values it was given: `model=ldw_rdn seed=2` → `ldw_rdn-seed2`.

    A choice of a group goes by its value alone, an option by its last name and value. The order is
    always the same: the model, other choices, options, the seed.
    """
    given = OverridesParser.create().parse_overrides(list(overrides))
    values = {o.key_or_group: str(o.get_value_element_as_str()) for o in given if o.key_or_group in swept}
    chosen = {key: "." not in key and bool(re.match(r"[A-Za-z_]", value)) for key, value in values.items()}
    order = sorted(values, key=lambda key: (key == "seed", not chosen[key], key != "model", key))
    parts = [values[key] if chosen[key] else key.rpartition(".")[2] + values[key] for key in order]
    return re.sub(r"[^\w.+-]+", "-", "-".join(parts)).strip("-") or "job"
