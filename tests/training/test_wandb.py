"""W&B never asks, never goes online by itself, continues a resumed run, and gets the results in its summary."""

import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest
from PIL import Image

from aldsr.train import train
from aldsr.training import finish_wandb, wandb_log
from aldsr.training.wandb import STEP, report_results, wandb_mode
from tests.command import run_command
from tests.stopping import killed_at, log_rows

wandb = pytest.importorskip("wandb")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """What `wandb.init` returns: a stand-in, so that the tests do not wait for W&B's service."""
    run = MagicMock(spec=wandb.Run, summary={}, disabled=False)

    def init(**options: object) -> MagicMock:
        monkeypatch.setattr(wandb, "run", run)
        return run

    monkeypatch.setattr(wandb, "init", create_autospec(wandb.init, side_effect=init))
    run.finish.side_effect = lambda: monkeypatch.setattr(wandb, "run", None)
    return run


@pytest.mark.parametrize(
    ("login", "environment", "mode"),
    [
        ("", {}, "offline"),
        ("machine api.wandb.ai login user password x", {}, "online"),
        ("machine api.wandb.ai login user password x", {"WANDB_BASE_URL": "https://wandb.example.org"}, "offline"),
        ("no netrc", {}, "offline"),
        ("", {"WANDB_API_KEY": "x"}, "online"),
        ("", {"WANDB_API_KEY": "x", "WANDB_MODE": "disabled"}, "disabled"),
    ],
)
def test_mode(
    login: str, environment: dict[str, str], mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), **environment}.items():
        monkeypatch.setenv(name, value)
    netrc = tmp_path / ".netrc"
    netrc.write_text(login)
    netrc.chmod(0o600)
    assert wandb_mode() == mode


def test_a_resumed_run_keeps_its_id_and_has_its_group_and_tags(tmp_path: Path, run: MagicMock) -> None:
    for _ in range(2):
        options = {"group": "blocks", "job_type": "train", "entity": "lab", "notes": "a", "tags": ["x4", "t" * 80]}
        wandb_log(project="p", name="n", folder=tmp_path, **options)
        finish_wandb()
    first, second = (call.kwargs for call in wandb.init.call_args_list)  # type: ignore[attr-defined]
    assert first["id"] == second["id"] == (tmp_path / "wandb-id.txt").read_text()
    assert (first["resume"], first["mode"], first["dir"]) == ("allow", "offline", tmp_path)
    assert first.items() >= {**options, "tags": ["x4", "t" * 64]}.items()
    run.define_metric.assert_any_call(STEP)
    run.define_metric.assert_called_with("*", step_metric=STEP, step_sync=True)
    assert run.finish.call_count == 2
    run.finish.side_effect = TimeoutError
    wandb_log(project="p", name="n", folder=tmp_path)
    finish_wandb()  # which gives up


@pytest.mark.usefixtures("run")
def test_other_ranks_start_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    wandb_log(project="p", name="n", folder=tmp_path)
    assert not wandb.init.called  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_training_logs_what_log_csv_has(small: list[str], run: MagicMock) -> None:
    options = [*small, "logger=wandb", "run_dir=run", "trainer.max_steps=7", "checkpoint_every=3"]
    with killed_at(5):
        run_command(train, *options)
    assert run_command(train, *options, "ckpt_path=last") == 0
    logged: dict[int, dict[str, object]] = {}
    for (metrics,), _ in run.log.call_args_list:
        logged.setdefault(metrics[STEP], {}).update(metrics)
    pictures = {name for row in logged.values() for name in row if name.startswith("pictures/")}
    assert pictures == {"pictures/bench/b0", "pictures/bench/b1"}
    for recorded in log_rows("run"):
        row = {name: float(value) for name, value in recorded.items() if value and name != "step"}
        assert {name: logged[int(recorded["step"])].get(name) for name in row} == row
    assert run.summary["training_steps"] == 7
    assert len(run.summary["predictions"].data) == 2


def scores(psnr: float, ssim: float) -> dict[str, float]:
    return {"psnr": psnr, "ssim": ssim}


SET5 = {**scores(31.5, 0.89), "images": {"baby": scores(33.0, 0.9), "bird": scores(30.0, 0.88)}}
BICUBIC = {**scores(29.5, 0.81), "images": {"baby": scores(31.0, 0.82), "bird": scores(28.5, 0.8)}}
RESULTS: dict[str, Any] = {
    "network": {"label": "ALD-RDN", "parameters": 182_251, "multi_adds": None},
    "training": {"seconds": 12.5, "steps": 1000, "ranks": 1},
    "sets": {"Set5": SET5},
    "bicubic": {"Set5": BICUBIC},
}
SUMMARY = {
    "network": "ALD-RDN",
    "parameters": 182_251,
    "training_seconds": 12.5,
    "training_steps": 1000,
    "Set5/psnr": 31.5,
    "Set5/ssim": 0.89,
    "Set5/bicubic_psnr": 29.5,
    "Set5/bicubic_ssim": 0.81,
    "Set5/gain": 2.0,
    "protocol": "Y of BT.601",
}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The folder of comparison images, with one of two."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (30, 10), "red").save(folder / "Set5-baby.png")
    return folder


def test_the_summary_has_plain_names_and_a_table_with_the_lowest_gain_first(
    tmp_path: Path, pictures: Path, run: MagicMock
) -> None:
    report_results(RESULTS, pictures=pictures, protocol="")  # without a run it does nothing
    run.dir, run.disabled = str(tmp_path / "files"), True
    wandb_log(project="p", name="n", folder=tmp_path)
    report_results(RESULTS, pictures=pictures, protocol="")
    assert run.summary == {}
    run.disabled = False
    report_results(RESULTS, pictures=pictures, protocol="Y of BT.601")
    table = run.summary.pop("predictions")
    assert run.summary == SUMMARY  # without multi_adds, which were not counted
    assert "WANDB_DATA_DIR" not in os.environ
    bird, baby = table.data
    values = {"psnr": 30.0, "ssim": 0.88, "bicubic_psnr": 28.5, "bicubic_ssim": 0.8, "gain": 1.5, "comparison": None}
    assert dict(zip(table.columns, bird, strict=True)) == {"set": "Set5", "image": "bird", **values}
    assert baby[:-1] == ["Set5", "baby", 33.0, 0.9, 31.0, 0.82, 2.0]
    assert isinstance(baby[-1], wandb.Image)
    assert not run.log.called


class Refusal(BaseHTTPRequestHandler):
    """A server that knows no key."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(401)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.slow
@pytest.mark.parametrize("answers", [True, False], ids=["a wrong key", "no answer"])
def test_a_server_out_of_reach_makes_the_run_offline(
    answers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    with server:
        Thread(target=server.serve_forever, daemon=True).start()
        if not answers:
            server.shutdown()  # connections are accepted, and nothing comes
        monkeypatch.delenv("WANDB_MODE")
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        started = time.monotonic()
        logger = wandb_log(project="p", name="n", folder=tmp_path)
        assert time.monotonic() - started < 30
        assert logger.experiment.offline
        finish_wandb()
        if answers:
            server.shutdown()
    said, _ = capfd.readouterr()
    assert said.count("\n") == 1
    assert "wandb sync" in said


@pytest.mark.slow
def test_wandb_itself_takes_an_offline_run_its_continuation_and_its_images(tmp_path: Path, pictures: Path) -> None:
    for step in (3, 4):
        logger = wandb_log(project="p", name="n", folder=tmp_path)
        logger.log_metrics({"loss": 1 / step}, step)
        assert logger.experiment.offline
        assert logger.experiment.id == (tmp_path / "wandb-id.txt").read_text()
        report_results(RESULTS, pictures=pictures, protocol="Y of BT.601")
        summary, expected = logger.experiment.summary, {**SUMMARY, "loss": 1 / step, STEP: step}
        assert {name: summary[name] for name in expected} == expected
        assert (summary["predictions"]["nrows"], summary["predictions"]["ncols"]) == (2, 8)
        finish_wandb()
        assert wandb.run is None
    contents = [path.read_bytes() for path in (tmp_path / "wandb").rglob("*") if path.is_file()]
    assert (pictures / "Set5-baby.png").read_bytes() in contents
