"""Checkpoints that are complete or not there, and the one that is written when a signal comes."""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch

from aldsr.core.signals import STOP_SIGNALS, stop_request
from aldsr.train import train
from aldsr.training import AtomicCheckpointIO, CheckpointError, CheckpointOnSignal, checkpoints
from tests.command import run_command
from tests.stopping import checkpoint

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
TORN = RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0\nframe #0: c10::ThrowEnforce")


@pytest.mark.parametrize(
    ("error", "raised"),
    [(FULL, CheckpointError), (TORN, CheckpointError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["full", "torn", "interrupted"],
)
def test_a_checkpoint_that_cannot_be_completed_leaves_the_previous_one(
    error: BaseException, raised: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    for step in (1, 2):
        AtomicCheckpointIO().save_checkpoint({"global_step": step}, path)

    def save(content: Any, temporary: Path) -> None:
        temporary.write_bytes(b"half of it")
        assert temporary.parent == path.parent  # on the same disk
        raise error

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(raised, match="last.ckpt" if raised is CheckpointError else None):
        AtomicCheckpointIO().save_checkpoint({"global_step": 3}, path)
    assert AtomicCheckpointIO().load_checkpoint(path) == {"global_step": 2}
    assert [each.name for each in path.parent.iterdir()] == ["last.ckpt"]


def test_a_training_whose_disk_fills_up_ends_with_a_sentence_and_can_be_resumed(
    small: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [*small, "run_dir=run", "checkpoint_every=1"]
    original, failures = checkpoints.atomic_write, iter([None, None, FULL])

    @contextmanager
    def fail_at_the_third(path: Path) -> Iterator[Path]:
        with original(path) as temporary:
            yield temporary
            if failure := next(failures):
                raise failure

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "atomic_write", fail_at_the_third)
        assert run_command(train, *options) == 2
    (message,) = capfd.readouterr().err.splitlines()
    assert "run/checkpoints/last.ckpt" in message
    assert checkpoint("run")["global_step"] == 2
    assert not list(Path("run").rglob("*.part"))
    assert run_command(train, *options, "ckpt_path=last") == 0
    assert checkpoint("run")["global_step"] == 4


def make_trainer(*, other: bool = False) -> MagicMock:
    """A trainer with two micro-batches a step; `other`: whether another rank has received a signal."""
    trainer = MagicMock(accumulate_grad_batches=2, loggers=[])
    trainer.strategy.reduce_boolean_decision.side_effect = lambda own, *, all: (own and other) if all else own or other
    return trainer


@pytest.fixture
def callback() -> Iterator[CheckpointOnSignal]:
    """A callback of a training that has begun; handlers of signals are restored afterwards."""
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    callback = CheckpointOnSignal(checkpoint=Path("last.ckpt"))
    callback.on_train_start(MagicMock(), MagicMock())
    yield callback
    stop_request.received, stop_request.waits = 0, False
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "validates"), [*((number, number == signal.SIGUSR1) for number in STOP_SIGNALS), (None, False)]
)
def test_a_signal_is_obeyed_at_the_end_of_the_step(
    number: int | None, validates: bool, callback: CheckpointOnSignal
) -> None:
    """None: another rank has received it."""
    trainer = make_trainer(other=number is None)
    if number is not None:
        callback.on_train_batch_end(trainer, MagicMock(), None, None, 1)
        os.kill(os.getpid(), number)
    callback.on_train_batch_end(trainer, MagicMock(), None, None, 2)
    assert not trainer.save_checkpoint.called
    callback.on_train_batch_end(trainer, MagicMock(), None, None, 3)  # the step is logged after this
    with pytest.raises(SystemExit, match=str(128 + (number or signal.SIGTERM))):
        callback.on_validation_start(trainer, MagicMock()) if validates else callback.on_train_batch_start(trainer)
    trainer.save_checkpoint.assert_called_once_with(Path("last.ckpt"))


def test_a_signal_during_a_validation_ends_it_at_once(callback: CheckpointOnSignal) -> None:
    trainer = make_trainer()
    callback.on_validation_batch_end(trainer)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit):
        callback.on_validation_batch_end(trainer)
    assert not trainer.save_checkpoint.called
