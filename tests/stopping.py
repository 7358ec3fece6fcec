"""Trainings in processes of their own that can be met at a known step, without looking at a clock."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.command import PATIENCE

MET_AT = 3  # the step at which the optimizer below waits for a signal
WAITING = ["optimizer._target_=waiting.Adam"]
SOURCE = f'''
"""Adam that waits at step {MET_AT} until a signal comes, unless there is a file called "pass"."""

import os
import signal
import time
from pathlib import Path

import torch


class Adam(torch.optim.Adam):
    def step(self, closure=None):
        loss = super().step(closure)
        if all(state["step"] == {MET_AT} for state in self.state.values()) and not Path("pass").exists():
            caught = []
            for number in (signal.SIGTERM, signal.SIGUSR1):
                earlier = signal.getsignal(number)
                signal.signal(number, lambda *given, earlier=earlier: (caught.append(given), earlier(*given)))
            Path(f"waits{{os.environ.get('RANK', 0)}}").touch()
            while not caught:
                time.sleep(0.01)
        return loss
'''


@pytest.fixture
def waiting(small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The small training, with an optimizer that waits for a signal in a process started by `Started`."""
    (tmp_path / "waiting.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return [*small, *WAITING, "trainer.max_steps=7", "checkpoint_every=100"]


class Started:
    """A training command in a process of its own; what it says goes to a file."""

    def __init__(self, *arguments: str) -> None:
        self.output = Path("output.txt")
        with self.output.open("wb") as file:
            command = [sys.executable, "-m", "aldsr.train", *arguments]
            self.process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)

    def __enter__(self) -> "Started":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()

    def meet(self, ranks: int = 1) -> None:
        """Wait until all ranks wait."""
        wait_for(lambda: all(Path(f"waits{rank}").exists() for rank in range(ranks)), self)
        Path("pass").touch()  # for those that go on

    def send(self, number: int) -> None:
        """Send the command, and nobody else, a signal."""
        self.process.send_signal(number)

    def status(self) -> int:
        """Its exit status."""
        return self.process.wait(PATIENCE)

    def said(self) -> str:
        """All it has said."""
        return self.output.read_text()


def wait_for(condition: Any, started: Started | None = None) -> None:
    """Wait until something holds, as long as a process that has to bring it about runs."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "it took too long"
        assert started is None or started.process.poll() is None, started.said()
        time.sleep(0.02)


def checkpoint(run: str | Path) -> dict[str, Any]:
    """A run's last checkpoint."""
    content: dict[str, Any] = torch.load(Path(run) / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def updates(run: str | Path) -> set[int]:
    """How often each weight of a run's checkpoint was updated."""
    (state,) = checkpoint(run)["optimizer_states"]
    return {int(each["step"]) for each in state["state"].values()}


def check_same_weights(run: str | Path, other: str | Path) -> None:
    """Two runs' last checkpoints agree to the last bit."""
    ours, theirs = checkpoint(run)["state_dict"], checkpoint(other)["state_dict"]
    assert ours.keys() == theirs.keys()
    for name, weights in ours.items():
        assert torch.equal(weights, theirs[name]), name
