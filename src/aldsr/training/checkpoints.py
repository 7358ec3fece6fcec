"""Checkpoints that are always complete, and one more when a signal asks the run to stop."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from aldsr.core.errors import UserError
from aldsr.core.files import atomic_write
from aldsr.core.signals import Stopped, handle_stop_signals, stop_request

GPU_STEPS = 10  # after which several GPUs ask each other whether one has received a signal, for which all have to wait


class CheckpointError(UserError):
    """A checkpoint that cannot be written."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint to a temporary file beside the last one, then renames it.

    Lightning writes to the system's folder for temporary files, often on another disk, and copies: a process that is
    killed meanwhile leaves half a file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.defers = False  # whether a written checkpoint keeps its temporary name until `rename_pending`
        self._pending = ExitStack()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        with suppress(GeneratorExit), self._pending:
            raise GeneratorExit  # drops the deferred one, if there is one
        path = Path(path)
        with ExitStack() as stack:
            stack.enter_context(_explain_failure(path))
            torch.save(checkpoint, stack.enter_context(atomic_write(path)))
            if self.defers:
                self._pending = stack.pop_all()

    def rename_pending(self) -> None:
        """Give the deferred checkpoint, if there is one, its name."""
        self._pending.close()


@contextmanager
def _explain_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
        reason = getattr(error, "strerror", None) or (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"{path}: cannot be written ({reason}); the previous checkpoint is intact. Free some space or make the "
            "folder writable, then continue with ckpt_path=last"
        ) from error


class CheckpointAfterLog(Callback):
    """Renames a step's checkpoint only after the step has been logged.

    Lightning saves a checkpoint before it logs the step, and before the validation that follows an epoch's last step.
    A process that is killed in between would continue from that checkpoint and never log either.

    Writes more of them to the path `last`: one before each validation, which a run that continues from there begins
    with, and one at the end, before a moving average replaces the weights.
    """

    def __init__(self, checkpoint_io: AtomicCheckpointIO, *, last: Path) -> None:
        self.checkpoint_io = checkpoint_io
        self.last = last

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.checkpoint_io.defers = True

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **options: Any) -> None:
        self.checkpoint_io.rename_pending()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == "fit":
            for logger in trainer.loggers:
                logger.save()
            trainer.save_checkpoint(self.last)
            self.checkpoint_io.rename_pending()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.validating:  # as Lightning knows that a validation was interrupted, here at its first image
            progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
            for counts in (progress["total"], progress["current"]):
                counts |= {"ready": 1, "started": 1, "processed": 0, "completed": 0}

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.on_exception()
        trainer.save_checkpoint(self.last)

    def on_exception(self, *_: Any, **_options: Any) -> None:
        self.checkpoint_io.defers = False
        self.checkpoint_io.rename_pending()


class MovingAverage(EMAWeightAveraging):
    """An exponential moving average of the weights, which validations and the finished network use.

    A checkpoint holds the average as its `state_dict` and the weights in training beside it. `device` is where the
    average is; "cuda" beside a network on a GPU, which then has neither to wait nor to copy.
    """

    def __init__(self, *, decay: float, device: str | None = None) -> None:
        super().__init__(device=device, decay=decay)
        self.decay = decay
        self.on_gpu = device == "cuda"

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if self.on_gpu and (average := self._average_model) is not None:
            average.update_parameters = update_without_waiting(average, self.decay)  # type: ignore[assignment]

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Use the average also where a run was continued after its last step, so that there was no training to end."""
        self.on_train_end(trainer, pl_module)


def update_without_waiting(average: AveragedModel, decay: float) -> Callable[[nn.Module], None]:
    """Return a function that does what `average.update_parameters` does, but reads nothing and starts few kernels."""
    update_average = get_ema_multi_avg_fn(decay)
    pairs: list[tuple[Tensor, Tensor]] = []  # of the average and the weights in training, which stay where they are
    begun = False

    @torch.no_grad()
    def update(module: nn.Module) -> None:
        nonlocal begun
        if not pairs:
            both = (chain(each.parameters(), each.buffers()) for each in (average.module, module))
            pairs.extend((ours.detach(), theirs.detach()) for ours, theirs in zip(*both, strict=True))
            begun = bool(average.n_averaged > 0)  # in a run that is continued
        averaged = [pair for pair in pairs if begun and pair[0].is_floating_point()]  # others are numbers of steps, say
        if averaged:
            update_average(*zip(*averaged, strict=True), None)
        else:
            for ours, theirs in pairs:
                ours.copy_(theirs)
        average.n_averaged += 1
        begun = True

    return update


class CheckpointOnSignal(Callback):
    """On a stop signal: finish the step, on several GPUs up to ten, write a checkpoint, exit with status 128 + signal.

    During a validation it exits at once: the step's checkpoint is there already (see `CheckpointAfterLog`).
    """

    def __init__(self, *, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.saved = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # In place of Lightning's, which communicate with the other ranks inside the handler, in the middle of another
        # collective operation, and end with status 0. Lightning restores the user's handlers after training.
        handle_stop_signals()
        stop_request.waits = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        if trainer.strategy.root_device.type == "cuda" and trainer.world_size > 1 and trainer.global_step % GPU_STEPS:
            return
        # The signal reaches the ranks at different steps; all of them have to exit after the same one.
        if trainer.strategy.reduce_boolean_decision(bool(stop_request.received), all=False):
            trainer.save_checkpoint(self.checkpoint)
            self.saved = True  # exit as soon as this step has been logged

    def on_train_batch_start(self, *_: Any, **_options: Any) -> None:
        self._exit_if(self.saved)

    on_validation_start = on_train_batch_start

    def on_validation_batch_end(self, trainer: Trainer, *args: Any, **options: Any) -> None:
        self._exit_if(bool(stop_request.received))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._exit_if(bool(stop_request.received))
        stop_request.waits = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        stop_request.waits = bool(stop_request.received)

    def _exit_if(self, condition: bool) -> None:
        if condition:
            stop_request.received = stop_request.received or signal.SIGTERM
            raise Stopped(128 + stop_request.received)
