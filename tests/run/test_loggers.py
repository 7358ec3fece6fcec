"""Several loggers at once, TensorBoard, and callbacks by name."""

from pathlib import Path

import pytest

from aldsr.train import train
from aldsr.training import tensorboard
from tests.command import refuse, run_command
from tests.stopping import killed_at, log_rows, results

OTHER = ["+logger.mine._target_=lightning.pytorch.loggers.CSVLogger", "+logger.mine.save_dir=mine"]
STOPS = ["callbacks=early_stopping", "callbacks.early_stopping.patience=1", "callbacks.early_stopping.min_delta=99"]


def test_a_run_that_a_callback_stops_tells_its_steps_and_several_loggers_have_them(
    small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *small, *OTHER, *STOPS, "logger=[csv]", "data.steps_per_epoch=1", "run_dir=run") == 0
    training = results("run")["training"]
    assert (training["steps"], training["planned"]) == (2, 4)
    assert "2 of 4 steps" in capsys.readouterr().out
    (metrics,) = Path("mine").rglob("metrics.csv")
    assert metrics.read_text().count("\n") > len(log_rows("run")) == 2


def test_a_resumed_run_is_stopped_at_the_same_step_and_an_extended_one_at_its_next_validation(small: list[str]) -> None:
    small += [
        *STOPS,
        "callbacks.early_stopping.patience=3",
        "data.steps_per_epoch=1",
        "trainer.max_steps=6",
        "checkpoint_every=1",
    ]
    assert run_command(train, *small, "run_dir=whole") == 0
    for step in (1, 3):
        with killed_at(step):
            run_command(train, *small, "run_dir=run", "if_exists=continue")
    assert run_command(train, *small, "run_dir=run", "if_exists=continue") == 0
    steps = [results(run)["training"]["steps"] for run in ("whole", "run")]
    assert steps == [4, 4]
    assert run_command(train, *small, "run_dir=run", "ckpt_path=last", "trainer.max_steps=9") == 0
    assert results("run")["training"]["steps"] == 5


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        ("logger=tensorboard +logger.tensorboard.flush=3", "logger.tensorboard.flush"),
        ("logger=[wandb,tensorboard] +logger.entitty=x", "logger.entitty"),
        (OTHER[0], "save_dir"),
        ("+logger.entity=x", "logger.entity"),
        ("callbacks=early_stopping callbacks.early_stopping.monitor=psnr", "psnr_y, bench/psnr_y"),
        ("callbacks=early_stopping data.eval_dirs=[]", "data.eval_dirs is empty"),
    ],
)
def test_what_no_logger_takes_or_nothing_logs_is_refused_before_anything_is_written(
    mistake: str, named: str, small: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: name)
    assert named in refuse(capfd, train, *small, *mistake.split(), "run_dir=run")
    assert not Path("run").exists()


def test_without_tensorboard_it_is_said_how_to_install_it(
    small: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    assert "aldsr[tensorboard]" in refuse(capsys, train, *small, "logger=tensorboard")


@pytest.mark.needs("tensorboard")
@pytest.mark.slow
def test_tensorboard_has_every_step_of_a_resumed_run_once_and_pictures(small: list[str]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    small += ["logger=[csv,tensorboard]", "run_dir=run", "data.steps_per_epoch=2", "checkpoint_every=2"]
    with killed_at(3):
        run_command(train, *small)
    assert run_command(train, *small, "ckpt_path=last") == 0
    events = EventAccumulator("run/tensorboard").Reload()
    for name in ("loss", "psnr_y"):
        logged = {each.step: each.value for each in events.Scalars(name)}
        expected = {int(row["step"]): float(row[name]) for row in log_rows("run") if row[name]}
        assert logged == pytest.approx(expected)
    assert [each.step for each in events.Scalars("loss")] == [0, 1, 2, 3]
    assert "pictures/bench/b0" in events.Tags()["images"]
