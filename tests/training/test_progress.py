"""What a long run prints and writes about itself."""

import io
import json
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from rich.console import Console

from aldsr.training import TRAINER_OPTIONS, ProgressFile, TrainingProgress

MODULE: Any = None  # the callbacks do not look at it


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until it is told."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


def trainer(step: int, total: int = 100, *, rank: int = 0, psnr: float | None = None) -> Any:
    """A trainer at a step; `psnr`: of the first set, if it was validated."""
    metrics = {"loss": 0.1} if psnr is None else {"loss": 0.1, "Set5/psnr_y": psnr, "Set14/psnr_y": 40.0}
    return SimpleNamespace(
        global_step=step,
        is_global_zero=rank == 0,
        accumulate_grad_batches=1,
        estimated_stepping_batches=total,
        callback_metrics={name: torch.tensor(value) for name, value in metrics.items()},
        strategy=SimpleNamespace(root_device=SimpleNamespace(type="cpu")),
    )


class Run(BoringModel):
    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.log("loss", 0.1)
        return super().training_step(batch, batch_idx)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log_dict({"Set5/psnr_y": 30.123, "psnr_y": 30.123})


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
@pytest.mark.parametrize("terminal", [True, False])
def test_a_validation_leaves_a_line_and_a_terminal_gets_a_bar_with_an_eta(terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, no_color=True, width=160)
    options: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "accelerator": "cpu", **TRAINER_OPTIONS}
    options |= {"max_steps": 40, "limit_train_batches": 20, "limit_val_batches": 3}
    trainer, run = Trainer(max_epochs=-1, callbacks=[TrainingProgress(console)], **options), Run()
    trainer.fit(run)
    trainer.validate(run, verbose=False)
    output = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())  # type: ignore[attr-defined]
    assert "step     20/40" in output
    assert "PSNR-Y: Set5 30.12 dB" in output
    for shown in ("training", "40/40 0:00:0", "PSNR-Y 30.12 dB", "validating"):
        assert (shown in output) == terminal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress.json"


def test_progress_is_written_every_few_seconds_by_the_first_rank(path: Path, clock: SimpleNamespace) -> None:
    other, file = (ProgressFile(path, every=5) for _ in range(2))
    other.on_validation_end(trainer(0, psnr=9.0), MODULE)  # not before it trains
    other.on_train_start(trainer(0, rank=1), MODULE)
    assert not path.exists()
    file.on_train_start(trainer(0), MODULE)
    assert json.loads(path.read_text()) == {"step": 0, "total": 100, "psnr": None, "seconds": None}
    for step in range(1, 5):
        clock.now += 2
        file.on_train_batch_end(trainer(step))
        assert json.loads(path.read_text())["step"] == (3 if step >= 3 else 0)
    assert json.loads(path.read_text())["seconds"] == 200  # three steps in six seconds


def test_the_last_mean_over_the_sets_is_kept_and_a_resumed_run_estimates_by_its_own_steps(
    path: Path, clock: SimpleNamespace
) -> None:
    path.write_text('{"step": 60, "total": 100, "psnr": 28.0, "seconds": 7.0}')
    file = ProgressFile(path)
    file.on_train_start(trainer(60), MODULE)
    for step, psnr, mean in ((70, 27.0, 33.5), (80, 30.0, 35.0), (90, 29.0, 34.5)):
        clock.now += 30
        file.on_validation_end(trainer(step, psnr=psnr), MODULE)
        assert json.loads(path.read_text()) == {"step": step, "total": 100, "psnr": mean, "seconds": 300}


@pytest.mark.parametrize("content", [b'{"step"', b"\xff", b"null"])
def test_a_damaged_file_stops_no_training(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    ProgressFile(path).on_train_start(trainer(1), MODULE)
    assert json.loads(path.read_text())["psnr"] is None


def test_training_seconds_are_those_of_all_processes_up_to_their_last_checkpoint(
    path: Path, clock: SimpleNamespace
) -> None:
    first, second = ProgressFile(path), ProgressFile(path)
    first.on_train_start(trainer(0), MODULE)
    clock.now += 40
    second.load_state_dict(first.state_dict())
    clock.now += 5  # lost, since no checkpoint was written
    second.on_train_start(trainer(40), MODULE)
    clock.now += 60
    second.on_train_end(trainer(100), MODULE)
    clock.now += 1000
    assert second.training_seconds() == 100
