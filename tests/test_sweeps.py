"""Sweeps as a user starts them: `python -m aldsr.train -m`, once or repeatedly.

Where it does not matter who launches the jobs, Hydra's own launcher does, in this process.
"""

import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from aldsr.evaluate import evaluate
from aldsr.run.cli import config_dir
from aldsr.sweep.folders import lock_folder
from aldsr.sweep.status import run_status
from aldsr.train import train
from aldsr.training import SuperResolution, devices
from hydra_plugins import aldsr_local_launcher
from hydra_plugins.aldsr_local_launcher import Job
from tests.command import refuse, run_command
from tests.stopping import STOP_STEPS, TrainingProcess, check_same_weights, checkpoint, in_ranks, results, updates

IN_PROCESS = ["-m", "hydra/launcher=basic"]
EXPERIMENTS = config_dir().parent / "experiments"


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Content and time of every file in a run's folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", "refused.txt")]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("launcher", ["basic", "local"])
@pytest.mark.parametrize("option", ["name=mine", "if_exists=archive"])
def test_what_a_sweep_decides_is_refused(
    option: str, launcher: str, small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    swept = ["-m", f"hydra/launcher={launcher}", *small, "study.name=x", option]
    assert run_command(train, *swept) in (1, 2)
    error = capfd.readouterr().err
    assert f"error: {option}: a sweep" in error
    assert "Traceback" not in error
    assert not [path for path in Path("runs/x").iterdir() if path.is_dir()]


@pytest.mark.parametrize(("launcher", "place"), [("basic", "typed"), ("local", "in a file")])
def test_a_sweep_by_hydras_mode_is_one_as_by_m(
    launcher: str, place: str, small: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its jobs fail at once; those of the local launcher, which are processes, run here after the sweep."""
    jobs: list[Job] = []
    monkeypatch.setattr(aldsr_local_launcher, "run_job", lambda job, *_, **__: jobs.append(job) or 2)
    options = [f"hydra/launcher={launcher}", *small, "data.train_dirs=[nowhere]", "study.name=x"]
    if place == "typed":
        options += ["hydra.mode=MULTIRUN", "seed=1,2"]
    else:
        asked = "hydra: {mode: MULTIRUN, sweeper: {params: {seed: '1,2'}}}"
        Path("sweep.yaml").write_text(f"# @package _global_\ndefaults: [train, _self_]\n{asked}\n")
        options += ["--config-dir=.", "--config-name=sweep"]
    assert run_command(train, *options) == 1
    assert ("2 waiting" if jobs else "2 failed") in capfd.readouterr().out
    for job in jobs:
        assert run_command(train, *job.command[3:]) == 2
        assert capfd.readouterr().err.startswith("error: nowhere: ")
    assert [run_status(Path(f"runs/x/seed{seed}")).state for seed in (1, 2)] == ["failed", "failed"]


@pytest.mark.slow
def test_the_same_command_skips_what_is_done_and_retries_what_failed(
    small: list[str], make_image: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    swept = [*small, "data.train_dirs=[train],[later]", "study.name=again", "trainer.max_steps=2"]
    study = Path("runs/again")
    good, bad = study / "train_dirs-train", study / "train_dirs-later"
    assert run_command(train, *IN_PROCESS, *swept) == 1
    assert (run_status(good).state, run_status(bad).state) == ("done", "failed")
    assert "later" in run_status(bad).reason
    assert "1 done, 1 failed" in capfd.readouterr().out

    before = content(good)
    make_image(Path("later/0.png"), width=96, height=80)
    assert run_command(train, *IN_PROCESS, *swept) == 0
    assert content(good) == before
    assert run_status(bad).state == "done"
    assert not (bad / "failure.txt").exists()
    output = capfd.readouterr().out
    assert f"{good}: done already" in output
    assert f"python -m aldsr.compare {study}" in output


@pytest.mark.slow
def test_another_configuration_under_the_same_name_is_refused_and_stops_no_other_job(
    small: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    study = Path("runs/other")
    monkeypatch.setenv("PLACE", "bench")
    options = [*small, "study.name=other", "trainer.max_steps=2", "data.eval_dirs=[${oc.env:PLACE}]"]
    assert run_command(train, *IN_PROCESS, *options, "seed=choice(1)") == 0
    before = content(study / "seed1")
    assert run_command(train, *IN_PROCESS, *options, "seed=1,2", "optimizer.lr=0.01") == 1
    assert content(study / "seed1") == before
    assert run_status(study / "seed2").state == "done"
    output = capfd.readouterr()
    assert "optimizer.lr was 0.001, is now 0.01" in output.err
    assert "refused " in output.out


@pytest.mark.slow
def test_a_job_continues_from_its_last_checkpoint(small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    options = [*IN_PROCESS, *small, "seed=choice(1)", "study.name=resumed", "checkpoint_every=2", "trainer.max_steps=7"]
    original, made, run, fails = SuperResolution.training_step, [], Path("runs/resumed/seed1"), [3]

    def step(self: SuperResolution, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        if self.global_step in fails:
            raise ZeroDivisionError("in the middle")
        made.append(self.global_step)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(SuperResolution, "training_step", step)
    assert run_command(train, *options) == 1
    assert run_status(run).reason == "ZeroDivisionError: in the middle"
    fails.clear()
    assert run_command(train, *options) == 0
    assert made == [0, 1, 2, 2, 3, 4, 5, 6]
    assert results(run)["training"]["steps"] == 7


@pytest.mark.slow
def test_a_single_run_that_is_done_is_not_repeated(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    options = [*small, "run_dir=run", "trainer.max_steps=1", "if_exists=continue"]
    assert run_command(train, *options) == 0
    before = content(Path("run"))
    assert run_command(train, *options, "logger=wandb", "pictures=1") == 0
    assert "run: done already" in capfd.readouterr().out
    assert run_command(train, *options, "seed=1") == 2
    assert "seed was 0, is now 1" in capfd.readouterr().err
    assert content(Path("run")) == before
    assert not list(Path().glob("run-archived-*"))


def test_a_folder_in_use_is_left_alone(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with lock_folder(Path("run")):
        assert run_command(train, *small, "run_dir=run", "trainer.max_steps=1") == 2
    assert capfd.readouterr().err.startswith("error: run: ")
    assert [path.name for path in Path("run").iterdir()] == [".lock"]


def test_a_run_whose_configuration_is_damaged_is_not_continued(
    small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    measured = [each for each in small if each.startswith(("data=", "data.eval", "trainer=cpu"))]
    for content in ("", "seed: 0\ndata:", "seed: [0"):
        Path("run").mkdir(exist_ok=True)
        Path("run/config.yaml").write_text(content)
        assert "run/config.yaml: " in refuse(capsys, train, *small, "run_dir=run", "if_exists=continue")
        if content != "seed: 0\ndata:":
            assert "run/config.yaml: " in refuse(capsys, evaluate, *measured, "model=bicubic", "run_dir=run")
    assert {path.name for path in Path("run").iterdir()} <= {"config.yaml", "failure.txt"}


@pytest.mark.slow
def test_a_damaged_run_is_made_again_from_its_checkpoint_or_refused(
    small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*small, "run_dir=run", "trainer.max_steps=1", "if_exists=continue"]
    run = Path("run")
    assert run_command(train, *options) == 0
    shutil.copytree(run, "whole")
    for name in ("results.json", "weights.safetensors"):
        (run / name).write_bytes((run / name).read_bytes()[:100])
        assert run_command(train, *options) == 0
        assert run_status(run).state == "done"
        assert results(run)["sets"] == results("whole")["sets"]
        check_same_weights(run, "whole")
    Path("run/checkpoints/last.ckpt").rename("last.ckpt")
    before = content(run)
    (run / "results.json").write_text("")
    assert "run/results.json" in refuse(capsys, train, *options)
    (run / "config.yaml").rename("config.yaml")
    assert "run/results.json" in refuse(capsys, train, *options)
    (run / "results.json").write_bytes(before["results.json"][1])
    assert "run/config.yaml" in refuse(capsys, train, *options)
    assert content(run).keys() == before.keys() - {"config.yaml"}


@pytest.mark.slow
def test_a_run_measured_as_bf16_continues_on_a_machine_without_it(
    small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [*small, "run_dir=run", "if_exists=continue", "trainer.max_steps=2", "checkpoint_every=1"]
    assert run_command(train, *options, "trainer.precision=bf16-mixed") == 0
    Path("run/results.json").unlink()
    monkeypatch.setattr(devices, "supported_precisions", lambda accelerator: ("32-true",))
    assert run_command(train, *options, "trainer.precision=auto") == 0
    assert Path("run/results.json").is_file()


@pytest.mark.parametrize("sweep", [[], ["-m"]], ids=["one-run", "sweep"])
def test_a_budget_that_does_not_exist_is_named(
    sweep: list[str], small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *sweep, "--config-name=budgets", "study.budget=huge") == 2
    assert capfd.readouterr().err.startswith("error: study.budget=huge: ")
    assert not Path("runs").exists()


@pytest.mark.slow
@pytest.mark.skipif(not (EXPERIMENTS / "linearity").is_dir(), reason="experiments/ is not part of a wheel")
def test_a_study_runs_at_the_smallest_budget(small: list[str]) -> None:
    data = [each for each in small if each.startswith(("data=", "data.train", "data.eval", "trainer=", "logger="))]
    timing = ["trainer.precision=32-true", "trainer.accumulate_grad_batches=1", "layout=channels-last"]
    config = [f"--config-dir={EXPERIMENTS / 'linearity'}", "--config-name=study", "study.budget=smoke"]
    short = ["trainer.max_steps=1", "data.patch_size=8", "variant=glob(ldw)"]
    assert run_command(train, "-m", *config, "hydra/launcher=basic", *data, *timing, *short) == 0
    assert results("runs/linearity/ldw-seed0")["network"]["label"] == "LDW-RDN"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel tells of a parent's end")
def test_a_stopped_sweep_writes_a_checkpoint_and_the_same_command_continues(waiting: list[str]) -> None:
    """A terminal sends the signal to all processes, another program to the sweep alone."""
    run = Path("runs/stopped/seed1")
    options = ["-m", *waiting, "seed=choice(1,2)", "study.name=stopped"]
    for group, step in zip((True, False), STOP_STEPS, strict=True):
        Path("pass").unlink(missing_ok=True)
        with TrainingProcess(*options) as process:
            process.wait_for_stop_step()
            assert run_status(run).state == "running"
            assert process.stop(signal.SIGINT, group=group) == 130
        assert run_status(run).state == "interrupted", process.output.read_text()
        assert run_status(Path("runs/stopped/seed2")).state == "waiting"
        assert checkpoint(run)["global_step"] == step
    assert run_command(train, *IN_PROCESS, *options[1:]) == 0
    assert run_command(train, *waiting, "seed=1", "run_dir=whole") == 0
    check_same_weights(run, "whole")
    assert updates(run) == {7}


@pytest.mark.slow
def test_a_queue_runs_a_job_of_two_ranks(small: list[str]) -> None:
    """submitit's executor for this machine works as the one for SLURM does."""
    pytest.importorskip("submitit")
    options = [*in_ranks(small), "trainer.max_steps=2"]
    swept = ["hydra/launcher=submitit_local", "seed=choice(1)", "study.name=queued"]
    assert run_command(train, "-m", *options, *swept) == 0
    assert results("runs/queued/seed1")["training"]["ranks"] == 2
    assert updates("runs/queued/seed1") == {2}
