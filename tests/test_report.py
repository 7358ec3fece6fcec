"""`python -m aldsr.report`: one file, or one sentence."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aldsr.compare import main as compare
from aldsr.figure import main as figure
from aldsr.report import main
from aldsr.study import main as record
from tests.analysis.fake_runs import change_config
from tests.command import run_command


def read_images(page: str) -> list[dict[str, Any]]:
    """The images that a page shows."""
    (content,) = re.findall(r'id="data">(.*?)</script>', Path(page).read_text(), re.S)
    return list(json.loads(content))


def test_a_study_becomes_a_page_without_images_neither_files_nor_weights_are_needed(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(main, "study", "--pictures", "2", "--side", "48", "--against", "DW-RDN") == 0
    assert (study / "report.html").as_uri() in capsys.readouterr().out
    images = read_images("study/report.html")
    assert [(each["name"], each["width"]) for each in images] == [("image2", 48), ("image0", 48)]
    assert [each["name"] for each in images[0]["versions"]] == ["HR", "bicubic", "RDN", "DW-RDN"]
    assert "Differences from DW-RDN" in Path("study/report.html").read_text()

    for weights in study.glob("*/weights.safetensors"):
        weights.unlink()
    shutil.rmtree("mine")
    assert run_command(main, *study.glob("*-seed?"), "--pictures", "0", "-o", "page.html") == 0
    assert read_images("page.html") == []


def test_images_that_equal_hr_are_shown_and_left_out_of_differences(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in study.glob("*/results.json"):
        content = json.loads(file.read_text())
        for found in (content["sets"]["mine"], content["bicubic"]["mine"]):
            found["psnr"] = found["images"]["image2"]["psnr"] = None
        file.write_text(json.dumps(content))
    for command in ([compare], [compare, "--format", "csv"], [record, "--record", "copy"], [main, "--pictures", "1"]):
        assert run_command(command[0], "study", *command[1:]) == 0
    assert json.loads(Path("copy/rdn-seed1/results.json").read_text()) == json.loads(
        Path("study/rdn-seed1/results.json").read_text()
    )
    printed = capsys.readouterr().out
    assert "2 images × 1 seed" in printed
    assert "inf" in printed
    assert "nan" not in printed + re.sub(r"data:.*?\"", "", Path("study/report.html").read_text())


@pytest.mark.needs("matplotlib")
def test_lr_is_that_of_the_measurement(study: Path, make_image: Callable[..., Path], capsys: Any) -> None:
    for n in range(3):
        lr = make_image(Path(f"mine/LR_mild/X4/image{n}.png"), width=24, height=16).parent
    assert run_command(main, "study", "--pictures", "1") == 0  # it was made
    for run in study.glob("*-seed?"):
        change_config(run, {"data.eval_lr_dirs": [str(lr)]})
        file = run / "results.json"
        file.write_text(file.read_text().replace('"lr": "made"', '"lr": "given"'))
    assert run_command(main, "study", "--pictures", "1") == 2
    assert "mine: has other images" in capsys.readouterr().err
    assert run_command(figure, "study", "--image", "mine/image0.png", "-o", "fig") == 0
    assert "LR given (mild)" in capsys.readouterr().out


def move_images(study: Path) -> None:
    for run in study.iterdir():
        change_config(run, {"data.eval_dirs": ["/nowhere/mine"]})


@pytest.mark.parametrize(
    ("damage", "options", "named"),
    [
        (move_images, "", "/nowhere/mine.* --sets DIR"),
        (lambda study: shutil.copy("mine/image0.png", "mine/image1.png"), "--sets mine", "mine: .* --sets DIR"),
        (lambda study: (study / "rdn-seed1/weights.safetensors").unlink(), "", "rdn-seed1/weights.saf.*--pictures 0"),
        (str, "-o .", "-o"),
        (str, "-o mine/image0.png/page.html", "-o mine"),
        (str, "--pictures -1", "--pictures"),
    ],
)
def test_a_mistake_is_one_sentence(
    damage: Callable[[Path], Any], options: str, named: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(study)
    assert run_command(main, "study", *options.split()) == 2
    assert re.search(rf"^.*error: .*{named}.*\n\Z", capsys.readouterr().err, re.M)
    assert not (study / "report.html").exists()
