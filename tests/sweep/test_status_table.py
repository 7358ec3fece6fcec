"""Status of a study as a table."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from aldsr.core.run_files import FAILURE, PROGRESS, REFUSAL
from aldsr.sweep.folders import lock_folder
from aldsr.sweep.plan import make_plan, write_plan
from aldsr.sweep.status import RunStatus
from aldsr.sweep.status_table import print_sweep_summary, status_summary, status_table, study_status

LONG = "ald_rdn-det-reduction16-lr0.001-betas0.9-0.999-seed1"
EVERY = {
    "rdn-seed1": RunStatus("done", 4000, 4000, 29.916, 600.0),
    LONG: RunStatus("running", 1000, 4000, 28.0, 600.0),
    "dw-seed1": RunStatus("interrupted", 75_000, 300_000, None, 86400.0 * 4),
    "ldw-seed1": RunStatus("failed", reason="ValueError: no"),
    "rdn-seed2": RunStatus("waiting"),
}


def render(width: int) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(status_table(EVERY))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= width
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]


def test_every_state_has_its_row() -> None:
    assert render(140) == [
        ["rdn-seed1", "done", "4,000/4,000", "29.92 dB", ""],
        [LONG, "running", "1,000/4,000", "28.00 dB", "0:07:30"],
        ["dw-seed1", "interrupted", "75,000/300,000", "", "3 days, 0:00:00"],
        ["ldw-seed1", "failed", "", "", ""],
        ["rdn-seed2", "waiting", "", "", ""],
    ]


def test_on_a_narrow_terminal_nothing_is_cut_off() -> None:
    columns = ["".join(cells) for cells in zip(*render(80), strict=True)]
    assert columns[0] == "".join(EVERY)
    assert columns[4].replace(" ", "") == "0:07:303days,0:00:00"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([RunStatus("done", 10, 10, 30.0, 60.0)] * 2, "2 done"),
        (
            [
                RunStatus("done", 100, 100, 30.0, 100.0),
                RunStatus("running", 25, 100, 30.0, 200.0),  # 150 s left
                RunStatus("failed", 50, 100, None, 300.0),  # 150 s left
                RunStatus("waiting"),  # 200 s, the mean of the others
                RunStatus("interrupted", 10, 100),  # duration unknown: 200 s
            ],
            "1 done, 1 running, 1 interrupted, 1 failed, 1 waiting; the rest takes about 0:11:40, "
            "one run after another",
        ),
        (
            [RunStatus("running", 0, 100), RunStatus("waiting")],
            "1 running, 1 waiting; how long the rest takes is not known before a run has made some steps",
        ),
    ],
)
def test_the_summary_counts_states_and_estimates_the_time_left(statuses: list[RunStatus], expected: str) -> None:
    assert status_summary({str(number): status for number, status in enumerate(statuses)}) == expected


def make(folder: Path, name: str, *files: str) -> None:
    (folder / name).mkdir(parents=True)
    for file in files:
        (folder / name / file).write_text(json.dumps({"step": 4, "total": 4, "psnr": 30.0, "seconds": 9.0}))


def test_a_study_consists_of_its_plan_and_other_runs_in_its_folder(tmp_path: Path) -> None:
    write_plan(tmp_path, make_plan(["model=rdn,dw_rdn", "seed=2,1"], {}))
    make(tmp_path, "extra", "config.yaml")
    make(tmp_path, "rdn-seed1", "config.yaml", "results.json", PROGRESS)
    make(tmp_path, "rdn-seed1-archived-20260131-120000", "config.yaml", "results.json")
    make(tmp_path, "notes", "readme.txt")
    assert [(name, status.state) for name, status in study_status(tmp_path).items()] == [
        ("rdn-seed2", "waiting"),
        ("rdn-seed1", "done"),
        ("dw_rdn-seed2", "waiting"),
        ("dw_rdn-seed1", "waiting"),
        ("extra", "interrupted"),
    ]


def test_a_complete_sweep_prints_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "seed1", "results.json", PROGRESS)
    make(tmp_path, "of-another-sweep", FAILURE)
    with lock_folder(tmp_path / "seed2"):
        assert print_sweep_summary(tmp_path, ["seed1", "seed2"])
    output = capsys.readouterr().out
    assert f"python -m aldsr.compare {tmp_path}" in output
    assert "of-another-sweep" not in output
    assert not print_sweep_summary(tmp_path, ["seed1", "seed2"])


def test_an_incomplete_sweep_prints_the_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "seed1", "results.json")
    make(tmp_path, "seed2", "config.yaml")
    (tmp_path / "seed2" / FAILURE).write_text("2026-01-31\nValueError: [bold]\n")
    make(tmp_path, "seed3", "config.yaml")
    assert not print_sweep_summary(tmp_path, ["seed1", "seed2", "seed3"])
    lines = capsys.readouterr().out.splitlines()
    assert f"failed  {tmp_path}/seed2/{FAILURE}: ValueError: [bold]" in lines
    assert "aldsr.compare" not in lines[-1]


def test_a_refused_job_is_named_even_if_the_run_in_its_folder_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, "seed1", "results.json")
    make(tmp_path, "seed2", "results.json")
    (tmp_path / "seed2" / REFUSAL).write_text("seed2: ema was 0.9, is now [1]\n")
    assert print_sweep_summary(tmp_path, ["seed1"])
    assert not print_sweep_summary(tmp_path, ["seed1", "seed2"])
    assert capsys.readouterr().out.splitlines()[-1] == "refused  seed2: ema was 0.9, is now [1]"
