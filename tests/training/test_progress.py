"""What a long run says about itself."""

import io
import re
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from rich.console import Console

from aldsr.training import TRAINER_OPTIONS, LongRunNotice, TrainingProgress


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
