"""A user's mistakes: one clear sentence, exit status 2, no traceback, nothing half-written."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from aldsr.train import train
from tests.command import run_command


def complaint(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a mistaken training command says; that it says it well is checked here."""
    assert run_command(train, *arguments) == 2
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert said.startswith("error: ")
    assert len(said.strip().splitlines()) == 1
    assert not Path("run").exists()
    return said


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("modle=rdn", "unknown option 'modle': did you mean 'model'?"),
        ("trainer.max_step=3", "did you mean 'trainer.max_steps'?"),
        ("model=edsr", "model=edsr: no such choice; there are: ald_rdn, bicubic, dw_rdn, ldw_rdn, rdn"),
        ("descriptor=trace", "descriptor=trace: no such choice; there are: avg, det, det_free, det_std, max, none"),
        ("scale=5", "scale must be 2, 3 or 4, got 5"),
        ("seed=x", "seed=x: expected a whole number"),
        ("optimizer.lr=fast", "optimizer or schedule:"),
        ("trainer.precision=8", "Trainer: Precision 8 is invalid"),
        ("trainer.devices=0", "trainer.devices=0: expected a number of devices from 1 up"),
        ("model.residual=lanczos", "residual must be 'none' or 'bicubic', got 'lanczos'"),
        ("model.conv._target_=nopackage.Block", "'nopackage.Block' cannot be imported"),
        ("ckpt_path=nowhere.ckpt", "nowhere.ckpt: no such checkpoint file"),
        ("ckpt_path=last", "last.ckpt: no such checkpoint file"),
        ("data.train_dirs=[nowhere]", "nowhere: expected a folder of images, found nothing there"),
        ("data.train_dirs=[train/0.png]", "train/0.png: expected a folder of images, found a file there"),
        ("data.train_dirs=[empty]", "empty: holds no image file"),
        ("data.eval_dirs=[bench,bench/HR]", "data.eval_dirs: two sets are called 'bench'"),
        ("data.patch_size=99", "none of 3 images is as large as a patch, 396x396 HR pixels"),
    ],
)
def test_an_option_that_cannot_be(mistake: str, said: str, small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert said in complaint(capfd, *small, "run_dir=run", mistake)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_more_gpus_than_exist(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    said = complaint(capfd, *small, "run_dir=run", "trainer=gpu", "trainer.devices=3")
    assert "trainer.devices=3: this machine has 0 usable NVIDIA GPUs; use trainer=cpu" in said


def test_a_set_to_train_on_has_to_be_named(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    options = [option for option in small if "train_dirs" not in option]
    assert "data.train_dirs is not set" in complaint(capfd, *options, "run_dir=run")


def test_a_truncated_image_is_named(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    content = Path("train/1.png").read_bytes()
    Path("train/1.png").write_bytes(content[: len(content) // 2])
    assert "train/1.png: cannot be read as an image" in complaint(capfd, *small, "run_dir=run")


def test_a_text_file_among_the_images_is_named(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Path("train/readme.png").write_text("not an image")
    assert "train/readme.png: cannot be read as an image" in complaint(capfd, *small, "run_dir=run")


def test_an_unpaired_and_a_missized_lr_are_named(
    small: list[str], make_image: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    make_image(Path("bench/LR_bicubic/X4/b0x4.png"), width=18, height=16)
    assert "'b1'" in complaint(capfd, *small, "run_dir=run")
    make_image(Path("bench/LR_bicubic/X4/b1x4.png"), width=17, height=16)
    said = complaint(capfd, *small, "run_dir=run")
    assert "b1x4.png: is 17x16, expected 18x16" in said


def test_images_of_odd_modes_are_fine(small: list[str]) -> None:
    image = Image.open("train/0.png").resize((64, 64))
    image.convert("RGBA").save("train/rgba.png")
    image.convert("P").save("train/palette.png")
    image.convert("L").save("train/gray.png")
    image.convert("I;16").save("train/deep.png")
    assert run_command(train, *small, "run_dir=run", "trainer.max_steps=1") == 0


def test_a_checkpoint_of_another_network(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(train, *small, "run_dir=other", "descriptor=max", "trainer.max_steps=1") == 0
    capfd.readouterr()
    said = complaint(capfd, *small, "run_dir=run", "ckpt_path=other/checkpoints/last.ckpt")
    assert "its model.conv.descriptor._target_ is aldsr.nn.descriptors.maximum" in said


def test_a_run_folder_that_cannot_be_written(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    assert "run_dir=file/run: cannot be written" in complaint(capfd, *small, "run_dir=file/run")


def test_help_is_readable_and_the_command_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "aldsr.train", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    for expected in ("experiment=paper", "model: ald_rdn, bicubic, dw_rdn, ldw_rdn, rdn", "max_steps", "-m model="):
        assert expected in done.stdout
    assert not list(tmp_path.iterdir())
