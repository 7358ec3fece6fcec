"""A user's mistakes: one clear sentence, exit status 2, no traceback, nothing half-written."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aldsr.train import train
from tests.command import run_command


def complaint(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a mistaken training command says; that it says it well is checked here."""
    assert run_command(train, *arguments, "run_dir=run") == 2
    message = capfd.readouterr().err
    assert "Traceback" not in message
    assert message.startswith("error: ")
    assert len(message.strip().splitlines()) == 1
    assert not Path("run").exists()
    return message


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        ("modle=rdn", "did you mean 'model'?"),
        ("trainer.max_step=3", "did you mean 'trainer.max_steps'?"),
        ("model=edsr", "ald_rdn, bicubic, dw_rdn, ldw_rdn, rdn"),
        ("scale=5", "scale"),
        ("seed=x", "seed=x"),
        ("layout=rows", "layout=rows"),
        ("optimizer.lr=fast", "optimizer"),
        ("trainer.precision=8", "Trainer: Precision 8 is invalid"),
        ("trainer.devices=0", "trainer.devices=0"),
        ("model.residual=lanczos", "'lanczos'"),
        ("model.conv._target_=nopackage.Block", "'nopackage.Block'"),
        ("ckpt_path=nowhere.ckpt", "nowhere.ckpt"),
        ("ckpt_path=last", "last.ckpt"),
        *((f"ema={ema}", f"ema={ema.title()}") for ema in ("true", "1", "1.5", "0", "-0.1")),
        ("init=nowhere", "nowhere"),
        ("data.train_dirs=???", "data.train_dirs"),
        ("data.train_dirs=[nowhere]", "nowhere"),
        ("data.train_dirs=[train/0.png]", "train/0.png"),
        ("data.train_dirs=[empty]", "empty"),
        ("data.train_dirs=[broken]", "broken/0.png"),
        ("data.eval_dirs=[bench,bench/HR]", "'bench'"),
        ("data.patch_size=99", "396x396"),
        pytest.param(
            "trainer.devices=3 trainer.accelerator=gpu",
            "0 usable NVIDIA GPUs",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU"),
        ),
    ],
)
def test_an_option_that_cannot_be(
    mistake: str, named: str, small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    for folder in ("empty", "broken"):
        Path(folder).mkdir()
    Path("broken/0.png").write_bytes(Path("train/0.png").read_bytes()[:500])
    assert named in complaint(capfd, *small, *mistake.split())


def test_a_run_folder_that_cannot_be_written(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Path("run").write_text("")
    assert run_command(train, *small, "run_dir=run/a") == 2
    assert "run/a: cannot be" in capfd.readouterr().err


@pytest.mark.slow
def test_help_is_readable_and_the_command_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "aldsr.train", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    for expected in ("experiment=paper", "model: ald_rdn, bicubic, dw_rdn, ldw_rdn, rdn", "max_steps", "-m model="):
        assert expected in done.stdout
    assert not list(tmp_path.iterdir())
