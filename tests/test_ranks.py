"""One training in several processes, or in one of its own, that is stopped."""

import json
import signal
from pathlib import Path

import pytest
import torch

from aldsr.train import train
from tests.command import PATIENCE, run_command
from tests.stopping import (
    STOP_STEP,
    VALIDATED_STEP,
    TrainingProcess,
    check_same_weights,
    checkpoint,
    log_rows,
    updates,
    waiting,
)

__all__ = ["waiting"]

RANKS = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
pytestmark = pytest.mark.slow


def test_two_ranks_and_one_rank_have_the_same_weights_and_scores(small: list[str]) -> None:
    """The same batches in all, in fp32; without the residual, so that losses and scores are all the network's."""
    steps = ["trainer.max_steps=20", "data.steps_per_epoch=10", "model.residual=none"]
    options = [each for each in small if each != "trainer=cpu"] + steps
    assert run_command(train, *options, "trainer=cpu", "run_dir=one") == 0
    assert run_command(train, *options, *RANKS, "run_dir=two") == 0
    one, two = ([float(row["loss"]) for row in log_rows(run) if row["loss"]] for run in ("one", "two"))
    assert len(one) == 20
    assert one[-1] < 0.7 * one[0]
    assert two == pytest.approx(one, rel=1e-5)
    torch.testing.assert_close(*(checkpoint(run)["state_dict"] for run in ("one", "two")), rtol=0, atol=1e-5)
    found, others = (json.loads(Path(run, "results.json").read_text()) for run in ("one", "two"))
    assert (found["training"]["ranks"], others["training"]["ranks"]) == (1, 2)
    for name, image in found["sets"]["bench"]["images"].items():
        assert others["sets"]["bench"]["images"][name]["psnr"] == pytest.approx(image["psnr"], abs=1e-3)
    assert others["bicubic"] == found["bicubic"]  # no training involved: the same to the last bit


@pytest.mark.parametrize(
    ("ranks", "number", "group"),
    [(1, signal.SIGTERM, True), (2, signal.SIGINT, True), (2, signal.SIGUSR1, False)],
)
def test_a_stopped_training_continues_to_the_same_weights(
    ranks: int, number: int, group: bool, waiting: list[str]
) -> None:
    """A scheduler or a terminal sends the signal to the `group` of processes, thus to ranks and workers as well."""
    options = waiting if ranks == 1 else [*(each for each in waiting if each != "trainer=cpu"), *RANKS]
    options = [*options, "data.num_workers=2"]
    with TrainingProcess(*options, "run_dir=run") as process:
        process.wait_for_stop_step(ranks)
        assert process.stop(number, group=group) == 128 + number, process.output.read_text()
        assert "Traceback" not in process.output.read_text()
    assert checkpoint("run")["global_step"] == STOP_STEP
    assert updates("run") == {STOP_STEP}
    assert not {"results.json", "failure.txt"} & {path.name for path in Path("run").iterdir()}
    for folder in ("run", "whole"):
        assert run_command(train, *options, f"run_dir={folder}", "if_exists=continue") == 0
    check_same_weights("run", "whole")
    assert updates("run") == {7}
    assert Path("run/log.csv").read_text() == Path("whole/log.csv").read_text()


def test_a_validation_that_is_stopped_costs_no_step_and_is_repeated(waiting: list[str]) -> None:
    """By a signal that is caught, and by one that is not."""
    Path("pass").touch()
    options = [*(each for each in waiting if each != "trainer=cpu"), *RANKS, "data.num_workers=2"]
    options = [*options, "+trainer.callbacks=[{_target_: waiting.StopInValidation}]"]
    for number, status in ((signal.SIGTERM, 143), (signal.SIGKILL, 137)):
        Path("signal").write_text(str(int(number)))
        with TrainingProcess(*options, "run_dir=run", "if_exists=continue") as process:
            assert process.wait(PATIENCE) == status, process.output.read_text()
        assert checkpoint("run")["global_step"] == VALIDATED_STEP
    for folder in ("run", "whole"):
        assert run_command(train, *options, f"run_dir={folder}", "if_exists=continue") == 0
    check_same_weights("run", "whole")
    assert Path("run/log.csv").read_text() == Path("whole/log.csv").read_text()
