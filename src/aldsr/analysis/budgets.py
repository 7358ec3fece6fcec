"""Whether runs had the same training: no network is better for having been trained longer."""

from collections.abc import Mapping, Sequence
from typing import Any

from aldsr.analysis.study import TrainingRun, is_training
from aldsr.core.settings import flatten, folder_label, rule_of

# Options of `data`; the whole of `schedule` counts as well. The learning rate does not: it may be what is studied.
DATA_OPTIONS = ("batch_size", "patch_size", "steps_per_epoch", "pictures")
RECIPE = ("loss", "optimizer", "schedule")  # sections of the settings


def recipe_parts(config: Mapping[str, Any]) -> dict[str, str]:
    """The recipe of a training's configuration in words, by sections, such as "Adam, lr 0.001"; empty of another's."""
    if not is_training(config):
        return {}
    settings, recipe = flatten(config), {}
    for section in RECIPE:
        own = {key.removeprefix(f"{section}."): key for key in settings if key.startswith(f"{section}.")}
        stated = {name: settings[key] for name, key in own.items() if settings[key] != rule_of(key).before}
        options = [f"{name} {value}" for name, value in stated.items() if name[0] != "_"]
        recipe[section] = ", ".join((str(settings.get(f"{section}._target_")).rpartition(".")[2], *options))
    sides = str(settings["data.patch_size"]).replace("'", "")
    recipe["data"] = f"{settings['data.batch_size']} LR patches of {sides}; LR ({settings['lr_track']})"
    return recipe


def training_budget(run: TrainingRun) -> dict[str, Any]:
    """What a run was trained on and for how long, by names for a message; folders by their last names."""
    data, training = run.config["data"], run.results.get("training", {})
    budget = {
        "the number of training steps": training.get("steps"),
        **{f"data.{key}": data.get(key) for key in DATA_OPTIONS},
        "data.train_dirs": list_folders(data.get("train_dirs")),
        "the fingerprint of the training images": training.get("fingerprint"),
        **{key: value for key, value in flatten(run.config).items() if key.startswith(("schedule.", "lr_track"))},
    }
    if data.get("train_dirs") is not None:
        del budget["data.pictures"]  # not used beside folders
    return budget


def find_budget_difference(runs: Sequence[TrainingRun]) -> str | None:
    """A sentence on the first difference of the runs' budgets; None if there is none."""
    base, *others = runs
    for other in others:
        ours, theirs = training_budget(base), training_budget(other)
        for key in {**ours, **theirs}:
            if ours.get(key) != theirs.get(key):
                mine, its = ("not recorded" if each.get(key) is None else f"'{each[key]}'" for each in (ours, theirs))
                had = f"{base.folder} and {other.folder} had unequal budgets"
                return f"{had}: {key} is {mine} in the one and {its} in the other"
    return None


def list_folders(folders: Any) -> str:
    """Folders by their last names, "HR" with the one above it; None stands for aldsr's own images."""
    if not isinstance(folders, Sequence) or isinstance(folders, str):
        return "aldsr's own pictures" if folders is None else str(folders)
    return ", ".join(folder_label(str(folder)) for folder in folders)
