"""What a person sees while a network trains: a bar with an ETA, one line per validation, a warning in time."""

import json
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as EtaColumn

from aldsr.core.files import atomic_write


class TrainingProgress(Callback):
    """One bar for the whole run and one for each validation, a line that stays for every validation.

    Where output is no terminal (a log file) there are lines only.
    """

    def __init__(self) -> None:
        self.console = Console()
        self.bars: Progress | None = None
        self.training: TaskID | None = None
        self.validating: TaskID | None = None
        self.started = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.started = time.monotonic()
        total = int(trainer.estimated_stepping_batches)
        if bars := self._open(trainer):
            self.training = bars.add_task("training", total=total, completed=trainer.global_step, info="")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.bars and self.training is not None and trainer.global_step % 10 == 0:
            metrics = trainer.callback_metrics
            psnr = f"  PSNR-Y {metrics['psnr_y']:.2f} dB" if "psnr_y" in metrics else ""
            info = f"loss {metrics['loss']:.4f}{psnr}"
            self.bars.update(self.training, completed=trainer.global_step, info=info)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if bars := self._open(trainer):
            self.validating = bars.add_task("measuring", total=_images(trainer), info="")

    def on_validation_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        if self.bars and self.validating is not None:
            self.bars.advance(self.validating)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.bars and self.validating is not None:
            self.bars.remove_task(self.validating)
            self.validating = None
        if trainer.state.fn != "fit":
            self._close()
        elif trainer.is_global_zero:
            self.console.print(self._line(trainer), highlight=False, soft_wrap=True)

    def _line(self, trainer: Trainer) -> str:
        """Where the run stands, for a validation."""
        total, metrics = int(trainer.estimated_stepping_batches), trainer.callback_metrics
        quality = "  ".join(
            f"{name.removesuffix('/psnr_y')} {value:.2f} dB"
            for name, value in metrics.items()
            if name.endswith("/psnr_y")
        )
        elapsed = timedelta(seconds=round(time.monotonic() - self.started))
        loss = f"{metrics['loss']:.4f}" if "loss" in metrics else "-"
        return f"step {trainer.global_step:>6,}/{total:,}  {elapsed}  loss {loss}  PSNR-Y: {quality}"

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._close()
        if isinstance(exception, KeyboardInterrupt) and trainer.is_global_zero:
            self.console.print(
                f"Interrupted at step {trainer.global_step:,}. The same command with ckpt_path=last goes on from the "
                "last checkpoint.",
                soft_wrap=True,
            )

    def _open(self, trainer: Trainer) -> Progress | None:
        if self.bars is None and trainer.is_global_zero and self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            info = TextColumn("{task.fields[info]}")
            self.bars = Progress(
                *columns, TimeElapsedColumn(), EtaColumn(), info, console=self.console, refresh_per_second=2
            )
            self.bars.start()
        return self.bars

    def _close(self) -> None:
        if self.bars:
            self.bars.stop()
        self.bars = self.training = self.validating = None


class LongRunNotice(Callback):
    """Says after a few steps how long the run will take, where that is hours, and how to make it smaller.

    Args:
        advice: options that make the run shorter.
        steps: steps that are timed, after two that warm up.
        hours: runs shorter than this pass without a word.
    """

    def __init__(self, *, advice: str = "fewer steps", steps: int = 3, hours: float = 1.0) -> None:
        self.advice = advice
        self.steps = steps
        self.hours = hours
        self.first: tuple[int, float] | None = None
        self.said = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.said or not trainer.is_global_zero:
            return
        now = trainer.global_step, time.monotonic()
        if self.first is None:
            if trainer.fit_loop.epoch_loop.batch_progress.total.completed >= 2 * trainer.accumulate_grad_batches:
                self.first = now
        elif now[0] - self.first[0] >= self.steps:
            self.said = True
            pace = (now[1] - self.first[1]) / (now[0] - self.first[0])
            remaining = (trainer.estimated_stepping_batches - trainer.global_step) * pace
            if remaining > self.hours * 3600:
                _say_long(trainer, pace, remaining, self.advice)


class ProgressFile(Callback):
    """Writes how far a run is to a file, at most every few seconds, for those who watch many.

    The file says `step`, `total`, `psnr` (best of the first set, dB) and `seconds` (the whole run's, by its pace).

    Args:
        path: the file.
        every: seconds.
    """

    def __init__(self, path: Path, *, every: float = 5.0) -> None:
        self.path = path
        self.every = every
        self.written = 0.0
        self.began: tuple[int, float] | None = None
        self.ended: float | None = None
        self.before = 0.0  # seconds that earlier processes of this run trained
        self.best: float | None = None

    def spent(self) -> float:
        """Seconds that the run has trained, validations included, in all its processes up to their last checkpoint."""
        return self.before + ((self.ended or time.monotonic()) - self.began[1] if self.began else 0.0)

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.spent()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.before = state_dict["seconds"]

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.ended = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.began = trainer.global_step, time.monotonic()
        with suppress(OSError, ValueError, TypeError, KeyError):
            self.best = json.loads(self.path.read_text())["psnr"]
        self._write(trainer)

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        if time.monotonic() - self.written > self.every:
            self._write(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        found = [float(value) for name, value in trainer.callback_metrics.items() if name.endswith("/psnr_y")]
        if found and not trainer.sanity_checking:
            self.best = max(found[0], self.best or found[0])
            self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero or self.began is None:
            return
        self.written = time.monotonic()
        step, total = trainer.global_step, int(trainer.estimated_stepping_batches)
        made, took = step - self.began[0], self.written - self.began[1]
        seconds = round(total * took / made, 1) if made else None
        known = {"step": step, "total": total, "psnr": self.best, "seconds": seconds}
        with atomic_write(self.path) as temporary:
            temporary.write_text(json.dumps(known) + "\n")


def _say_long(trainer: Trainer, pace: float, remaining: float, advice: str) -> None:
    steps = int(trainer.estimated_stepping_batches) - trainer.global_step
    took = f"{remaining / 86400:.1f} days" if remaining > 2 * 86400 else f"{remaining / 3600:.1f} hours"
    faster = "" if trainer.strategy.root_device.type == "cuda" else ", or trainer=gpu"
    Console().print(
        f"[bold]{pace:.2f} s a step: the remaining {steps:,} steps take about {took} on this machine.[/bold] "
        f"To make it shorter: {advice}{faster}. Ctrl-C stops; ckpt_path=last goes on.",
        highlight=False,
        soft_wrap=True,
    )


def _images(trainer: Trainer) -> int:
    return int(sum(trainer.num_val_batches))
