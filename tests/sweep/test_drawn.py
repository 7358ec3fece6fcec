"""Jobs that a sweeper draws one batch after another, such as Optuna's."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from aldsr.core.errors import OptionError
from aldsr.core.run_files import RESULTS
from aldsr.sweep.plan import WritePlan, read_plan
from aldsr.train import train
from hydra_plugins import aldsr_local_launcher as local
from hydra_plugins.aldsr_local_launcher import Job, LocalLauncher
from tests.command import run_command
from tests.stopping import results

BATCHES = [
    [["optimizer.lr=0.1", "seed=1"], ["optimizer.lr=0.1", "seed=1"]],
    [["optimizer.lr=0.2", "seed=1"], ["optimizer.lr=0/2", "seed=1"], ["optimizer.lr=0+2", "seed=1"]],
]
NAMES = ["lr0.1", "lr0.2", "lr0-2", "lr0+2"]


def run_jobs(jobs: Sequence[Job], slots: object) -> list[int]:
    """Jobs that end at once; the last has the results of an earlier run, and fails."""
    for job in jobs:
        job.folder.mkdir()
        sets = {"a": {"psnr": 30.0}, "b": {"psnr": 20.0 + 0.1 * NAMES.index(job.folder.name)}}
        (job.folder / RESULTS).write_text(json.dumps({"sets": sets}))
    return [int(job.folder.name == NAMES[-1]) for job in jobs]


def launched(folder: Path, sweeper: str) -> list[JobReturn]:
    task = ["optimizer.lr=interval(0,1)", "seed=1"]
    hydra = {"sweep": {"dir": str(folder)}, "overrides": {"task": task}}
    hydra |= {"runtime": {"config_sources": [], "choices": {"hydra/sweeper": sweeper}}, "job": {"config_name": "train"}}
    config = OmegaConf.create({"hydra": hydra, "study": {"name": None}})
    launcher = LocalLauncher(command="aldsr.train")
    launcher.setup(hydra_context=None, task_function=None, config=config)
    WritePlan().on_multirun_start(config)
    return [each for number, batch in enumerate(BATCHES) for each in launcher.launch(batch, 2 * number)]


def test_jobs_join_the_plan_as_they_are_drawn_and_return_their_mean_psnr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WritePlan, "folder", None)
    monkeypatch.setattr(WritePlan, "jobs", {})
    monkeypatch.setattr(local, "run_jobs", run_jobs)
    *returned, failed = launched(tmp_path, "mine")
    assert [each.return_value for each in returned] == pytest.approx([25.0, 25.0, 25.05, 25.1])
    assert list(read_plan(tmp_path)) == list(WritePlan.jobs) == NAMES
    assert WritePlan.folder == tmp_path
    with pytest.raises(OptionError, match=re.escape(NAMES[-1])):
        failed.return_value  # noqa: B018


def test_hydras_own_sweeper_hears_of_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = LocalLauncher(command="aldsr.train")
    launcher.config = OmegaConf.create({"hydra": {"runtime": {"choices": {"hydra/sweeper": "basic"}}}})
    assert launcher._report(tmp_path, [], 1).return_value is None


@pytest.mark.needs("optuna")
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Optuna 2 has many
def test_optuna_raises_psnr_and_the_same_command_goes_on(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    study, trials = Path("runs/search"), "hydra.sweeper.n_trials"
    search = ["-m", *small, "hydra/sweeper=optuna", "study.name=search", "trainer.max_steps=1"]
    search += ["optimizer.lr=tag(log,interval(1e-9,1e-2))"]
    assert run_command(train, *search, f"{trials}=1") == 0
    first = list(read_plan(study))
    capfd.readouterr()
    assert run_command(train, *search, f"{trials}=2") == 0
    assert capfd.readouterr().out.count("done already") == 1
    assert list(read_plan(study))[:1] == first
    scores = [results(study / name)["sets"]["bench"]["psnr"] for name in read_plan(study)]
    assert (len(scores), OmegaConf.load(study / "optimization_results.yaml").best_value) == (2, max(scores))
