"""Progress of a training: a bar with an ETA, one line per validation, and a file."""

import json
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

from lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as EtaColumn

from aldsr.core.device import runs_ahead
from aldsr.core.files import write_json


class TrainingProgress(Callback):
    """Shows a line per validation and, with `bars` and in a terminal, one for the run and one for each validation."""

    def __init__(self, console: Console | None = None, *, bars: bool = True) -> None:
        self.console = console or Console()
        self.shows_bars = bars and self.console.is_terminal
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        info = TextColumn("{task.fields[info]}")
        self.bars = Progress(*columns, EtaColumn(), info, console=self.console, refresh_per_second=2)
        self.training = self.validating = TaskID(-1)
        self.started = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.bars.disable = not (trainer.is_global_zero and self.shows_bars)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.started = time.monotonic()
        self.bars.start()
        total = int(trainer.estimated_stepping_batches)
        self.training = self.bars.add_task("training", total=total, completed=trainer.global_step, info="")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step: int = trainer.global_step
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if self.bars.disable or step % 10 or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        self.bars.update(self.training, completed=step)
        # A loss on a GPU is read at the steps at which it is logged, since reading waits for the GPU.
        if not runs_ahead(trainer.strategy.root_device) or (every and step % every == 0):
            metrics = trainer.callback_metrics
            psnr = f"  PSNR-Y {metrics['psnr_y']:.2f} dB" if "psnr_y" in metrics else ""
            self.bars.update(self.training, info=f"loss {metrics['loss']:.4f}{psnr}")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.bars.start()
        self.validating = self.bars.add_task("validating", total=int(sum(trainer.num_val_batches)), info="")

    def on_validation_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self.bars.advance(self.validating)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.bars.remove_task(self.validating)
        if trainer.state.fn != "fit":
            self._close_bars()
        elif trainer.is_global_zero:
            self.console.print(self._format_line(trainer), highlight=False, soft_wrap=True)

    def _format_line(self, trainer: Trainer) -> str:
        total, metrics = int(trainer.estimated_stepping_batches), trainer.callback_metrics
        quality = "  ".join(f"{name} {psnr:.2f} dB" for name, psnr in _find_psnr(trainer).items())
        elapsed = timedelta(seconds=round(time.monotonic() - self.started))
        loss = f"{metrics['loss']:.4f}" if "loss" in metrics else "-"
        return f"step {trainer.global_step:>6,}/{total:,}  {elapsed}  loss {loss}  PSNR-Y: {quality}"

    def _close_bars(self, *_: Any, **_options: Any) -> None:
        self.bars.stop()
        for task in self.bars.task_ids:
            self.bars.remove_task(task)

    on_train_end = on_exception = _close_bars


class ProgressFile(Callback):
    """Writes the progress of a run to a JSON file after `every` so many seconds, for whoever watches many runs.

    It has `step`, `total`, `psnr` (of the last validation, mean over sets, dB) and `seconds` (estimated for all steps).
    """

    def __init__(self, path: Path, *, every: float = 5.0) -> None:
        self.path = path
        self.every = every
        self.written = 0.0
        self.start: tuple[int, float] | None = None  # step and time
        self.end: float | None = None
        self.earlier_seconds = 0.0  # of the processes that this run was resumed from
        self.psnr: float | None = None

    def training_seconds(self) -> float:
        """Return the seconds of training and validation of all processes of the run, each up to its checkpoint."""
        return self.earlier_seconds + ((self.end or time.monotonic()) - self.start[1] if self.start else 0.0)

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.training_seconds()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.earlier_seconds = state_dict["seconds"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.start = trainer.global_step, time.monotonic()
        with suppress(OSError, ValueError, TypeError, KeyError):
            self.psnr = json.loads(self.path.read_text())["psnr"]
        self._write(trainer)

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        if time.monotonic() - self.written > self.every:
            self._write(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if psnr := _find_psnr(trainer):
            self.psnr = fmean(psnr.values())
            self._write(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.end = time.monotonic()
        self._write(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.start is None:  # it was killed after its last step, so that nothing was left to train
            self.on_train_start(trainer, pl_module)

    def _write(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero or self.start is None:
            return
        self.written = time.monotonic()
        step, total = trainer.global_step, int(trainer.estimated_stepping_batches)
        steps, elapsed = step - self.start[0], self.written - self.start[1]
        seconds = round(total * elapsed / steps, 1) if steps else None
        write_json(self.path, {"step": step, "total": total, "psnr": self.psnr, "seconds": seconds})


def _find_psnr(trainer: Trainer) -> dict[str, float]:
    """Return the PSNR of the last validation by set, in dB."""
    metrics = trainer.callback_metrics
    return {name.removesuffix("/psnr_y"): float(value) for name, value in metrics.items() if name.endswith("/psnr_y")}
