"""W&B never asks and never goes online by itself; a run that was killed and resumed has everything once."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb
from PIL import Image
from tests.command import PATIENCE, run_command

from aldsr.train import train
from aldsr.training import CsvLog, SuperResolution, finish_wandb, wandb_log
from aldsr.training.wandb.logger import LABELS, STEP, wandb_mode
from aldsr.training.wandb.read import Recorded, mend, recorded


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of somebody who is not logged in."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("stranger")
def test_offline_for_a_stranger() -> None:
    assert wandb_mode() == "offline"


@pytest.mark.usefixtures("stranger")
def test_the_users_own_mode_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert wandb_mode() == "disabled"


@pytest.mark.usefixtures("stranger")
def test_online_with_a_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    assert wandb_mode() == "online"


def test_online_after_wandb_login(stranger: Path) -> None:
    netrc = stranger / ".netrc"
    netrc.write_text("machine api.wandb.ai\n  login user\n  password " + "x" * 40 + "\n")
    netrc.chmod(0o600)
    assert wandb_mode() == "online"


@pytest.fixture(autouse=True)
def _finished() -> Iterator[None]:
    """No test leaves a W&B run open for the next one."""
    yield
    finish_wandb()


def logged(found: Recorded) -> Counter[tuple[int, str]]:
    """How often each metric was logged at each step."""
    names = ((int(row[STEP]), name) for row in found.rows for name in row)
    return Counter((step, name) for step, name in names if name != STEP and name not in LABELS and name[0] != "_")


def test_group_job_type_and_tags_are_the_runs(tmp_path: Path) -> None:
    tags = ["ald_rdn", "x4", "t" * 80]
    wandb_log(project="p", name="n", folder=tmp_path, group="blocks", job_type="train", tags=tags)
    finish_wandb()
    found = recorded(tmp_path)
    assert (found.group, found.job_type, found.tags) == ("blocks", "train", ["ald_rdn", "x4", "t" * 64])
    assert found.ids == [(tmp_path / "wandb-id.txt").read_text()]


LOST = """
import os, signal, sys, time
from pathlib import Path
from aldsr.training import CsvLog, wandb_log, wandblog
from aldsr.training.wandb.read import recorded

wandblog.FLUSH_SECONDS = 0.2
folder = Path(sys.argv[1])
loggers = CsvLog(folder / "log.csv"), wandb_log(project="p", name="n", folder=folder)
for step in range(10):
    if step == 6:  # what follows is lost with the process
        while len(recorded(folder).rows) < 6:
            time.sleep(0.05)
    for logger in loggers:
        logger.log_metrics({"loss": 1 / (step + 3), "epoch": 0}, step)
        logger.save()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that logged steps 0 to 9 and was killed before W&B wrote the last of them, in the middle of a record."""
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run([sys.executable, "-c", LOST, str(folder)], timeout=PATIENCE, check=False)
    assert done.returncode == -signal.SIGKILL
    (segment,) = recorded(folder).segments
    segment.write_bytes(segment.read_bytes()[:-5])
    assert 5 <= len(recorded(folder).rows) < 10
    return folder


def test_a_run_that_was_killed_and_resumed_has_every_metric_of_every_step_once(killed: Path) -> None:
    """It goes on from a checkpoint after eight steps: 8 and 9 are repeated, 5 to 7 come from log.csv."""
    csv = CsvLog(killed / "log.csv")
    logger = wandb_log(project="p", name="n", folder=killed)
    for step in range(8, 12):
        for each in (csv, logger):
            each.log_metrics({"loss": 1 / (step + 3), "epoch": 0}, step)
            each.save()
    for each in (csv, logger):  # a validation
        each.log_metrics({"Set5/psnr_y": 30.0, "epoch": 0}, 11)
        each.save()
    finish_wandb()
    found = recorded(killed)
    assert len(found.segments) == 2
    before = found.segments[0].read_bytes()
    mend(killed)
    assert found.segments[0].read_bytes() == before  # nothing is left of the torn record
    assert len(found.ids) == 1
    once = {(step, "loss") for step in range(12)} | {(11, "Set5/psnr_y")}
    assert logged(found) == dict.fromkeys(once, 1)
    assert [row["loss"] for row in found.rows if "loss" in row] == [1 / (step + 3) for step in range(12)]
    assert [row[STEP] for row in found.rows] == [*range(12), 11]
    assert [row["_step"] for row in found.rows] == list(range(13))  # W&B's own count goes on too
    assert found.summary["loss"] == 1 / 14


def test_a_step_keeps_what_is_new_of_it(tmp_path: Path) -> None:
    for metrics in ({"loss": 1.0}, {"loss": 1.0, "psnr_y": 30.0}):
        wandb_log(project="p", name="n", folder=tmp_path).log_metrics({**metrics, "epoch": 0}, 0)
        finish_wandb()
    assert logged(recorded(tmp_path)) == {(0, "loss"): 1, (0, "psnr_y"): 1}


def test_a_picture_is_logged_once(tmp_path: Path) -> None:
    for _ in range(2):
        logger = wandb_log(project="p", name="n", folder=tmp_path)
        logger.log_image("pictures/Set5/baby", [Image.new("RGB", (8, 8))], step=4)
        finish_wandb()
    found = recorded(tmp_path)
    assert logged(found) == {(4, "pictures/Set5/baby"): 1}
    (name,) = found.rows[0]["pictures/Set5/baby"]["filenames"]
    assert found.files[name].read_bytes().startswith(b"\x89PNG")


def test_nothing_is_filled_in_where_the_runs_files_have_gone(tmp_path: Path) -> None:
    """They may lie on another machine, or online: what they hold nobody here can tell."""
    (tmp_path / "wandb-id.txt").write_text("abc")
    (tmp_path / "log.csv").write_text("step,loss,epoch\n0,0.5,0\n1,0.25,\n")
    wandb_log(project="p", name="n", folder=tmp_path).log_metrics({"loss": 0.1}, 2)
    finish_wandb()
    assert logged(recorded(tmp_path)) == {(2, "loss"): 1}


def test_a_run_that_had_no_wandb_before_brings_its_curves(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss,epoch\n0,0.5,0\n1,0.25,\n")
    wandb_log(project="p", name="n", folder=tmp_path).log_metrics({"loss": 0.1}, 2)
    finish_wandb()
    assert [row["loss"] for row in recorded(tmp_path).rows] == [0.5, 0.25, 0.1]


def test_other_ranks_start_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    wandb_log(project="p", name="n", folder=tmp_path)
    assert wandb.run is None
    assert list(tmp_path.iterdir()) == []


class PullThePlug(Exception):
    """Stands for a run that is killed."""


def test_wandb_has_what_log_csv_has_after_training_was_interrupted_resumed_and_resumed_again(
    small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [*small, "logger=wandb", "run_dir=run", "trainer.max_steps=7", "checkpoint_every=3"]
    original = SuperResolution.training_step

    def step(self: SuperResolution, *batch: object) -> object:
        if self.global_step == 5:
            raise PullThePlug
        return original(self, *batch)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(SuperResolution, "training_step", step)
        assert run_command(train, *options) == 1
    for _ in range(2):  # the second time there is nothing left to do but to measure
        assert run_command(train, *options, "ckpt_path=last") == 0
    found = recorded("run")
    assert len(found.ids) == 1
    assert len(found.segments) == 3
    rows = CsvLog("run/log.csv").rows
    once = {(step, name) for step, row in rows.items() for name, value in row.items() if value}
    once = {(step, name) for step, name in once if name != "step" and name not in LABELS}
    counted = {place: number for place, number in logged(found).items() if not place[1].startswith("pictures/")}
    assert counted == dict.fromkeys(once, 1)
    assert set(logged(found).values()) == {1}
    assert found.config["run_dir"] == "run"
