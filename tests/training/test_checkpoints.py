"""Checkpoints that are complete or not there, and the one that is written when a signal comes."""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from torch import Tensor

from aldsr.train import train
from aldsr.training import AtomicCheckpointIO, CheckpointError, CheckpointOnSignal, SuperResolution, checkpoints
from aldsr.training.checkpoints import SIGNALS
from tests.command import run_command
from tests.stopping import STOP_STEP, TrainingProcess, check_same_weights, checkpoint, updates, waiting

__all__ = ["waiting"]

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
    original, written = checkpoints.atomic_write, []

    @contextmanager
    def fail_at_the_third(path: Path) -> Iterator[Path]:
        with original(path) as temporary:
            yield temporary
            written.append(path)
            if len(written) == 3:
                raise FULL

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "atomic_write", fail_at_the_third)
        assert run_command(train, *options) == 2
    message = capfd.readouterr().err.strip()
    assert "run/checkpoints/last.ckpt" in message
    assert len(message.splitlines()) == 1
    assert checkpoint("run")["global_step"] == 2
    assert not list(Path("run").rglob("*.part"))
    assert run_command(train, *options, "ckpt_path=last") == 0
    assert checkpoint("run")["global_step"] == 4


@pytest.fixture
def _signals() -> Iterator[None]:
    """Handlers of signals are restored afterwards."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def make_trainer(*, parts: int = 1, other: bool = False) -> MagicMock:
    """A trainer with so many micro-batches a step; `other`: whether another rank has received a signal."""
    trainer = MagicMock(accumulate_grad_batches=parts, loggers=[])
    trainer.strategy.reduce_boolean_decision.side_effect = lambda own, *, all: (own and other) if all else own or other
    return trainer


@pytest.fixture
def callback(_signals: None) -> CheckpointOnSignal:
    """A callback of a training that has begun."""
    callback = CheckpointOnSignal(checkpoint=Path("last.ckpt"))
    callback.on_train_start(MagicMock(), MagicMock())
    return callback


@pytest.mark.parametrize(("number", "validates"), [(signal.SIGTERM, False), (signal.SIGUSR1, True)])
def test_a_signal_is_obeyed_at_the_end_of_the_step(number: int, validates: bool, callback: CheckpointOnSignal) -> None:
    trainer = make_trainer(parts=2)
    callback.on_train_batch_end(trainer, MagicMock(), None, None, 1)
    os.kill(os.getpid(), number)
    callback.on_train_batch_end(trainer, MagicMock(), None, None, 2)
    assert not trainer.save_checkpoint.called
    callback.on_train_batch_end(trainer, MagicMock(), None, None, 3)  # the step is logged after this
    with pytest.raises(SystemExit) as exit:
        callback.on_validation_start(trainer, MagicMock()) if validates else callback.on_train_batch_start(trainer)
    assert exit.value.code == 128 + number
    trainer.save_checkpoint.assert_called_once_with(Path("last.ckpt"))


def test_a_rank_exits_with_the_one_that_received_the_signal(callback: CheckpointOnSignal) -> None:
    trainer = make_trainer(other=True)
    callback.on_train_batch_end(trainer, MagicMock(), None, None, 0)
    with pytest.raises(SystemExit, match=str(128 + signal.SIGTERM)):
        callback.on_train_batch_start(trainer)
    trainer.save_checkpoint.assert_called_once_with(Path("last.ckpt"))


def test_a_signal_during_a_validation_ends_it_at_once(callback: CheckpointOnSignal) -> None:
    trainer = make_trainer()
    callback.on_validation_batch_end(trainer)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit):
        callback.on_validation_batch_end(trainer)
    assert not trainer.save_checkpoint.called


@pytest.mark.usefixtures("_signals")
def test_handlers_are_those_of_the_callback_while_it_trains_and_the_previous_ones_afterwards(
    small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning's own would talk to the other ranks in the middle of a collective operation."""
    original, handlers = SuperResolution.training_step, []

    def step(self: SuperResolution, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        handlers.extend(signal.getsignal(number) for number in SIGNALS)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(SuperResolution, "training_step", step)
    previous = [lambda *_: None for _ in SIGNALS]
    for number, handler in zip(SIGNALS, previous, strict=True):
        signal.signal(number, handler)
    assert run_command(train, *small, "run_dir=run", "trainer.max_steps=1") == 0
    assert [type(getattr(handler, "__self__", None)) for handler in handlers] == [CheckpointOnSignal] * 2
    assert [signal.getsignal(number) for number in SIGNALS] == previous


def stop_in_this_process(number: int, *options: str) -> int:
    """Run a training that sends itself a signal in its third step; return its exit status."""
    original = SuperResolution.training_step

    def step(self: SuperResolution, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        if self.global_step == STOP_STEP - 1:
            os.kill(os.getpid(), number)
        return original(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SuperResolution, "training_step", step)
        Path("pass").touch()  # the optimizer has nothing to wait for
        return run_command(train, *options)


def stop_from_outside(number: int, *options: str) -> int:
    """Run a training in a process of its own and send it a signal; return its exit status."""
    with TrainingProcess(*options) as process:
        process.wait_for_stop_step()
        status = process.stop(number)
    print(process.output.read_text())  # shown if a test fails
    return status


@pytest.mark.slow
@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize(
    ("number", "stop"), [(signal.SIGTERM, stop_in_this_process), (signal.SIGUSR1, stop_from_outside)]
)
def test_a_stopped_training_continues_to_the_same_weights(
    number: int, stop: Callable[..., int], waiting: list[str]
) -> None:
    assert stop(number, *waiting, "run_dir=run") == 128 + number
    assert checkpoint("run")["global_step"] == STOP_STEP
    assert updates("run") == {STOP_STEP}
    assert not Path("run/results.json").exists()
    assert not Path("run/failure.txt").exists()
    for folder in ("run", "whole"):
        assert run_command(train, *waiting, f"run_dir={folder}", "if_exists=continue") == 0
    check_same_weights("run", "whole")
    assert updates("run") == {7}
    assert Path("run/log.csv").read_text() == Path("whole/log.csv").read_text()
