"""A run's results in W&B: what a table of runs sorts by, and every prediction with its picture."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from aldsr.training import finish_wandb, wandb_log
from aldsr.training.wandb.read import recorded
from aldsr.training.wandb.results import COLUMNS, figures, report_results


@pytest.fixture(autouse=True)
def _finished() -> Iterator[None]:
    """No test leaves a W&B run open for the next one."""
    yield
    finish_wandb()


def scores(psnr: float, ssim: float) -> dict[str, float]:
    return {"psnr": psnr, "ssim": ssim}


RESULTS: dict[str, Any] = {
    "network": {"label": "ALD-RDN", "parameters": 182_251, "multi_adds": None},
    "training": {"seconds": 12.5, "steps": 1000, "ranks": 1},
    "sets": {
        "Set5": {**scores(31.5, 0.89), "images": {"baby": scores(33.0, 0.9), "bird": scores(30.0, 0.88)}},
    },
    "bicubic": {
        "Set5": {**scores(29.5, 0.81), "images": {"baby": scores(31.0, 0.82), "bird": scores(28.5, 0.8)}},
    },
}


def test_figures_have_plain_names_and_what_was_not_counted_is_absent() -> None:
    assert figures(RESULTS) == {
        "network": "ALD-RDN",
        "parameters": 182_251,
        "training_seconds": 12.5,
        "training_steps": 1000,
        "Set5/psnr": 31.5,
        "Set5/ssim": 0.89,
        "Set5/bicubic_psnr": 29.5,
        "Set5/bicubic_ssim": 0.81,
        "Set5/gain": 2.0,
    }


def test_reported_twice_the_summary_holds_it_once_with_its_pictures(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (30, 10), "red").save(pictures / "Set5-baby.png")
    for _ in range(2):  # as when a finished run is resumed
        wandb_log(project="p", name="n", folder=tmp_path)
        report_results(RESULTS, pictures=pictures, protocol="Y of BT.601")
        finish_wandb()
    found = recorded(tmp_path)
    assert found.rows == []
    assert found.summary.items() >= {**figures(RESULTS), "protocol": "Y of BT.601"}.items()
    table = found.summary["predictions"]
    assert (table["_type"], table["nrows"], table["ncols"]) == ("table-file", 2, 8)
    (artifact,) = {name.partition("/")[0] for name in found.files if name.endswith("/predictions.table.json")} - {
        "media"
    }
    content = json.loads(found.files[f"{artifact}/predictions.table.json"].read_text())
    assert content["columns"] == COLUMNS
    bird, baby = content["data"]  # the lowest gain first
    assert bird == ["Set5", "bird", 30.0, 0.88, 28.5, 0.8, 1.5, None]
    assert baby[:-1] == ["Set5", "baby", 33.0, 0.9, 31.0, 0.82, 2.0]
    picture = found.files[f"{artifact}/{baby[-1]['path']}"]
    assert picture.read_bytes() == (pictures / "Set5-baby.png").read_bytes()
    assert picture.is_relative_to(tmp_path)  # whoever keeps the run's folder keeps its pictures


@pytest.mark.parametrize("mode", ["none", "disabled"])
def test_without_a_run_nothing_is_reported(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    if mode == "disabled":
        wandb_log(project="p", name="n", folder=tmp_path)
    report_results(RESULTS, pictures=tmp_path, protocol="")
    assert recorded(tmp_path).segments == []
