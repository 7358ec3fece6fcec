"""When a run is the one that its folder holds."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from aldsr.sweep.continuing import DifferentRunError, check_same

RUN: dict[str, Any] = {
    "run_dir": "runs/a",
    "name": "a",
    "study": {"name": "first", "budget": "small"},
    "ckpt_path": None,
    "if_exists": "continue",
    "seed": 0,
    "scale": 4,
    "ema": None,
    "layout": "channels-last",
    "paces": ["32-true, channels-last: 1 s a step"],
    "parameters": 12345,
    "version": "0.1.0",
    "pictures": 8,
    "checkpoint_every": 500,
    "model": {"_target_": "aldsr.nn.RDN", "D": 4, "conv": {"_target_": "aldsr.nn.LDWBlock", "_partial_": True}},
    "data": {"train_dirs": ["/here/train", "/here/more"], "eval_dirs": None, "batch_size": 16, "num_workers": None},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001, "betas": [0.9, 0.999]},
    "logger": {"_target_": "aldsr.training.wandb_log", "project": "aldsr"},
    "trainer": {
        "accelerator": "cpu",
        "devices": 1,
        "strategy": "auto",
        "num_nodes": 1,
        "precision": "32-true",
        "accumulate_grad_batches": 2,
        "max_steps": 1000,
        "log_every_n_steps": 50,
    },
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
        ("name", "b"),
        ("study", {"name": "second", "budget": None}),
        ("ckpt_path", "runs/a/checkpoints/last.ckpt"),
        ("if_exists", "archive"),
        ("paces", []),
        ("parameters", None),
        ("version", "0.2.0"),
        ("pictures", 2),
        ("checkpoint_every", 10),
        ("logger", {"_target_": "aldsr.training.CsvLog", "path": "log.csv"}),
        ("data.train_dirs", ["/there/train", "../more"]),
        ("data.num_workers", 4),
        ("trainer.accelerator", "gpu"),
        ("trainer.devices", 4),
        ("trainer.strategy", "ddp"),
        ("trainer.num_nodes", 2),
        ("trainer.log_every_n_steps", 1),
        ("new_option", None),
    ],
)
def test_where_and_how_it_runs_is_free(key: str, value: Any, folder: Path) -> None:
    check_same(folder, changed(key, value))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("seed", 1, "seed was 0, is now 1"),
        ("scale", 2, "scale was 4, is now 2"),
        ("ema", 0.999, "ema was None, is now 0.999"),
        ("trainer.max_steps", 2000, "trainer.max_steps was 1000, is now 2000"),
        ("optimizer.lr", 0.01, "optimizer.lr was 0.001, is now 0.01"),
        ("optimizer.betas", [0.9, 0.99], "optimizer.betas was [0.9, 0.999], is now [0.9, 0.99]"),
        (
            "model.conv._target_",
            "aldsr.nn.DWBlock",
            "model.conv._target_ was aldsr.nn.LDWBlock, is now aldsr.nn.DWBlock",
        ),
        ("model.D", 8, "model.D was 4, is now 8"),
        ("data.batch_size", 8, "data.batch_size was 16, is now 8"),
        (
            "data.train_dirs",
            ["/here/train", "/here/DIV2K"],
            "data.train_dirs was ['train', 'more'], is now ['train', 'DIV2K']",
        ),
        ("data.train_dirs", None, "data.train_dirs was ['train', 'more'], is now None"),
        ("data.eval_dirs", ["/here/Set5"], "data.eval_dirs was None, is now ['Set5']"),
        ("layout", "contiguous", "layout was channels-last, is now contiguous"),
        ("trainer.precision", "bf16-mixed", "trainer.precision was 32-true, is now bf16-mixed"),
        ("new_option", 3, "new_option was None, is now 3"),
    ],
)
def test_another_experiment_is_refused_by_its_difference(key: str, value: Any, told: str, folder: Path) -> None:
    with pytest.raises(DifferentRunError) as caught:
        check_same(folder, changed(key, value))
    assert str(caught.value) == (
        f"{folder}: holds a run of another configuration ({told}); give this one another study.name or run_dir, "
        "or move the folder away"
    )


def test_three_differences_are_told_and_the_others_counted(folder: Path) -> None:
    other = changed("optimizer.lr", 0.01) | {"seed": 1, "scale": 2, "ema": 0.9, "layout": "contiguous"}
    with pytest.raises(DifferentRunError) as caught:
        check_same(folder, other)
    assert "ema was None, is now 0.9; layout was" in str(caught.value)
    assert "is now 0.01 and 2 more)" in str(caught.value)


MEASURED = [("layout", "contiguous"), ("trainer.precision", "bf16-mixed"), ("trainer.accumulate_grad_batches", 1)]


@pytest.mark.parametrize(("key", "value"), MEASURED)
def test_what_is_left_auto_meets_whatever_was_measured(key: str, value: Any, folder: Path) -> None:
    """Whether it is still "auto", or this machine has left one choice only."""
    for found in ("auto", value):
        check_same(folder, changed(key, found) | {"measured": [key]})


@pytest.mark.parametrize(("key", "value"), MEASURED)
def test_what_is_given_does_not_meet_whatever_was_measured(key: str, value: Any, tmp_path: Path) -> None:
    begun = RUN | {"measured": [other for other, _ in MEASURED]}
    OmegaConf.save(OmegaConf.create(begun), tmp_path / "config.yaml")
    check_same(tmp_path, RUN | {"measured": []})
    with pytest.raises(DifferentRunError, match=re.escape(f"is now {value})")):
        check_same(tmp_path, changed(key, value) | {"measured": [other for other, _ in MEASURED if other != key]})
