"""`python -m aldsr.report`: one file, or one sentence."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aldsr.report import main


@pytest.fixture
def study(planted: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(planted, tmp_path / "study"))


def data_of(page: Path) -> dict:
    """What a page has to draw."""
    found = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)
    assert found is not None
    return dict(json.loads(found[1]))


def test_a_study_becomes_a_page(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study), "--pictures", "2", "--side", "48", "--against", "DW-RDN"])
    page = study / "report.html"
    said = " ".join(capsys.readouterr().out.split())
    assert said == f"written {page} (0.1 MB); open it in a browser: {page.as_uri()}"
    data = data_of(page)
    assert [each["name"] for each in data["variants"]] == ["RDN", "DW-RDN"]
    assert [(each["name"], each["width"]) for each in data["pictures"]] == [("image2", 48), ("image0", 48)]
    assert [each["name"] for each in data["pictures"][0]["versions"]] == ["HR", "bicubic", "RDN", "DW-RDN"]
    assert "Differences from DW-RDN" in page.read_text()


def test_without_pictures_neither_images_nor_weights_are_needed(study: Path) -> None:
    for weights in study.glob("*/weights.safetensors"):
        weights.unlink()
    main([*map(str, sorted(study.iterdir())), "--pictures", "0", "-o", str(study / "page.html")])
    assert data_of(study / "page.html")["pictures"] == []


def moved(study: Path) -> list[str]:
    """The images are gone."""
    config = study / "rdn-seed1" / "config.yaml"
    config.write_text(re.sub(r"- .*mine", "- /nowhere/mine", config.read_text()))
    return [str(study / "rdn-seed1")]


def others(study: Path) -> list[str]:
    """There are other images."""
    folder = study.parent / "other" / "mine"
    shutil.copytree(study.parent / "mine", folder)
    shutil.copy(folder / "image0.png", folder / "image1.png")
    return [str(study), "--sets", str(folder)]


def unfinished(study: Path) -> list[str]:
    """A run has no weights."""
    (study / "dw-rdn-seed1" / "weights.safetensors").unlink()
    return [str(study)]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            moved,
            "/nowhere/mine: expected a folder of images, found nothing there; check the path; say where its images",
        ),
        (others, "holds other images than those of mine that were measured; say where its images are with --sets DIR"),
        (
            unfinished,
            "dw-rdn-seed1: has no weights.safetensors; expected the folder of a training run that has finished",
        ),
        (lambda study: [str(study), "-o", str(study)], "expected a file in a folder that is there"),
        (lambda study: [str(study), "--against", "SwinIR"], "--against 'SwinIR': no variant of this study"),
        (lambda study: [str(study / "nowhere")], "nowhere: no such file; expected a run's folder"),
    ],
)
def test_a_mistake_is_one_sentence(
    spoil: Callable[[Path], list[str]], said: str, study: Path, planted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(planted.parent / "mine", study.parent / "mine")
    before = sorted(study.iterdir())
    with pytest.raises(SystemExit) as leaving:
        main(spoil(study))
    assert leaving.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert sorted(study.iterdir()) == before
