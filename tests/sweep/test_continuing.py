"""When a run is the one that its folder holds."""

import copy
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from aldsr.sweep.continuing import DifferentRunError, check_same

RUN: dict[str, Any] = {
    "run_dir": "runs/a",
    "study": {"name": "first", "budget": "small"},
    "ckpt_path": None,
    "seed": 0,
    "ema": None,
    "layout": "channels-last",
    "paces": ["of an older version"],
    "model": {"_target_": "aldsr.nn.RDN", "D": 4, "conv": {"_target_": "aldsr.nn.LDWBlock", "_partial_": True}},
    "data": {"train_dirs": ["/here/train", "/here/more"], "eval_dirs": None, "batch_size": 16, "num_workers": None},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001, "betas": [0.9, 0.999]},
    "logger": {"_target_": "aldsr.training.wandb_log", "project": "aldsr"},
    "trainer": {"accelerator": "cpu", "devices": 1, "precision": "32-true", "max_steps": 1000},
}


def changed(key: str, value: Any) -> dict[str, Any]:
    run = copy.deepcopy(RUN)
    *path, last = key.split(".")
    node = run
    for part in path:
        node = node[part]
    node[last] = value
    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    OmegaConf.save(OmegaConf.create(RUN), tmp_path / "config.yaml")
    return tmp_path


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("run_dir", "/elsewhere/b"),
        ("study", {"name": "second", "budget": None}),
        ("ckpt_path", "runs/a/checkpoints/last.ckpt"),
        ("paces", None),
        ("logger", {"_target_": "aldsr.training.CsvLog", "path": "log.csv"}),
        ("data.train_dirs", ["/there/train", "../more"]),
        ("trainer.devices", 4),
        ("new_option", None),
    ],
)
def test_where_and_how_it_runs_may_change(key: str, value: Any, folder: Path) -> None:
    check_same(folder, changed(key, value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 1),
        ("ema", 0.999),
        ("layout", "contiguous"),
        ("trainer.precision", "bf16-mixed"),
        ("trainer.max_steps", 2000),
        ("optimizer.betas", [0.9, 0.99]),
        ("model.conv._target_", "aldsr.nn.DWBlock"),
        ("data.train_dirs", ["/here/train", "/here/DIV2K"]),
        ("data.eval_dirs", ["/here/Set5"]),
        ("new_option", 3),
    ],
)
def test_another_experiment_is_refused_by_its_difference(key: str, value: Any, folder: Path) -> None:
    with pytest.raises(DifferentRunError, match=f"{folder}.*{key} was "):
        check_same(folder, changed(key, value))


def test_of_many_differences_three_are_named_and_the_others_counted(folder: Path) -> None:
    other = changed("optimizer.lr", 0.01) | {"seed": 1, "scale": 2, "ema": 0.9, "layout": "contiguous"}
    with pytest.raises(DifferentRunError, match=r"ema was None, is now 0\.9; layout was .* and 2 more"):
        check_same(folder, other)
