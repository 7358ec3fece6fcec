"""A study as a table."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from aldsr.sweep.folders import lock_folder
from aldsr.sweep.plan import make_plan, write_plan
from aldsr.sweep.status import FAILURE, PROGRESS, REFUSAL, RunStatus
from aldsr.sweep.status_table import print_sweep_summary, status_summary, status_table, study_status

EVERY = {
    "rdn-seed1": RunStatus("done", 4000, 4000, 29.916, 600.0),
    "ald_rdn-det-reduction16-lr0.001-betas0.9-0.999-seed1": RunStatus("running", 1000, 4000, 28.0, 600.0),
    "dw-seed1": RunStatus("interrupted", 75_000, 300_000, None, 86400.0 * 4),
    "ldw-seed1": RunStatus("failed", reason="ValueError: no"),
    "rdn-seed2": RunStatus("waiting"),
}


def shown(found: dict[str, RunStatus], width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(status_table(found))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_every_state_has_its_row() -> None:
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown(EVERY, 140).splitlines() if "│" in line]
    long = "ald_rdn-det-reduction16-lr0.001-betas0.9-0.999-seed1"
    assert rows == [
        ["rdn-seed1", "done", "4,000/4,000", "29.92 dB", ""],
        [long, "running", "1,000/4,000", "28.00 dB", "0:07:30"],
        ["dw-seed1", "interrupted", "75,000/300,000", "", "3 days, 0:00:00"],
        ["ldw-seed1", "failed", "", "", ""],
        ["rdn-seed2", "waiting", "", "", ""],
    ]


def test_on_a_narrow_terminal_nothing_is_cut_off() -> None:
    said = shown(EVERY)
    assert max(map(len, said.splitlines())) <= 80
    assert "…" not in said
    for word in ("interrupted", "75,000/300,000", "29.92 dB", "0:07:30"):
        assert word in said
    names = "".join(line.split("│")[1].strip() for line in said.splitlines() if "│" in line)
    assert names == "".join(EVERY)


@pytest.mark.parametrize("states", [["done"], ["done", "done"]])
def test_a_study_that_is_done_has_nothing_left(states: list[str]) -> None:
    found = {str(n): RunStatus(state, 10, 10, 30.0, 60.0) for n, state in enumerate(states)}  # type: ignore[arg-type]
    assert status_summary(found) == f"{len(states)} done"


def test_the_rest_is_what_is_left_of_runs_that_have_begun_and_the_usual_time_for_the_others() -> None:
    found = {
        "a": RunStatus("done", 100, 100, 30.0, 100.0),
        "b": RunStatus("running", 25, 100, 30.0, 200.0),  # 150 s left
        "c": RunStatus("failed", 50, 100, None, 300.0),  # 150 s left
        "d": RunStatus("waiting"),  # 200 s, as the others take
        "e": RunStatus("interrupted", 10, 100),  # without a pace: 200 s
    }
    assert status_summary(found) == (
        "1 done, 1 running, 1 interrupted, 1 failed, 1 waiting; the rest takes about 0:11:40, one run after another"
    )


def test_before_the_first_steps_no_time_is_made_up() -> None:
    found = {"a": RunStatus("running", 0, 100), "b": RunStatus("waiting")}
    assert (
        status_summary(found)
        == "1 running, 1 waiting; how long the rest takes is not known before a run has made some steps"
    )


def test_only_the_states_that_occur_are_counted() -> None:
    assert status_summary({"a": RunStatus("failed"), "b": RunStatus("failed")}).startswith("2 failed; ")


def make(folder: Path, name: str, *files: str) -> None:
    (folder / name).mkdir(parents=True)
    for each in files:
        (folder / name / each).write_text(json.dumps({"step": 4, "total": 4, "psnr": 30.0, "seconds": 9.0}))


def test_a_study_is_its_plan_and_whatever_else_lies_there(tmp_path: Path) -> None:
    write_plan(tmp_path, make_plan(["model=rdn,dw_rdn", "seed=2,1"], {}))
    make(tmp_path, "extra", "config.yaml")
    make(tmp_path, "rdn-seed1", "config.yaml", "results.json", PROGRESS)
    make(tmp_path, "rdn-seed1-archived-20260131-120000", "config.yaml", "results.json")
    make(tmp_path, "notes", "readme.txt")
    found = study_status(tmp_path)
    assert list(found) == ["rdn-seed2", "rdn-seed1", "dw_rdn-seed2", "dw_rdn-seed1", "extra"]
    assert {name: each.state for name, each in found.items()} == {
        "rdn-seed2": "waiting",
        "rdn-seed1": "done",
        "dw_rdn-seed2": "waiting",
        "dw_rdn-seed1": "waiting",
        "extra": "interrupted",
    }


def test_a_sweep_that_is_done_says_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "seed1", "results.json", PROGRESS)
    make(tmp_path, "of-another-sweep", FAILURE)
    assert print_sweep_summary(tmp_path, ["seed1"]) is True
    said = capsys.readouterr().out
    assert f"Next      python -m aldsr.compare {tmp_path} puts them into one table" in said
    assert "of-another-sweep" not in said


def test_a_job_that_another_command_works_on_is_not_lacking(tmp_path: Path) -> None:
    make(tmp_path, "seed1", "results.json")
    with lock_folder(tmp_path / "seed2"):
        assert print_sweep_summary(tmp_path, ["seed1", "seed2"]) is True
    assert print_sweep_summary(tmp_path, ["seed1", "seed2"]) is False


def test_a_sweep_that_lacks_something_says_what_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "seed1", "results.json")
    make(tmp_path, "seed2", "config.yaml")
    (tmp_path / "seed2" / FAILURE).write_text("2026-01-31\nValueError: [bold]\n")
    make(tmp_path, "seed3", "config.yaml")
    assert print_sweep_summary(tmp_path, ["seed1", "seed2", "seed3"]) is False
    lines = capsys.readouterr().out.splitlines()
    assert f"failed  {tmp_path}/seed2: ValueError: [bold] ({tmp_path}/seed2/{FAILURE})" in lines
    assert f"interrupted  {tmp_path}/seed3" in lines
    assert lines[-1].startswith("Run the same command again")


def test_a_job_that_was_refused_is_named_though_the_run_in_its_folder_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, "seed1", "results.json")
    make(tmp_path, "seed2", "results.json")
    (tmp_path / "seed2" / REFUSAL).write_text("seed2: holds a run of another configuration (ema was 0.9, is now [1])\n")
    assert print_sweep_summary(tmp_path, ["seed1"]) is True
    capsys.readouterr()
    assert print_sweep_summary(tmp_path, ["seed1", "seed2"]) is False
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "refused  seed2: holds a run of another configuration (ema was 0.9, is now [1])"
