"""Checkpoints that are whole or not there, and a way out when the system wants its machine back."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO

from aldsr.paths import whole

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)  # of schedulers that are about to take the machine away


class CheckpointError(OSError):
    """A checkpoint that cannot be written, with a sentence for the user."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside the last one, then puts it in its place.

    Lightning's own goes by way of the system's folder for temporary files, which is often on another disk: then
    a process that is killed meanwhile leaves half a file.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path) as passing:
                torch.save(checkpoint, passing)
        except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise CheckpointError(
                f"{path}: cannot be written ({reason}); the previous checkpoint is whole. Free some space or make the "
                "folder writable, then go on with ckpt_path=last"
            ) from error


class StopOnSignal(Callback):
    """On SIGTERM or SIGUSR1: finish the step, write a checkpoint, leave with status 128 + signal.

    While it validates it leaves at once, with the checkpoint that is there.

    Args:
        checkpoint: the file to write.
    """

    def __init__(self, *, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.received = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # In place of Lightning's, which broadcasts inside the handler, in the middle of whatever the ranks exchange.
        for number in SIGNALS:
            signal.signal(number, self._note)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        # The signal reaches ranks at different steps; all have to leave after the same one.
        if trainer.strategy.reduce_boolean_decision(bool(self.received), all=False):
            trainer.save_checkpoint(self.checkpoint)
            raise SystemExit(128 + (self.received or signal.SIGTERM))

    def on_validation_batch_end(self, trainer: Trainer, *args: Any, **options: Any) -> None:
        if self.received:
            raise SystemExit(128 + self.received)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
