"""The runs of a study by what was trained: one variant per configuration, in which the seeds are the repeats.

Two runs are of one variant if their configurations differ only in settings that make no variant (see `core.settings`):
the seed, names, places, the machine. An option that no rule knows keeps runs apart.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aldsr.analysis.budgets import list_folders
from aldsr.analysis.study import TrainingRun, is_training
from aldsr.core.settings import flatten, folder_label, rule_of
from aldsr.evaluation import BACKBONES, block_terms, complete_description, label
from aldsr.evaluation.results import ResultsError

NETWORK = "network"  # the key of the label among a variant's settings
# What the label says.
OF_BLOCK = ("_target_", "descriptor.", "live", "kernel_size", "activation", "gain", "init_gain", "frozen")
LABELLED = ("model._target_", *(f"model.conv.{option}" for option in OF_BLOCK))
SHORT = {"average": "avg", "maximum": "max", "determinant": "det", "zero": "none", "scale_free": "scale-free"}
# The order of a backbone's blocks, which is that of the paper's tables; "" is the plain network.
BLOCKS = ("", "DW", "LDW", "ALD (avg)", "ALD (max)", "ALD (det)", "ALD (none)", "BSConv")
# What others are compared with, the first that is there: the plain network, else the control of what was added.
BASELINES = ("", "DW", "ALD (none)", "ALD (avg)")


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


def group_variants(runs: Sequence[TrainingRun]) -> list[Variant]:
    """Group runs by variant in the order of the paper's tables; if runs repeat a seed, the first by name counts."""
    groups: dict[tuple[tuple[str, str], ...], list[TrainingRun]] = {}
    for run, own in zip(runs, stated_settings(runs), strict=True):
        groups.setdefault(tuple(sorted(own.items())), []).append(run)
    settings = [dict(key) for key in groups]
    variants = []
    for own, name, group in zip(settings, name_networks(settings), groups.values(), strict=True):
        by_seed = {run.seed: run for run in reversed(group)}
        repeated = [run for run in group if by_seed[run.seed] is not run]
        variants.append(Variant(name, own[NETWORK], dict(sorted(by_seed.items())), repeated))
    return sorted(variants, key=_sort_key)


def name_runs(runs: Sequence[TrainingRun]) -> list[str]:
    """A name for each of several runs by themselves, made as those of a study's variants; equal runs share theirs.

    Of a run without a training's configuration, such as a measurement, the network is known, which tells it from others
    of its label.
    """
    labels = [results_label(run.results) for run in runs]
    known = []
    for run, own in zip(runs, labels, strict=True):
        model = measured_network(run.results) if labels.count(own) > 1 else {}
        known.append(run if is_training(run.config) else run._replace(config={"model": model, "data": {}}))
    return name_networks(stated_settings(known))


def measured_network(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """The description of the network that was measured, of a deployed one that of what it was made of."""
    description = results["network"].get("description") or {}
    return dict(description["network"] if "collapsed" in description else description)


def stated_settings(runs: Sequence[TrainingRun]) -> list[dict[str, str]]:
    """The settings that make each run's variant; what older configurations lack counts where a newer one states it."""
    stated = {NETWORK, "data.train_dirs"}.union(*(flatten(run.config, {}) for run in runs))
    return [{key: value for key, value in variant_settings(run).items() if key in stated} for run in runs]


def variant_settings(run: TrainingRun) -> dict[str, str]:
    """The settings that make a run's variant, by dotted name; options that the run's configuration lacks included."""
    config = {**run.config, "model": complete_description(run.config["model"])}
    settings = {key: str(value) for key, value in flatten(config).items() if rule_of(key).variant}
    if listed := settings.get("data.train_list"):
        settings["data.train_list"] = folder_label(listed)
    folders = list_folders(run.config["data"].get("train_dirs"))
    return {**settings, NETWORK: results_label(run.results), "data.train_dirs": folders}


def results_label(results: Mapping[str, Any]) -> str:
    """The label of the network of a results.json, with its block's attention; a name of the user's stays as it is."""
    own, description = str(results["network"]["label"]), results["network"].get("description") or {}
    plain = label(description) if "_target_" in description or "network" in description else ""
    rest = own.removeprefix(plain)
    return network_label(plain, description) + rest if plain and rest in ("", "+") else own


def network_label(label: str, description: Mapping[str, Any]) -> str:
    """A network's label with its block's attention and other options: "ALD-RDN (det)", "ALD-RDN (det, live, 5x5)".

    The attention is the descriptor, what is made of it, and "live" if its hidden units start alive; then come kernel
    size and activation if they are not 3x3 and ReLU, and a block's gain.
    """
    if "_label_" in description:  # which says it all
        return label
    conv = description.get("conv") or {}
    terms, descriptor = [], conv.get("descriptor")
    while isinstance(descriptor, Mapping):
        name = str(descriptor.get("_target_", "")).rpartition(".")[2]
        terms.append(SHORT.get(name, name))
        descriptor = descriptor.get("of")
    terms = [*reversed(terms), *(["live"] if conv.get("live") else []), *block_terms(conv)]
    return f"{label} ({', '.join(terms)})" if terms else label


def name_networks(settings: Sequence[Mapping[str, str]]) -> list[str]:
    """A name for each of several settings: the label, and the options in which it differs from others: "reduction=8".

    What the label says is compared within one label, other options of a block within one block, and of a network within
    one backbone, so that networks of different sizes are never called by their blocks alone; all else among all. What
    is not known of one, such as how it was trained, is not told.
    """
    names = [own[NETWORK] for own in settings]
    for key in sorted(
        {key for own in settings for key in own if not key.endswith(("._partial_", "._label_"))} - {NETWORK}
    ):
        for place, own in enumerate(settings):
            peers = [each for each in settings if _knows(each, key) and _scope(key, each) == _scope(key, own)]
            if _knows(own, key) and any(peer.get(key) != own.get(key) for peer in peers):
                section, _, last = key.rpartition(".")
                short = section.rpartition(".")[2] if last == "_target_" else last  # "schedule", "optimizer"
                names[place] += f" {short}={own.get(key, 'none')}"
    return names


def _knows(settings: Mapping[str, str], key: str) -> bool:
    """Whether settings hold those of the part that an option is of: the block, the network, the training."""
    part = next((part for part in ("model.conv", "model") if key.startswith(f"{part}.")), "optimizer")
    return f"{part}._target_" in settings


def _scope(key: str, settings: Mapping[str, str]) -> str:
    """Settings in which this is the same are compared in an option: the label, a part of it, or nothing."""
    label = settings[NETWORK]
    if key.startswith(LABELLED):
        return label
    if key.startswith("model.conv."):
        return label.partition(" ")[0]
    return split_label(label)[0] if key.startswith("model.") else ""


def find_reference(variants: Sequence[Variant], against: str | None) -> Variant:
    """The variant that the others are compared with: the named one, else the first backbone's baseline, else the first.

    It is named by its name, or by a label that only one has, with or without its descriptor. Raises ResultsError if no
    variant, or more than one, has that name.
    """
    if against is None:
        first, _ = split_label(variants[0].label)
        own = {split_label(each.label): each for each in reversed(variants)}
        return next((own[first, block] for block in BASELINES if (first, block) in own), variants[0])
    for name_of in (lambda each: each.name, lambda each: each.label, lambda each: each.label.partition(" ")[0]):
        if len(matching := [each for each in variants if name_of(each).lower() == against.lower()]) == 1:
            return matching[0]
    fault = "more than one variant has that name" if matching else "no variant of this study"
    raise ResultsError(f"--against '{against}': {fault}; expected one of: {', '.join(each.name for each in variants)}")


def split_label(label: str) -> tuple[str, str]:
    """The backbone of a label, and its block with its attention: "ALD-RDN (det)" → "RDN", "ALD (det)"."""
    name, _, terms = label.partition(" ")
    block, _, backbone = name.rpartition("-")
    return backbone, f"{block} {terms}".strip()


def block_order(block: str) -> tuple[int, str]:
    """What sorts blocks as the paper's tables do; one that they lack follows its kind: "LDW (gain=3.0)" after "LDW"."""
    if block in BLOCKS:
        return BLOCKS.index(block), ""
    kinds = [each.partition(" ")[0] for each in BLOCKS]
    return max((n for n, kind in enumerate(kinds) if kind == block.partition(" ")[0]), default=len(kinds)), block


def _sort_key(variant: Variant) -> tuple[int, tuple[int, str], list[tuple[float, str]]]:
    """The order of backbones and of blocks, then by name, 8 before 16."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e-?\d+)?)", variant.name)
    numbers = [(float(part), "") if place % 2 else (0.0, part) for place, part in enumerate(parts)]
    backbone, block = split_label(variant.label)
    return (*BACKBONES, backbone).index(backbone), block_order(block), numbers
