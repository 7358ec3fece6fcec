"""One training in several processes, or in one of its own, that is stopped."""

import signal
from pathlib import Path

import pytest
import torch

from aldsr.train import train
from tests.command import PATIENCE, run_command
from tests.stopping import (
    STOP_STEPS,
    VALIDATED_STEP,
    TrainingProcess,
    check_same_weights,
    checkpoint,
    in_ranks,
    losses,
    results,
    updates,
)

pytestmark = pytest.mark.slow


def stop_at_a_step(options: list[str], number: int, *, ranks: int, group: bool) -> None:
    """A scheduler or a terminal sends the signal to the `group` of processes, thus to ranks and workers as well."""
    with TrainingProcess(*options, "run_dir=run", "if_exists=continue") as process:
        process.wait_for_stop_step(ranks)
        assert process.stop(number, group=group) == 128 + number, process.output.read_text()
        assert "Traceback" not in process.output.read_text()
    assert checkpoint("run")["global_step"] == STOP_STEPS[0]
    assert updates("run") == {STOP_STEPS[0]}
    assert not {"results.json", "failure.txt"} & {path.name for path in Path("run").iterdir()}


def finish(options: list[str]) -> None:
    """Continued, the run becomes what it would have been."""
    for folder in ("run", "whole"):
        assert run_command(train, *options, f"run_dir={folder}", "if_exists=continue") == 0
    check_same_weights("run", "whole")
    assert updates("run") == {7}
    assert Path("run/log.csv").read_text() == Path("whole/log.csv").read_text()


def test_a_stopped_training_continues_to_the_same_weights(waiting: list[str]) -> None:
    options = [*waiting, "data.num_workers=2"]
    stop_at_a_step(options, signal.SIGTERM, ranks=1, group=True)
    finish(options)


def test_two_ranks_learn_what_one_learns_and_go_on_when_they_are_stopped(
    waiting: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """In fp32; without the residual, so that losses and scores are all the network's.

    Stopped in a step, by a signal to the command alone, and in a validation, which costs no step, by Ctrl-C.
    """
    recipe = "loss=l1_fft schedule=multistep schedule.milestones=[3,6] schedule.warmup_steps=2"
    options = [*waiting, *recipe.split(), "data.patch_size={0:8,5:16}", "degradation=blur_jpeg", "model.residual=none"]
    ranks = [*in_ranks(options), "data.num_workers=1", "+trainer.callbacks=[{_target_: waiting.StopInValidation}]"]
    stop_at_a_step(ranks, signal.SIGUSR1, ranks=2, group=False)
    with TrainingProcess(*ranks, "run_dir=run", "if_exists=continue") as process:
        assert process.wait(PATIENCE) == 128 + signal.SIGINT, process.output.read_text()
    assert checkpoint("run")["global_step"] == VALIDATED_STEP
    finish(ranks)
    capsys.readouterr()
    assert run_command(train, *options, "run_dir=one") == 0
    assert "8x8, 16x16 from step 5" in capsys.readouterr().out
    assert len(losses("one")) == 7
    assert losses("run") == pytest.approx(losses("one"), rel=1e-5)
    torch.testing.assert_close(*(checkpoint(run)["state_dict"] for run in ("one", "run")), rtol=0, atol=1e-5)
    found, others = results("one"), results("run")
    assert (found["training"]["ranks"], others["training"]["ranks"]) == (1, 2)
    for name, image in found["sets"]["bench"]["images"].items():
        assert others["sets"]["bench"]["images"][name]["psnr"] == pytest.approx(image["psnr"], abs=1e-3)
    assert others["bicubic"] == found["bicubic"]  # no training involved: the same to the last bit
