"""On a device that runs ahead nothing is read from it within a step, and a loss that is not finite is still found."""

from typing import Any

import pytest
import torch
from lightning import Callback
from rich.console import Console
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.overrides import TorchFunctionMode

from aldsr.train import train
from aldsr.training import module, progress
from aldsr.training.checkpoints import update_without_waiting
from tests.command import run_command
from tests.stopping import checkpoint, log_rows

READING = {"item", "tolist", "__bool__", "__float__", "__int__", "__index__", "__format__", "cpu", "numpy", "nonzero"}


class Watch(TorchFunctionMode, Callback):
    """Notes at which steps Python reads a number of float; `spoils`: from this step on, weights are NaN."""

    found: set[int] = set()

    def __init__(self, *, spoils: int = -1) -> None:
        super().__init__()
        self.spoils = spoils
        self.step = 0
        Watch.found = set()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__name__", "") in READING and args[0].is_floating_point():
            Watch.found.add(self.step)
        return function(*args, **(kwargs or {}))

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self.__enter__()

    def on_train_batch_start(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        self.step = trainer.global_step + 1
        if trainer.global_step == self.spoils:
            next(pl_module.parameters()).data.fill_(torch.nan)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self.__exit__(None, None, None)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self.__exit__(None, None, None)


@pytest.fixture
def ahead(small: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Overrides for a training that takes its device for one that runs ahead, on a terminal."""
    for place in (module, progress):
        monkeypatch.setattr(place, "runs_ahead", lambda device: True)
    monkeypatch.setattr(Console, "is_terminal", True)
    sgd = ["optimizer._target_=torch.optim.SGD", "~optimizer.betas"]  # Adam reads its own count, which is on the CPU
    often = ["trainer.max_steps=40", "data.steps_per_epoch=40", "trainer.log_every_n_steps=20", "checkpoint_every=30"]
    return [*small, *sgd, *often, "run_dir=run", "trainer.gradient_clip_val=0.5"]


WATCH = "+trainer.callbacks=[{_target_: tests.training.test_waiting.Watch, spoils: %d}]"


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 2])
def test_only_steps_that_are_logged_or_saved_read_a_number(parts: int, ahead: list[str]) -> None:
    assert run_command(train, *ahead, WATCH % -1, f"trainer.accumulate_grad_batches={parts}") == 0
    assert Watch.found == {20, 30, 40}
    assert [row["step"] for row in log_rows("run") if row["loss"]] == ["19", "39"]  # counted from 0


@pytest.mark.slow
@pytest.mark.parametrize(("spoils", "saved"), [(12, 0), (25, 0), (35, 30)], ids=["log", "checkpoint", "end"])
def test_a_loss_that_is_not_finite_is_named_with_its_step_before_anything_is_saved(
    spoils: int, saved: int, ahead: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *ahead, WATCH % spoils) == 2
    assert f"loss is nan at step {spoils}" in capfd.readouterr().err
    if saved:
        assert checkpoint("run")["global_step"] == saved


def test_the_average_is_torchs_own() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    ours, theirs = (AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=True) for _ in range(2))
    for steps in (2, 3):  # as in a run that is continued
        update = update_without_waiting(ours, 0.5)
        for _ in range(steps):
            network(torch.rand(2, 1, 5, 5)).sum().backward()
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter -= 0.1 * parameter.grad
            update(network)
            theirs.update_parameters(network)
    ours.module[1].num_batches_tracked.copy_(theirs.module[1].num_batches_tracked)  # a number of steps is no average
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
