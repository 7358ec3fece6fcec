"""The runs of a study by what was trained: one variant per configuration, in which the seeds are the repeats.

Two runs are of one variant if their configurations differ only in settings that make no variant (see `core.settings`):
the seed, names, places, the machine. An option that no rule knows keeps runs apart.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aldsr.analysis.budgets import folder_names
from aldsr.analysis.study import TrainingRun
from aldsr.core.settings import flatten, rule_of
from aldsr.evaluation import complete_description
from aldsr.evaluation.results import ResultsError

NETWORK = "network"  # the key of an identity that holds the label
LABELLED = ("model._target_", "model.conv._target_", "model.conv.descriptor.", "model.conv.live")  # what the label says
SHORT = {"average": "avg", "maximum": "max", "determinant": "det", "zero": "none", "scale_free": "scale-free"}
# The paper's order, which is that of its tables.
ORDER = ("RDN", "DW-RDN", "LDW-RDN", "ALD-RDN (avg)", "ALD-RDN (max)", "ALD-RDN (det)", "ALD-RDN (none)")
# What others are held against, the first that is there: the plain network, else the control of what was added.
BASELINES = ("RDN", "DW-RDN", "ALD-RDN (none)", "ALD-RDN (avg)")


class Variant(NamedTuple):
    """One configuration: its name in tables, the label it goes by, its runs by seed, runs that repeat a seed."""

    name: str
    label: str
    runs: dict[int, TrainingRun]
    repeated: list[TrainingRun]

    @property
    def first(self) -> TrainingRun:
        """Any of its runs, for what is the same in all of them."""
        return next(iter(self.runs.values()))


def variants(runs: Sequence[TrainingRun]) -> list[Variant]:
    """The runs grouped, in the order of the paper's tables. Of runs that repeat a seed, the first by name counts."""
    groups: dict[tuple[tuple[str, str], ...], list[TrainingRun]] = {}
    stated = {NETWORK, "data.train_dirs"}.union(*(flatten(run.config, {}) for run in runs))
    for run in runs:  # what older configurations lack counts where a newer one states it
        own = {key: value for key, value in identity(run).items() if key in stated}
        groups.setdefault(tuple(sorted(own.items())), []).append(run)
    identities = [dict(key) for key in groups]
    found = []
    for own, group in zip(identities, groups.values(), strict=True):
        by_seed: dict[int, TrainingRun] = {}
        for run in group:
            by_seed.setdefault(run.seed, run)
        repeated = [run for run in group if by_seed[run.seed] is not run]
        name = " ".join([own[NETWORK], *distinctions(own, identities)])
        found.append(Variant(name, own[NETWORK], dict(sorted(by_seed.items())), repeated))
    return sorted(found, key=_place)


def identity(run: TrainingRun) -> dict[str, str]:
    """Everything that makes a run another variant than the next, by its dotted name; options it lacks included."""
    config = {**run.config, "model": complete_description(run.config["model"])}
    kept = {key: str(value) for key, value in flatten(config).items() if rule_of(key).variant}
    return {**kept, NETWORK: label(run), "data.train_dirs": folder_names(run.config["data"].get("train_dirs"))}


def label(run: TrainingRun) -> str:
    """A network's label with its block's attention, if it has one: "ALD-RDN (det)", "ALD-RDN (det, live)"."""
    words = attention_words(run.config["model"].get("conv") or {})
    name = str(run.results["network"]["label"])
    return f"{name} ({', '.join(words)})" if words else name


def attention_words(conv: Mapping[str, Any]) -> list[str]:
    """What a block's description says of its attention: the descriptor, what is made of it, whether it starts alive."""
    words, descriptor = [], conv.get("descriptor")
    while isinstance(descriptor, Mapping):
        name = str(descriptor.get("_target_", "")).rpartition(".")[2]
        words.append(SHORT.get(name, name))
        descriptor = descriptor.get("of")
    return [*reversed(words), *(["live"] if conv.get("live") else [])]


def distinctions(own: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> list[str]:
    """The options in which one `identity` differs from some other, such as "reduction=8".

    What the label says counts among those of one label only, and what else belongs to a block among those of one
    block; every other option counts among all, so that networks of different sizes are never called by their blocks
    alone.
    """
    told = []
    for key in sorted({key for other in others for key in other} - {NETWORK}):
        compared = _compared(key, own, others)
        if not key.endswith("._partial_") and any(other.get(key) != own.get(key) for other in compared):
            told.append(f"{_short(key)}={own.get(key, 'none')}")
    return told


def _compared(key: str, own: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """The identities among which an option counts."""
    label = own[NETWORK]
    if key.startswith(LABELLED):
        return [other for other in others if other[NETWORK] == label]
    if key.startswith("model.conv."):  # a label without its attention is the block's and the backbone's: "ALD-RDN"
        return [other for other in others if other[NETWORK].partition(" ")[0] == label.partition(" ")[0]]
    return list(others)


def reference_of(found: Sequence[Variant], against: str | None) -> Variant:
    """The variant that the others are held against: the named one, else a baseline, else the first.

    Args:
        found: the study's variants.
        against: a variant's name, or a label that only one has; with or without its descriptor.

    Raises:
        ResultsError: if no variant, or more than one, goes by that name.
    """
    if against is None:
        labelled = {each.label: each for each in reversed(found)}
        return next((labelled[name] for name in BASELINES if name in labelled), found[0])
    for names in (lambda each: each.name, lambda each: each.label, lambda each: each.label.partition(" ")[0]):
        if len(matching := [each for each in found if names(each).lower() == against.lower()]) == 1:
            return matching[0]
    fault = "more than one variant goes by it" if matching else "no variant of this study"
    raise ResultsError(f"--against '{against}': {fault}; expected one of: {', '.join(each.name for each in found)}")


def _place(variant: Variant) -> tuple[int, list[tuple[float, str]]]:
    """Where a variant comes: in the paper's order, then by name, 8 before 16."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e-?\d+)?)", variant.name)
    numbers = [(float(part), "") if place % 2 else (0.0, part) for place, part in enumerate(parts)]
    return ORDER.index(variant.label) if variant.label in ORDER else len(ORDER), numbers


def _short(key: str) -> str:
    """An option's last name; for `_target_` the section's: `schedule`, `optimizer`."""
    section, _, last = key.rpartition(".")
    return section.rpartition(".")[2] if last == "_target_" else last
