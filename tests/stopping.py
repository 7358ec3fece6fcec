"""Trainings in two ranks, or stopped at a known step without looking at a clock, and what a run leaves."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from aldsr.training import SuperResolution
from tests.command import PATIENCE

STOP_STEPS = 3, 6  # the steps at which the optimizer below waits for a signal
VALIDATED_STEP = 4  # the step whose validation the callback below stops
SOURCE = f'''
"""Adam that waits at the steps {STOP_STEPS} until a signal comes, unless there is a file called "pass"."""

import os
import signal
import time
from pathlib import Path

import torch
from lightning import Callback

from aldsr.core.signals import stop_request


class StopInValidation(Callback):
    """Sends SIGINT to the group of processes, as Ctrl-C does, unless there is a file called "interrupted"."""

    def on_validation_batch_start(self, trainer, *given):
        due = trainer.is_global_zero and trainer.global_step == {VALIDATED_STEP}
        if due and not Path("interrupted").exists():
            Path("interrupted").touch()
            os.killpg(0, signal.SIGINT)


class Adam(torch.optim.Adam):
    def step(self, closure=None):
        loss = super().step(closure)
        if all(state["step"] in {STOP_STEPS} for state in self.state.values()) and not Path("pass").exists():
            Path(f"waits{{os.environ.get('RANK', 0)}}").touch()
            while not stop_request.received:
                time.sleep(0.01)
        return loss
'''


class TrainingProcess(subprocess.Popen[bytes]):
    """A training command in a process of its own; its output goes to a file."""

    output = Path("output.txt")

    def __init__(self, *arguments: str) -> None:
        with self.output.open("wb") as file:
            command = [sys.executable, "-m", "aldsr.train", *arguments]
            super().__init__(command, stdout=file, stderr=file, start_new_session=True)

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, 9)
        self.wait()

    def wait_for_stop_step(self, ranks: int = 1) -> None:
        """Wait until the optimizers of all ranks wait."""
        wait_for(lambda: self.poll() is not None or all(Path(f"waits{rank}").exists() for rank in range(ranks)))
        assert self.poll() is None, self.output.read_text()
        Path("pass").touch()  # for later attempts
        for rank in range(ranks):
            Path(f"waits{rank}").unlink()

    def stop(self, number: int, *, group: bool) -> int:
        """Send the command a signal, and if `group` all processes that it has started; its exit status."""
        (os.killpg if group else os.kill)(self.pid, number)
        return self.wait(PATIENCE)


def in_ranks(options: list[str]) -> list[str]:
    """The options of a training on the CPU, for one in two ranks."""
    ranks = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    return [*(each for each in options if each != "trainer=cpu"), *ranks]


@contextmanager
def killed_at(step: int) -> Iterator[None]:
    """A training in this process dies, in the middle of this step."""
    original = SuperResolution.training_step

    def training_step(self: SuperResolution, *batch: Any) -> torch.Tensor:
        if self.global_step == step:
            raise ZeroDivisionError("killed")
        return original(self, *batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SuperResolution, "training_step", training_step)
        with pytest.raises(ZeroDivisionError, match="killed"):
            yield


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.02)


def checkpoint(run: str | Path) -> dict[str, Any]:
    """A run's last checkpoint."""
    content: dict[str, Any] = torch.load(Path(run) / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def log_rows(run: str | Path) -> list[dict[str, str]]:
    """The rows of a run's log.csv."""
    with Path(run, "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def losses(run: str | Path) -> list[float]:
    """The losses of a run's log.csv."""
    return [float(row["loss"]) for row in log_rows(run) if row["loss"]]


def results(run: str | Path) -> Any:
    """A run's results.json."""
    return json.loads(Path(run, "results.json").read_text())


def updates(run: str | Path) -> set[int]:
    """How often each weight of a run's checkpoint was updated."""
    (state,) = checkpoint(run)["optimizer_states"]
    return {int(each["step"]) for each in state["state"].values()}


def check_same_weights(run: str | Path, other: str | Path) -> None:
    """The last checkpoints of two runs have the same weights, bit for bit."""
    torch.testing.assert_close(checkpoint(run)["state_dict"], checkpoint(other)["state_dict"], rtol=0, atol=0)
