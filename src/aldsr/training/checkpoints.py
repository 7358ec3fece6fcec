"""Checkpoints that are whole or not there, and a way out when the system wants its machine back."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO

from aldsr.core.errors import UserError
from aldsr.core.files import atomic_write

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)  # of schedulers that are about to take the machine away


class CheckpointError(UserError):
    """A checkpoint that cannot be written."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside the last one, then puts it in its place.

    Lightning's own goes by way of the system's folder for temporary files, which is often on another disk: then
    a process that is killed meanwhile leaves half a file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits = False  # whether a checkpoint gets its place only when `put` says so
        self.waiting = ExitStack()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        self.put()
        path = Path(path)
        with ExitStack() as stack:
            stack.enter_context(_told(path))
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(checkpoint, stack.enter_context(atomic_write(path)))
            if self.waits:
                self.waiting = stack.pop_all()

    def put(self) -> None:
        """Put the checkpoint that waits, if there is one, in its place."""
        self.waiting.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
        reason = getattr(error, "strerror", None) or (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"{path}: cannot be written ({reason}); the previous checkpoint is whole. Free some space or make the "
            "folder writable, then go on with ckpt_path=last"
        ) from error


class CheckpointAfterLog(Callback):
    """Has a step's checkpoint put in its place after its log.

    Lightning saves a checkpoint before it logs the step, and before the validation that follows an epoch's last step.
    A process that is killed in between would go on from that checkpoint and never log either.

    Args:
        checkpoints: the trainer's.
    """

    def __init__(self, checkpoints: AtomicCheckpointIO) -> None:
        self.checkpoints = checkpoints

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.checkpoints.waits = True

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **options: Any) -> None:
        self.checkpoints.put()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.checkpoints.waits = False
        self.checkpoints.put()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.on_train_end(trainer, pl_module)


class CheckpointOnSignal(Callback):
    """On SIGTERM or SIGUSR1: finish the step, write a checkpoint, leave with status 128 + signal.

    While it validates it leaves at once, with the checkpoint that is there.

    Args:
        checkpoint: the file to write.
    """

    def __init__(self, *, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.received = 0
        self.saved = False
        self.before: dict[int, Any] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.before = {number: signal.getsignal(number) for number in SIGNALS}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # In place of Lightning's, set since on_fit_start, which broadcasts inside the handler, in the middle of
        # whatever the ranks exchange, and ends with status 0.
        for number in SIGNALS:
            signal.signal(number, self._note)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._put_back()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._put_back()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        # The signal reaches ranks at different steps; all have to leave after the same one.
        if trainer.strategy.reduce_boolean_decision(bool(self.received), all=False):
            trainer.save_checkpoint(self.checkpoint)
            self.saved = True  # and leave when this step has been logged

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **options: Any) -> None:
        self._leave_if(self.saved)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._leave_if(self.saved)

    def on_validation_batch_end(self, trainer: Trainer, *args: Any, **options: Any) -> None:
        self._leave_if(bool(self.received))

    def _leave_if(self, wanted: bool) -> None:
        if wanted:
            raise SystemExit(128 + (self.received or signal.SIGTERM))

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number

    def _put_back(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}
