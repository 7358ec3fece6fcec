"""A run's results in W&B's summary: what a table of runs sorts by, and every prediction with its images."""

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import wandb
from PIL import Image

from aldsr.training import finish_wandb, wandb_log
from aldsr.training.wandb.results import COLUMNS, report_results


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
    run.dir = str(tmp_path / "files")
    wandb_log(project="p", name="n", folder=tmp_path)
    report_results(RESULTS, pictures=pictures, protocol="Y of BT.601")
    table = run.summary.pop("predictions")
    assert run.summary == SUMMARY  # without multi_adds, which were not counted
    assert table.columns == list(COLUMNS)
    bird, baby = table.data
    assert bird == ["Set5", "bird", 30.0, 0.88, 28.5, 0.8, 1.5, None]
    assert baby[:-1] == ["Set5", "baby", 33.0, 0.9, 31.0, 0.82, 2.0]
    assert isinstance(baby[-1], wandb.Image)
    assert not run.log.called


@pytest.mark.slow
def test_wandb_itself_takes_the_results_twice_and_keeps_the_images_beside_the_run(
    tmp_path: Path, pictures: Path
) -> None:
    for _ in range(2):  # as when a finished run is resumed
        experiment = wandb_log(project="p", name="n", folder=tmp_path).experiment
        report_results(RESULTS, pictures=pictures, protocol="Y of BT.601")
        summary = experiment.summary
        assert {name: summary[name] for name in SUMMARY} == SUMMARY
        assert (summary["predictions"]["nrows"], summary["predictions"]["ncols"]) == (2, 8)
        finish_wandb()
    contents = [path.read_bytes() for path in (tmp_path / "wandb").rglob("*") if path.is_file()]
    assert (pictures / "Set5-baby.png").read_bytes() in contents


@pytest.mark.parametrize("disabled", [True, False])
def test_without_a_run_nothing_is_reported(disabled: bool, tmp_path: Path, run: MagicMock) -> None:
    if disabled:
        run.disabled = True
        wandb_log(project="p", name="n", folder=tmp_path)
    report_results(RESULTS, pictures=tmp_path, protocol="")
    assert run.summary == {}
