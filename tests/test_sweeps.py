"""Sweeps as a user meets them: `python -m aldsr.train -m`, started once, or again and again.

Where it does not matter who launches the jobs, Hydra's own launcher does, in this process.
"""

import csv
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from aldsr.run.configs import config_dir
from aldsr.sweep.folders import is_locked, lock_folder
from aldsr.sweep.plan import read_plan
from aldsr.sweep.status import run_status
from aldsr.train import train
from aldsr.training import SuperResolution, devices
from tests.command import run_command
from tests.stopping import MET_AT, Started, check_same_weights, checkpoint, updates, wait_for, waiting

__all__ = ["waiting"]

IN_PROCESS = ["-m", "hydra/launcher=basic"]
EXPERIMENTS = config_dir().parent / "experiments"


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    """What lies in a run's folder, and since when."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", "refused.txt")]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def results(study: Path) -> dict[str, Any]:
    """The results of a study's jobs, by name."""
    return {path.parent.name: json.loads(path.read_text()) for path in study.glob("*/results.json")}


def steps(run: Path) -> list[int]:
    """The steps whose loss a run's log.csv has."""
    with (run / "log.csv").open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file) if row["loss"]]


def test_a_sweep_makes_the_jobs_of_its_params_and_its_command_line(small: list[str]) -> None:
    Path("mine.yaml").write_text(
        "defaults: [train, _self_]\nstudy: {name: both}\nhydra: {sweeper: {params: {seed: '1,2', model: ldw_rdn}}}\n"
    )
    options = ["--config-dir=.", "--config-name=mine", *IN_PROCESS, *small, "trainer.max_steps=1"]
    assert run_command(train, *options) == 0
    assert run_command(train, *options, "seed=3") == 0
    study = Path("runs/both")
    assert sorted(results(study)) == [f"ldw_rdn-seed{n}" for n in (1, 2, 3)]
    assert sorted(read_plan(study)) == [f"ldw_rdn-seed{n}" for n in (1, 2, 3)]
    for n in (1, 2, 3):
        assert f"seed: {n}\n" in (study / f"ldw_rdn-seed{n}" / "config.yaml").read_text()


def test_the_same_command_skips_what_is_done_and_tries_again_what_failed(
    small: list[str], make_image: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    swept = [*small, "data.train_dirs=[train],[later]", "study.name=again", "trainer.max_steps=2"]
    study = Path("runs/again")
    good, bad = study / "train_dirs-train", study / "train_dirs-later"
    assert run_command(train, *IN_PROCESS, *swept) == 1
    assert (run_status(good).state, run_status(bad).state) == ("done", "failed")
    assert "later: expected a folder of images" in (bad / "failure.txt").read_text()
    assert "1 done, 1 failed" in " ".join(capfd.readouterr().out.split())

    before = content(good)
    make_image(Path("later/0.png"), width=96, height=80)
    assert run_command(train, *IN_PROCESS, *swept) == 0
    assert content(good) == before
    assert run_status(bad).state == "done"
    assert not (bad / "failure.txt").exists()
    said = capfd.readouterr().out
    assert f"{good}: done already" in said
    assert f"python -m aldsr.compare {study}" in said


@pytest.mark.slow
def test_another_configuration_under_the_same_name_is_refused_and_stops_no_other_job(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    study = Path("runs/other")
    options = [*small, "study.name=other", "trainer.max_steps=2"]
    assert run_command(train, *IN_PROCESS, *options, "seed=choice(1)") == 0
    before = content(study / "seed1")
    assert run_command(train, "-m", *options, "seed=1,2", "optimizer.lr=0.01") == 1
    assert content(study / "seed1") == before
    assert run_status(study / "seed2").state == "done"
    said = capfd.readouterr().err
    assert "seed1: holds a run of another configuration (optimizer.lr was 0.001, is now 0.01); give this" in said


def test_in_this_process_as_well_another_configuration_is_refused(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    options = [*IN_PROCESS, *small, "study.name=other", "trainer.max_steps=1"]
    assert run_command(train, *options, "seed=choice(1)") == 0
    before = content(Path("runs/other/seed1"))
    assert run_command(train, *options, "seed=1,2", "optimizer.lr=0.01") == 1
    assert content(Path("runs/other/seed1")) == before
    assert run_status(Path("runs/other/seed2")).state == "done"
    assert "optimizer.lr was 0.001, is now 0.01" in capfd.readouterr().err


class PullThePlug(Exception):
    """Stands for whatever ends a job in its middle."""


def test_a_job_goes_on_from_its_last_checkpoint(small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    options = [*IN_PROCESS, *small, "seed=choice(1)", "study.name=resumed", "checkpoint_every=3", "trainer.max_steps=7"]
    original, made, run = SuperResolution.training_step, [], Path("runs/resumed/seed1")

    def step(self: SuperResolution, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        if self.global_step == 5 and not run_status(run).reason:
            raise PullThePlug("in the middle")
        made.append(self.global_step)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(SuperResolution, "training_step", step)
    assert run_command(train, *options) == 1
    assert run_status(run).state == "failed"
    assert run_status(run).reason.endswith("PullThePlug: in the middle")
    assert (made, checkpoint(run)["global_step"]) == ([0, 1, 2, 3, 4], 3)
    made.clear()
    monkeypatch.setattr(SuperResolution, "training_step", record(made, original))
    assert run_command(train, *options) == 0
    assert made == [3, 4, 5, 6]
    assert run_status(run).state == "done"
    assert not (run / "failure.txt").exists()
    assert steps(run) == list(range(7))
    assert json.loads((run / "results.json").read_text())["training"]["steps"] == 7


def record(made: list[int], original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def step(self: SuperResolution, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        made.append(self.global_step)
        return original(self, batch, batch_idx)

    return step


def test_a_single_run_that_is_done_is_left_alone(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    options = [*small, "run_dir=run", "trainer.max_steps=1", "if_exists=continue"]
    assert run_command(train, *options) == 0
    before = content(Path("run"))
    assert run_command(train, *options, "logger=wandb", "pictures=1") == 0
    assert "run: done already" in capfd.readouterr().out
    assert run_command(train, *options, "seed=1") == 2
    assert "seed was 0, is now 1" in capfd.readouterr().err
    assert content(Path("run")) == before
    assert not list(Path().glob("run-archived-*"))


def test_a_folder_that_another_process_works_in_is_left_alone(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with lock_folder(Path("run")):
        assert run_command(train, *small, "run_dir=run", "trainer.max_steps=1") == 2
    said = capfd.readouterr().err
    assert said == "error: run: another process is working in it; wait for it or choose another folder\n"
    assert not Path("run/config.yaml").exists()
    assert not Path("run/failure.txt").exists()


def test_what_was_measured_is_taken_over_where_the_machine_leaves_no_choice(
    small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was begun in bf16 goes on, with precision auto, on a machine that has fp32 only."""
    options = [*small, "run_dir=run", "if_exists=continue", "trainer.max_steps=2", "checkpoint_every=1"]
    made = Path("run/results.json")
    assert run_command(train, *options, "trainer.precision=bf16-mixed") == 0
    made.unlink()
    monkeypatch.setattr(devices, "supported_precisions", lambda accelerator: ("32-true",))
    assert run_command(train, *options, "trainer.precision=auto") == 0
    assert made.is_file()


@pytest.mark.parametrize("sweep", [[], ["-m"]], ids=["one-run", "sweep"])
def test_a_budget_that_does_not_exist_is_a_sentence(
    sweep: list[str], small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *sweep, "--config-name=budgets", "study.budget=huge") == 2
    said = capfd.readouterr().err
    assert said == "error: study.budget=huge: no such budget; conf/budgets.yaml has smoke, small and paper\n"
    assert not Path("runs").exists()


@pytest.mark.slow
@pytest.mark.skipif(not (EXPERIMENTS / "linearity").is_dir(), reason="experiments/ is not part of a wheel")
def test_a_study_runs_at_the_smallest_budget(small: list[str]) -> None:
    data = [each for each in small if each.startswith(("data=", "data.train", "data.eval", "trainer=", "logger="))]
    pace = ["trainer.precision=32-true", "trainer.accumulate_grad_batches=1", "layout=channels-last"]
    where = [f"--config-dir={EXPERIMENTS / 'linearity'}", "--config-name=study", "study.budget=smoke"]
    some = ["trainer.max_steps=1", "data.patch_size=8", "variant=choice(ldw)"]
    assert run_command(train, "-m", *where, *data, *pace, *some) == 0
    study = Path("runs/linearity")
    labels = {name: each["network"]["label"] for name, each in results(study).items()}
    assert labels == {"ldw-seed0": "LDW-RDN"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel tells of a parent's end")
def test_a_sweep_told_to_stop_stops_its_job_with_a_checkpoint_and_the_same_command_goes_on(
    waiting: list[str],
) -> None:
    run = Path("runs/stopped/seed1")
    options = ["-m", *waiting, "seed=choice(1)", "study.name=stopped"]
    with Started(*options) as started:
        started.meet()
        assert run_status(run).state == "running"
        started.send(signal.SIGTERM)
        assert started.status() != 0
        wait_for(lambda: not is_locked(run))
    assert run_status(run).state == "interrupted", started.said()
    assert checkpoint(run)["global_step"] == MET_AT
    assert run_command(train, *IN_PROCESS, *options[1:]) == 0
    assert run_status(run).state == "done"
    assert run_command(train, *waiting, "seed=1", "run_dir=whole") == 0
    check_same_weights(run, "whole")
    assert updates(run) == {7}


@pytest.mark.slow
def test_a_queue_runs_a_job_of_two_ranks(small: list[str]) -> None:
    """By submitit's executor for this machine, which works as the one for SLURM does."""
    pytest.importorskip("submitit")
    ranks = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    options = [*(each for each in small if each != "trainer=cpu"), *ranks, "trainer.max_steps=2"]
    swept = ["hydra/launcher=submitit_local", "seed=choice(1)", "study.name=queued"]
    assert run_command(train, "-m", *options, *swept) == 0
    found = results(Path("runs/queued"))
    assert {name: each["training"]["ranks"] for name, each in found.items()} == {"seed1": 2}
    assert updates("runs/queued/seed1") == {2}
