"""Checkpoints that are whole or not there, and the way out when a signal comes."""

import errno
import os
import re
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
from tests.command import run_command
from tests.stopping import MET_AT, Started, check_same_weights, checkpoint, updates, waiting

__all__ = ["waiting"]

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
TORN = RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0\nframe #0: c10::ThrowEnforce")


def broken_off(error: Exception) -> Callable[..., None]:
    """`torch.save` on a disk that is full after some bytes."""

    def save(content: Any, path: Path) -> None:
        Path(path).write_bytes(b"half of it")
        raise error

    return save


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    for step in (1, 2):
        AtomicCheckpointIO().save_checkpoint({"global_step": step, "weights": torch.ones(3)}, path)
        assert AtomicCheckpointIO().load_checkpoint(path)["global_step"] == step
    assert [each.name for each in path.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(FULL, "No space left on device"), (TORN, "[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")],
    ids=["full", "torn"],
)
def test_a_disk_that_fills_up_leaves_the_previous_checkpoint(
    error: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"global_step": 1}, path)
    before = path.read_bytes()
    monkeypatch.setattr(torch, "save", broken_off(error))
    with pytest.raises(CheckpointError) as caught:
        AtomicCheckpointIO().save_checkpoint({"global_step": 2}, path)
    assert str(caught.value) == (
        f"{path}: cannot be written ({reason}); the previous checkpoint is whole. Free some space or make the folder "
        "writable, then go on with ckpt_path=last"
    )
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
def test_who_interrupts_the_writing_finds_the_previous_checkpoint(
    leaving: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"global_step": 1}, path)
    monkeypatch.setattr(torch, "save", broken_off(leaving()))  # type: ignore[arg-type]
    with pytest.raises(leaving):
        AtomicCheckpointIO().save_checkpoint({"global_step": 2}, path)
    assert AtomicCheckpointIO().load_checkpoint(path)["global_step"] == 1
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


def test_while_a_checkpoint_is_written_the_previous_one_is_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a process that is killed at any moment leaves a whole one; the next is beside it, on the same disk."""
    path, original, seen = tmp_path / "last.ckpt", torch.save, []
    AtomicCheckpointIO().save_checkpoint({"global_step": 1}, path)

    def save(content: Any, temporary: Path) -> None:
        original(content, temporary)
        seen.append((Path(temporary).parent, AtomicCheckpointIO().load_checkpoint(path)["global_step"]))

    monkeypatch.setattr(torch, "save", save)
    AtomicCheckpointIO().save_checkpoint({"global_step": 2}, path)
    assert seen == [(tmp_path, 1)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(CheckpointError, match="Permission denied"):
        AtomicCheckpointIO().save_checkpoint({}, tmp_path / "last.ckpt")


def test_a_training_whose_disk_fills_up_ends_with_a_sentence_and_goes_on_later(
    small: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [*small, "run_dir=run", "checkpoint_every=1"]
    original, written = checkpoints.atomic_write, []

    @contextmanager
    def third_is_torn(path: Path) -> Iterator[Path]:
        with original(path) as temporary:
            yield temporary
            written.append(path)
            if len(written) == 3:
                temporary.write_bytes(temporary.read_bytes()[:1000])
                raise FULL

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "atomic_write", third_is_torn)
        assert run_command(train, *options) == 2
    said = capfd.readouterr().err.strip()
    assert re.match(r"error: \S*run/checkpoints/last.ckpt: cannot be written \(No space left on device\);", said)
    assert len(said.splitlines()) == 1
    assert checkpoint("run")["global_step"] == 2
    assert not list(Path("run").rglob("*.part"))
    assert run_command(train, *options, "ckpt_path=last") == 0
    assert checkpoint("run")["global_step"] == 4


@pytest.fixture
def _signals() -> Iterator[None]:
    """What signals do is put back afterwards."""
    numbers = (signal.SIGTERM, signal.SIGUSR1)
    earlier = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, earlier, strict=True):
        signal.signal(number, handler)


def saving(*, other: bool | None = None, parts: int = 1) -> MagicMock:
    """A Trainer for `CheckpointOnSignal`; `other`: whether a second rank has got a signal, if there is one."""

    def decide(own: bool, *, all: bool) -> bool:
        votes = [own] if other is None else [own, other]
        return min(votes) if all else max(votes)

    trainer = MagicMock(accumulate_grad_batches=parts, loggers=[])
    trainer.strategy.reduce_boolean_decision.side_effect = decide
    return trainer


def begin(stop: CheckpointOnSignal, trainer: MagicMock) -> None:
    stop.on_fit_start(trainer, MagicMock())
    stop.on_train_start(trainer, MagicMock())


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize(
    "next_thing",
    [
        lambda stop, trainer: stop.on_train_batch_start(trainer),
        lambda stop, trainer: stop.on_validation_start(trainer, MagicMock()),
    ],
    ids=["step", "validation"],
)
def test_a_signal_is_obeyed_at_the_end_of_a_whole_step(number: int, next_thing: Callable[..., None]) -> None:
    stop, trainer = CheckpointOnSignal(checkpoint=Path("last.ckpt")), saving(parts=2)
    begin(stop, trainer)
    stop.on_train_batch_end(trainer, None, None, None, 1)
    os.kill(os.getpid(), number)
    stop.on_train_batch_end(trainer, None, None, None, 2)
    assert not trainer.save_checkpoint.called
    stop.on_train_batch_end(trainer, None, None, None, 3)  # the step is logged after this
    with pytest.raises(SystemExit) as leaving:
        next_thing(stop, trainer)
    assert leaving.value.code == 128 + number
    trainer.save_checkpoint.assert_called_once_with(Path("last.ckpt"))


def test_a_rank_leaves_with_the_one_that_got_the_signal() -> None:
    trainer, stop = saving(other=True), CheckpointOnSignal(checkpoint=Path("last.ckpt"))
    stop.on_train_batch_end(trainer, None, None, None, 0)
    with pytest.raises(SystemExit) as leaving:
        stop.on_validation_start(trainer, MagicMock())
    assert leaving.value.code == 128 + signal.SIGTERM
    trainer.save_checkpoint.assert_called_once_with(Path("last.ckpt"))


@pytest.mark.usefixtures("_signals")
def test_a_signal_while_measuring_ends_it_at_once() -> None:
    stop, trainer = CheckpointOnSignal(checkpoint=Path("last.ckpt")), saving()
    begin(stop, trainer)
    stop.on_validation_batch_end(trainer)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit):
        stop.on_validation_batch_end(trainer)
    assert not trainer.save_checkpoint.called


@pytest.mark.usefixtures("_signals")
def test_after_a_training_signals_do_what_they_did_before(small: list[str]) -> None:
    """Else a command that measures, or a sweep between two jobs, could not be stopped any more."""
    signal.signal(signal.SIGTERM, handler := lambda *_: None)
    signal.signal(signal.SIGUSR1, handler)
    assert run_command(train, *small, "run_dir=run", "trainer.max_steps=1") == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)] == [handler] * 2


@pytest.mark.usefixtures("_signals")
def test_while_it_trains_a_signal_is_noted_and_nothing_else(small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning's own handler would exchange a word with the other ranks, in the middle of what they exchange."""
    original, handlers = SuperResolution.training_step, []

    def step(self: SuperResolution, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        handlers.extend(signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1))
        return original(self, batch, batch_idx)

    monkeypatch.setattr(SuperResolution, "training_step", step)
    assert run_command(train, *small, "run_dir=run", "trainer.max_steps=1") == 0
    assert [type(getattr(handler, "__self__", handler)) for handler in handlers] == [
        CheckpointOnSignal,
        CheckpointOnSignal,
    ]


def stopped_in_this_process(number: int, *options: str) -> int:
    """A training that sends itself a signal in its third step; its exit status."""
    original = SuperResolution.training_step

    def step(self: SuperResolution, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        if self.global_step == MET_AT - 1:
            os.kill(os.getpid(), number)
        return original(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SuperResolution, "training_step", step)
        Path("pass").touch()  # the optimizer has nothing to wait for
        return run_command(train, *options)


def stopped_outside(number: int, *options: str) -> int:
    """A command that is sent a signal by its user."""
    with Started(*options) as started:
        started.meet()
        started.send(number)
        status = started.status()
    print(started.said())  # shown if a test fails
    return status


@pytest.mark.slow
@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize(
    ("number", "stopped"), [(signal.SIGTERM, stopped_in_this_process), (signal.SIGUSR1, stopped_outside)]
)
def test_a_training_told_to_stop_goes_on_to_the_same_weights(
    number: int, stopped: Callable[..., int], waiting: list[str]
) -> None:
    assert stopped(number, *waiting, "run_dir=run") == 128 + number
    assert checkpoint("run")["global_step"] == MET_AT
    assert updates("run") == {MET_AT}
    assert not Path("run/results.json").exists()
    assert not Path("run/failure.txt").exists()
    for folder in ("run", "whole"):
        assert run_command(train, *waiting, f"run_dir={folder}", "if_exists=continue") == 0
    check_same_weights("run", "whole")
    assert updates("run") == {7}
    assert Path("run/log.csv").read_text() == Path("whole/log.csv").read_text()
