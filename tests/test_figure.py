"""`python -m aldsr.figure` as a user meets it, on runs of tiny networks that never trained."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from aldsr.figure import main
from aldsr.report import main as report
from tests.analysis.fake_runs import change_config
from tests.command import refuse, run_command

pytestmark = [pytest.mark.usefixtures("study"), pytest.mark.needs("matplotlib")]


def test_a_study_is_drawn_with_its_lowest_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    Path("study/rdn-seed2/weights.safetensors").unlink()  # is not needed
    assert run_command(main, "study", "--image", "mine/image0.png", "-o", "out/fig.png") == 0
    assert re.search("image0.png, 96x64, LR made.*out/fig.png, out/fig.pdf", capsys.readouterr().out, re.S)
    with Image.open("out/fig.png") as image:
        assert image.format == "PNG"
    assert Path("out/fig.pdf").read_bytes().startswith(b"%PDF")


def test_the_paper_s_image_is_found_in_the_sets_of_the_runs(
    capsys: pytest.CaptureFixture[str], make_image: Callable[..., Path]
) -> None:
    make_image(Path("sets/Urban100/HR/img_076.png"), width=96, height=64)
    make_image(Path("sets/Urban100/LR_bicubic/X4/img_076x4.png"), width=24, height=16)
    change_config(Path("study/rdn-seed1"), {"data.eval_dirs": ["sets/Set5", "sets/Urban100"]})
    assert run_command(main, "study/rdn-seed1", "--crop", "8,4,40,30", "-o", "fig") == 0
    assert re.search("Urban100/HR/img_076.png, 96x64, LR given.*8,4,40,30", capsys.readouterr().out, re.S)


def test_weights_of_another_network_are_not_drawn_under_the_run_s_name(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy("study/dw-rdn-seed1/weights.safetensors", "study/rdn-seed1")
    for command, options in ((main, "--image mine/image0.png -o fig"), (report, "-o page.html")):
        assert "study/rdn-seed1/weights.safetensors" in refuse(capsys, command, "study", *options.split())
    assert not list(Path.cwd().glob("fig*"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("", "--image"),
        ("--image lost.png", "lost.png"),
        ("--image small.png", "'small': .*19x19"),
        ("--image mine/image0.png --crop 90,0,16,8", "--crop 90,0,16,8: .*96x64"),
        ("--image mine/image0.png --crop 1,2,3", "--crop: '1,2,3'"),
        ("--image mine/image0.png --scale 2", "RDN: .*x4"),
    ],
)
def test_a_mistake_is_one_sentence(options: str, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 16)).save("small.png")
    assert run_command(main, "study", "-o", "fig", *options.split()) == 2
    assert re.search(rf"^.*error: .*{named}.*\n\Z", capsys.readouterr().err, re.M)
    assert not list(Path.cwd().glob("fig*"))
