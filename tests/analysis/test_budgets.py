"""Which runs had the same to learn from."""

import json
from pathlib import Path
from typing import Any

import pytest

from aldsr.analysis.budgets import find_budget_difference, list_folders
from aldsr.analysis.study import read_study
from tests.analysis.fake_runs import change_config, write_variant

SAME = {"steps": 1000, "fingerprint": "ab12"}


@pytest.mark.parametrize(
    ("options", "training", "difference"),
    [
        ({"data.batch_size": 4}, SAME, "data.batch_size is '16' in the one and '4'"),
        ({"lr_track": "mild"}, SAME, "lr_track is 'bicubic' in the one and 'mild'"),
        ({"data.patch_size": 48}, SAME, "data.patch_size is '24' in the one and '48'"),
        ({"data.steps_per_epoch": 10}, SAME, "data.steps_per_epoch is '250' in the one and '10'"),
        (
            {"data.train_dirs": ["/here/Mine"]},
            SAME,
            "data.train_dirs is 'DIV2K_train_HR' in the one and 'Mine'",
        ),
        ({"data.train_dirs": None}, SAME, "data.train_dirs is 'DIV2K_train_HR' in the one and 'aldsr's own pictures'"),
        ({"schedule._target_": "a.b"}, SAME, "schedule._target_ is 'aldsr.training.cosine' in the one and 'a.b'"),
        ({"schedule.epochs": [5]}, SAME, "schedule.epochs is not recorded in the one and '[5]'"),
        ({}, {**SAME, "steps": 999}, "the number of training steps is '1000' in the one and '999'"),
        ({}, {}, "the number of training steps is '1000' in the one and not recorded"),
        ({}, {**SAME, "fingerprint": "cd34"}, "the fingerprint of the training images is 'ab12' in the one and 'cd34'"),
        ({"optimizer.lr": 0.1, "model.D": 4, "trainer.precision": "bf16-mixed"}, SAME, None),
        # generated pictures are of no use beside folders, wherever those lie
        (
            {"data.pictures": 3, "data.train_dirs": ["/x/DIV2K_train_HR"], "data.eval_dirs": ["/x/Set5"]},
            SAME,
            None,
        ),
    ],
)
def test_what_makes_budgets_unequal(
    options: dict[str, Any], training: dict[str, Any], difference: str | None, tmp_path: Path
) -> None:
    for label, own in (("DW-RDN", SAME), ("RDN", training)):
        write_variant(tmp_path, label, {"Set5": [[30.0, 31.0]]})
        results = tmp_path / f"{label.lower()}-determinant-seed1" / "results.json"
        results.write_text(json.dumps({**json.loads(results.read_text()), "training": own}))
    change_config(results.parent, options)
    runs = read_study(tmp_path).runs
    found = find_budget_difference(runs)
    names = f"{runs[0].folder} and {runs[1].folder} had unequal budgets: "
    assert found == (difference and f"{names}{difference} in the other")


def test_folders_by_name() -> None:
    assert list_folders(["/a/DIV2K_train_HR/", "/b/Mine/HR"]) == "DIV2K_train_HR, Mine/HR"
    assert list_folders("train") == "train"
