"""What a long run says about itself."""

import io
import json
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from rich.console import Console

from aldsr.training import TRAINER_OPTIONS, LongRunNotice, ProgressFile, TrainingProgress


def trainer(step: int, total: int) -> Any:
    progress = SimpleNamespace(total=SimpleNamespace(completed=step))
    return SimpleNamespace(
        global_step=step,
        is_global_zero=True,
        accumulate_grad_batches=1,
        estimated_stepping_batches=total,
        strategy=SimpleNamespace(root_device=SimpleNamespace(type="cpu")),
        fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress)),
    )


def said_after(total: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said in the first steps of a run whose steps take two seconds."""
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    notice = LongRunNotice(advice="size=small")
    for step in range(1, 10):
        notice.on_train_batch_end(trainer(step, total), None, None, None, step)  # type: ignore[arg-type]
    return capsys.readouterr().out


def test_days_are_announced_with_the_way_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = said_after(300_000, capsys, monkeypatch)
    assert "2.00 s a step: the remaining 299,995 steps take about 6.9 days" in said
    assert "size=small" in said
    assert said.count("s a step") == 1


def test_a_short_run_is_left_in_peace(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert said_after(1000, capsys, monkeypatch) == ""


class Run(LightningModule):
    """A run of four steps with one validation, for its looks."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss = (self.weight * batch).mean()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log_dict({"Set5/psnr_y": 30.123, "psnr_y": 30.123})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
@pytest.mark.parametrize("terminal", [True, False])
def test_a_validation_leaves_a_line_and_a_terminal_gets_a_bar_with_an_eta(terminal: bool) -> None:
    progress = TrainingProgress()
    progress.console = Console(file=io.StringIO(), force_terminal=terminal, no_color=True, width=160)
    options: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "accelerator": "cpu"}
    trainer = Trainer(max_steps=40, max_epochs=-1, callbacks=[progress], **options, **TRAINER_OPTIONS)
    trainer.fit(Run(), torch.ones(20, 1), torch.ones(3, 1))
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", progress.console.file.getvalue())  # type: ignore[attr-defined]
    assert "step     20/40" in said
    assert "PSNR-Y: Set5 30.12 dB" in said
    assert ("training" in said) == terminal
    assert ("40/40 0:00:0" in said) == terminal
    assert ("PSNR-Y 30.12 dB" in said) == terminal
    assert progress.bars is None


class Clock:
    """Stands still until it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def at(step: int, **options: Any) -> Any:
    """A run of 100 steps; `psnr`: of each set that was measured."""
    psnr = options.pop("psnr", {})
    run = trainer(step, 100)
    run.sanity_checking, run.callback_metrics = False, {"loss": torch.tensor(0.1)}
    run.callback_metrics |= {f"{name}/psnr_y": torch.tensor(value) for name, value in psnr.items()}
    for name, value in options.items():
        setattr(run, name, value)
    return run


def noted(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    assert list(found) == ["step", "total", "psnr", "seconds"]
    return found


def test_how_far_a_run_is_is_written_every_few_seconds(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "progress.json"
    file = ProgressFile(path, every=5)
    file.on_train_start(at(0), None)  # type: ignore[arg-type]
    assert noted(path) == {"step": 0, "total": 100, "psnr": None, "seconds": None}
    for step in range(1, 5):
        clock.now += 2
        file.on_train_batch_end(at(step))
        assert noted(path)["step"] == (3 if step >= 3 else 0)
    assert noted(path)["seconds"] == 200  # three steps in six seconds
    assert not list(tmp_path.glob("*.part"))


def test_the_best_of_the_first_set_is_kept(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "progress.json"
    file = ProgressFile(path)
    file.on_train_start(at(0), None)  # type: ignore[arg-type]
    for step, psnr, best in ((10, 28.0, 28.0), (20, 30.0, 30.0), (30, 29.0, 30.0)):
        clock.now += 10
        file.on_validation_end(at(step, psnr={"Set5": psnr, "Set14": 40.0}), None)  # type: ignore[arg-type]
        assert noted(path) == {"step": step, "total": 100, "psnr": best, "seconds": 100}


def test_a_run_that_goes_on_keeps_its_best_and_takes_the_pace_of_its_own_process(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "progress.json"
    path.write_text('{"step": 60, "total": 100, "psnr": 31.5, "seconds": 7.0}')
    file = ProgressFile(path, every=0)
    file.on_train_start(at(60), None)  # type: ignore[arg-type]
    assert noted(path) == {"step": 60, "total": 100, "psnr": 31.5, "seconds": None}
    clock.now += 30
    file.on_train_batch_end(at(70))
    assert noted(path) == {"step": 70, "total": 100, "psnr": 31.5, "seconds": 300}


@pytest.mark.parametrize("content", [b"", b'{"step"', b"\xff", b"null"])
def test_damaged_progress_stops_no_training(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    path.write_bytes(content)
    ProgressFile(path).on_train_start(at(1), None)  # type: ignore[arg-type]
    assert noted(path)["psnr"] is None


def test_only_the_first_rank_writes_and_no_trial_run_counts(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    other = ProgressFile(path, every=0)
    other.on_train_start(at(0, is_global_zero=False), None)  # type: ignore[arg-type]
    other.on_train_batch_end(at(1, is_global_zero=False))
    ProgressFile(path, every=0).on_validation_end(at(0, psnr={"Set5": 9.0}), None)  # type: ignore[arg-type]
    assert not path.exists()
    file = ProgressFile(path)
    file.on_train_start(at(0), None)  # type: ignore[arg-type]
    file.on_validation_end(at(0, psnr={"Set5": 9.0}, sanity_checking=True), None)  # type: ignore[arg-type]
    assert noted(path)["psnr"] is None


def test_time_spent_is_that_of_all_processes_up_to_their_last_checkpoint(tmp_path: Path, clock: Clock) -> None:
    first = ProgressFile(tmp_path / "progress.json")
    first.on_train_start(at(0), None)  # type: ignore[arg-type]
    clock.now += 40
    checkpoint = first.state_dict()
    clock.now += 5  # lost, since no checkpoint was written
    second = ProgressFile(tmp_path / "progress.json")
    second.load_state_dict(checkpoint)
    second.on_train_start(at(40), None)  # type: ignore[arg-type]
    clock.now += 60
    second.on_train_end(at(100), None)  # type: ignore[arg-type]
    clock.now += 1000
    assert second.spent() == 100
