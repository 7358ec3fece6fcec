"""`python -m aldsr.figure` as a user meets it, on runs of tiny networks that never trained."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from aldsr.figure import main
from aldsr.nn.description import build
from aldsr.nn.weights import packed
from tests.analysis.fake_runs import change_config, fake_config, fake_results, write_run
from tests.command import run_command

Said = tuple[int, str, str]  # exit status, standard output, standard error


def plant(folder: Path, label: str, seed: int) -> None:
    """A run's folder as training leaves it."""
    config = fake_config(label, seed, study={"name": "planted"})
    config["model"] |= {"D": 1, "C": 1, "G": 4, "G0": 4, "residual": "bicubic"}
    write_run(folder, config, fake_results(label, {"Set5": [30.0]}))
    torch.manual_seed(seed)
    (folder / "weights.safetensors").write_bytes(packed(build(config["model"]), config["model"]))


@pytest.fixture
def here(tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a study of two variants, one with two seeds, and a photograph."""
    monkeypatch.chdir(tmp_path)
    for label, seed in (("RDN", 1), ("DW-RDN", 2), ("DW-RDN", 1)):
        plant(Path("study") / f"{label.lower()}-seed{seed}", label, seed)
    make_image(Path("photo.png"), width=97, height=64)
    return tmp_path


@pytest.fixture
def command(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs the command; its exit status and what it said."""

    def run(*arguments: str) -> Said:
        status = run_command(partial(main, arguments))
        return status, *(" ".join(text.split()) for text in capsys.readouterr())

    return run


def test_a_study_is_drawn_with_its_lowest_seeds(command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[Any]] = []
    monkeypatch.setattr("aldsr.figure.network_of", lambda run, **_: drawn.append(run.name) or _bicubic())
    status, said, _ = command("study", "--image", "photo.png", "-o", "out/fig.png")
    assert status == 0
    assert drawn == ["rdn-seed1", "dw-rdn-seed1"]
    assert "image photo.png, 96x64, LR made" in said
    assert said.endswith("written out/fig.png, out/fig.pdf")
    with Image.open("out/fig.png") as image:
        assert image.format == "PNG"
    assert Path("out/fig.pdf").read_bytes().startswith(b"%PDF")


def _bicubic() -> torch.nn.Module:
    return build({"_target_": "aldsr.nn.BicubicUpscale", "scale": 4})


def test_the_papers_image_is_found_in_the_sets_of_the_runs(
    command: Callable[..., Said], make_image: Callable[..., Path]
) -> None:
    for size, place in (((96, 64), "HR/img_076.png"), ((24, 16), "LR_bicubic/X4/img_076x4.png")):
        make_image(Path("sets/Urban100", place), width=size[0], height=size[1])
    change_config(Path("study/rdn-seed1"), {"data.eval_dirs": ["sets/Set5", "sets/Urban100"]})
    status, said, _ = command("study/rdn-seed1", "--crop", "8,4,40,30", "-o", "fig")
    assert status == 0
    assert "image sets/Urban100/HR/img_076.png, 96x64, LR given crop 8,4,40,30 written" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["study"], "no image named, and Urban100's img_076, the paper's, is in none"),
        (["nowhere", "--image", "photo.png"], "nowhere"),
        (["study", "--image", "lost.png"], "lost.png: cannot be read"),
        (["study", "--image", "photo.png", "--crop", "90,0,16,8"], "--crop 90,0,16,8: reaches to 106,8, beyond the"),
        (["study", "--image", "photo.png", "--crop", "1,2,3"], "'1,2,3': expected X,Y,W,H"),
        (
            ["study", "--image", "photo.png", "--scale", "2"],
            "RDN: its network is for x4, this image is to be",
        ),
        (["study", "--image", "photo.png", "-o", "fig.jpg"], "fig.jpg: ends in '.jpg', expected .png or .pdf"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(command: Callable[..., Said], arguments: list[str], sentence: str) -> None:
    status, _, said = command("-o", "fig", *arguments)
    assert status == 2
    assert sentence in said
    assert "Traceback" not in said
    assert not list(Path.cwd().glob("fig*"))
