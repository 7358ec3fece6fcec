"""What a long run says about itself."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from aldsr.training import LongRunNotice


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
