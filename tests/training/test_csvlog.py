"""log.csv: whole, one row per step, also after a resume."""

import csv
from pathlib import Path

from aldsr.training import CsvLog


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_metrics_of_one_step_share_a_row_and_new_ones_get_a_column(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    log.log_metrics({"loss": 0.5}, step=1)
    log.save()
    log.log_metrics({"psnr_y": 30.0}, step=1)
    log.log_metrics({"loss": 0.25}, step=2)
    log.save()
    assert rows(log.path) == [
        {"step": "1", "loss": "0.5", "psnr_y": "30.0"},
        {"step": "2", "loss": "0.25", "psnr_y": ""},
    ]


def test_a_resumed_run_keeps_its_rows_and_replaces_what_it_repeats(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    for step in (1, 2, 3):
        log.log_metrics({"loss": step / 10}, step=step)
    log.save()
    resumed = CsvLog(tmp_path / "log.csv")
    for step in (3, 4):
        resumed.log_metrics({"loss": step / 10}, step=step)
    resumed.save()
    assert [row["step"] for row in rows(log.path)] == ["1", "2", "3", "4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv"]
