"""Which runs had the same to learn from."""

import json
from pathlib import Path
from typing import Any

import pytest

from aldsr.analysis.budgets import check_budgets, find_budget_difference, list_folders
from aldsr.analysis.study import TrainingRun, read_study
from aldsr.evaluation.results import ResultsError
from tests.analysis.fake_runs import change_config, write_variant


def runs(folder: Path, options: dict[str, Any]) -> list[TrainingRun]:
    """Two runs, of which the second has other options."""
    for label in ("DW-RDN", "RDN"):
        write_variant(folder, label, {"Set5": [[30.0, 31.0]]})
    change_config(folder / "rdn-determinant-seed1", options)
    return read_study(folder).runs


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"data.batch_size": 4}, "data.batch_size is '16' in the one and '4' in the other"),
        ({"data.patch_size": 48}, "data.patch_size is '24' in the one and '48' in the other"),
        ({"data.steps_per_epoch": 10}, "data.steps_per_epoch is '250' in the one and '10' in the other"),
        ({"data.train_dirs": ["/here/Flickr2K"]}, "data.train_dirs is 'DIV2K_train_HR' in the one and 'Flickr2K'"),
        ({"data.train_dirs": None}, "data.train_dirs is 'DIV2K_train_HR' in the one and 'aldsr's own pictures'"),
        ({"schedule._target_": "aldsr.training.halved"}, "schedule._target_ is 'aldsr.training.cosine' in the one"),
        ({"schedule.epochs": [5]}, "schedule.epochs is not recorded in the one"),
    ],
)
def test_unequal_budgets_are_refused_naming_both_runs(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ResultsError) as error:
        check_budgets(runs(tmp_path, options))
    sentence = str(error.value)
    assert said in sentence
    assert f"{tmp_path}/dw-rdn-determinant-seed1 and {tmp_path}/rdn-determinant-seed1 had unequal" in sentence
    assert "--allow-unequal-budgets" in sentence


@pytest.mark.parametrize(("training", "said"), [({"steps": 999}, "'999'"), ({}, "not recorded")])
def test_steps_are_those_that_were_taken(training: dict[str, Any], said: str, tmp_path: Path) -> None:
    found = runs(tmp_path, {})
    path = found[1].folder / "results.json"
    path.write_text(json.dumps({**found[1].results, "training": training}))
    words = find_budget_difference(read_study(tmp_path).runs)
    assert words is not None
    assert words.endswith(f"the number of training steps is '1000' in the one and {said} in the other")


def test_training_images_are_told_apart_by_their_pixels(tmp_path: Path) -> None:
    found = runs(tmp_path, {})
    for run, fingerprint in zip(found, ("ab12", "cd34"), strict=True):
        training = {**run.results["training"], "fingerprint": fingerprint}
        (run.folder / "results.json").write_text(json.dumps({**run.results, "training": training}))
    with pytest.raises(ResultsError, match="the fingerprint of the training images is 'ab12' in the one and 'cd34'"):
        check_budgets(read_study(tmp_path).runs)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer.lr": 0.1},
        {"model.D": 4},
        {"trainer.precision": "bf16-mixed"},
        {"data.pictures": 3},  # beside folders
        {"data.train_dirs": ["/elsewhere/DIV2K_train_HR"]},
        {"data.eval_dirs": ["/elsewhere/Set5"]},
    ],
)
def test_what_is_no_budget_may_differ(options: dict[str, Any], tmp_path: Path) -> None:
    check_budgets(runs(tmp_path, options))


def test_folders_by_name() -> None:
    assert list_folders(None) == "aldsr's own pictures"
    assert list_folders(["/a/DIV2K_train_HR/", "/b/Mine/HR"]) == "DIV2K_train_HR, Mine/HR"
    assert list_folders("train") == "train"
