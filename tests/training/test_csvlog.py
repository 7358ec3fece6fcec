"""log.csv: complete, one row per step, also after a resume."""

import csv
from pathlib import Path

from aldsr.training import CsvLog


def test_one_row_per_step_and_a_resumed_run_replaces_what_it_repeats(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    for step, loss in ((1, 0.5), (2, 0.25), (3, 0.125)):
        log.log_metrics({"loss": loss}, step=step)
        log.save()
    resumed = CsvLog(tmp_path / "log.csv")
    for step in (3, 4):
        resumed.log_metrics({"loss": 0.1}, step=step)
    resumed.log_metrics({"psnr_y": 30.0}, step=4)
    resumed.save()
    with log.path.open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"step": "1", "loss": "0.5", "psnr_y": ""},
            {"step": "2", "loss": "0.25", "psnr_y": ""},
            {"step": "3", "loss": "0.1", "psnr_y": ""},
            {"step": "4", "loss": "0.1", "psnr_y": "30.0"},
        ]
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]
