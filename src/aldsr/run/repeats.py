"""Networks that were named by their files, grouped as a study groups its runs: by variant and seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import nn

from aldsr.analysis.budgets import find_budget_difference
from aldsr.analysis.loading import unique_names
from aldsr.analysis.study import TrainingRun, is_training, read_config
from aldsr.analysis.variants import Variant, group_variants
from aldsr.core.errors import list_names
from aldsr.core.run_files import CONFIG, RESULTS, WEIGHTS
from aldsr.evaluation.attention import find_copies
from aldsr.evaluation.results import ResultsError, read_results
from aldsr.evaluation.views import check_recorded
from aldsr.nn.description import Description, label
from aldsr.nn.weights import find_file, load_checkpoint


def group_networks(
    networks: Mapping[Path, tuple[nn.Module, Description]], *, allow_unequal_budgets: bool
) -> tuple[list[Variant], list[tuple[str, str]]]:
    """Networks by variant, their repeats by seed, and notes on what was left out or is not known.

    Raises ResultsError for unequal budgets, and the errors of `read_training`.
    """
    copies = find_copies(networks)
    runs = [read_training(place, *each, number=n) for n, (place, each) in enumerate(networks.items())]
    runs = [run for run in runs if run.folder not in copies]
    trained = [run for run in runs if is_training(run.config)]
    unequal = find_budget_difference(trained) if trained else None
    if unequal and not allow_unequal_budgets:
        raise ResultsError(f"{unequal}; measure each by itself, or all the same with --allow-unequal-budgets")
    variants = group_variants(runs)
    notes = [("left out", f"{path}: has the weights of {first}") for path, first in copies.items()]
    notes += [("left out", f"{run.folder}: has network and seed of another") for v in variants for run in v.repeated]
    for each in variants:
        if len(each.runs) > 1 and not is_training(each.first.config):
            places = list_names([str(run.folder) for run in each.runs.values()])
            notes.append(("training", f"not known of {places}, nor whether it was alike"))
    return variants, [*notes, *([("warning", f"{unequal}, among possibly more")] if unequal else [])]


def read_training(place: Path, network: nn.Module, description: Description, *, number: int) -> TrainingRun:
    """The run that a network's weights or checkpoint lie in; where there is none, its description and a `number`.

    Raises ResultsError if a file of the run cannot be read, NetworkError if it is the run of another network.
    """
    file = find_file(place)
    checkpoint = file.parent.name == "checkpoints"
    folder = file.parents[checkpoint]
    measured = {"network": {"label": label(description), "description": description}}
    config = read_config(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    if not is_training(config) or not (checkpoint or file.name == WEIGHTS):
        return TrainingRun(place, measured, {"model": description, "data": {}, "seed": number})
    results = read_results(folder) if (folder / RESULTS).is_file() else {"network": {}}
    if checkpoint:
        own = {"steps": load_checkpoint(file).get("global_step"), "weights": None}
        results["training"] = results.get("training", {}) | own
    check_recorded(file, network, description, results, config)
    return TrainingRun(place, results | measured, config)


def unique_repeats(variants: Sequence[Variant]) -> dict[str, list[Path]]:
    """The places of each variant's runs, by a name of its own."""
    names = unique_names([each.name for each in variants], [f"({each.first.folder})" for each in variants])
    return {name: [run.folder for run in each.runs.values()] for name, each in zip(names, variants, strict=True)}
