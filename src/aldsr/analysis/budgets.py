"""Whether runs had the same to learn from: no network is better for having been trained longer."""

from collections.abc import Sequence
from typing import Any

from aldsr.analysis.study import TrainingRun
from aldsr.core.settings import flatten, folder_label
from aldsr.evaluation.results import ResultsError

# Of `data`; the whole of `schedule` belongs to it as well. The learning rate does not: it may be what is studied.
AMOUNTS = ("batch_size", "patch_size", "steps_per_epoch", "pictures")
OWN_PICTURES = "aldsr's own pictures"


def budget(run: TrainingRun) -> dict[str, Any]:
    """What a run was given, by a name for the message; folders go by their last name, whatever the machine."""
    data, training = run.config["data"], run.results.get("training", {})
    given = {
        "the number of training steps": training.get("steps"),
        **{f"data.{key}": data.get(key) for key in AMOUNTS},
        "data.train_dirs": folder_names(data.get("train_dirs")),
        "the fingerprint of the training images": training.get("fingerprint"),
    }
    if data.get("train_dirs") is not None:
        del given["data.pictures"]  # are of no use beside folders
    schedule = {key: value for key, value in flatten(run.config).items() if key.startswith("schedule.")}
    return {**given, **schedule}


def unequal_budgets(runs: Sequence[TrainingRun]) -> str | None:
    """The first difference of the runs' budgets in words; None if there is none."""
    base, *others = runs
    for other in others:
        ours, theirs = budget(base), budget(other)
        for key in {**ours, **theirs}:
            if ours.get(key) != theirs.get(key):
                return (
                    f"{base.folder} and {other.folder} had unequal budgets: {key} is {_said(ours.get(key))} in the one "
                    f"and {_said(theirs.get(key))} in the other"
                )
    return None


def check_budgets(runs: Sequence[TrainingRun]) -> None:
    """Whether the runs may be compared as equals. Raises ResultsError naming the first difference."""
    if difference := unequal_budgets(runs):
        raise ResultsError(f"{difference}; train them alike, or compare them all the same with --allow-unequal-budgets")


def folder_names(folders: Any) -> str:
    """Folders by their last names, "HR" with the one above it; None stands for aldsr's own pictures."""
    if not isinstance(folders, Sequence) or isinstance(folders, str):
        return OWN_PICTURES if folders is None else str(folders)
    return ", ".join(folder_label(str(folder)) for folder in folders)


def _said(value: Any) -> str:
    return "not recorded" if value is None else f"'{value}'"
