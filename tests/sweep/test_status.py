"""Status of runs, read from folders that no run has made, and printed."""

import io
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from aldsr.core.run_files import CONFIG, FAILURE, LOCK, PROGRESS, REFUSAL, RESULTS, WEIGHTS
from aldsr.sweep.folders import DamagedRunError, DifferentRunError, InUseError, lock_folder
from aldsr.sweep.status import (
    RunStatus,
    print_sweep_summary,
    record_failure,
    run_status,
    status_summary,
    status_table,
    write_failure,
)

KNOWN = '{"step": 30, "total": 100, "psnr": 29.5, "seconds": null, "other": 1}'
SCORED = '{"sets": {"Set5": {"psnr": 30.0}, "Set14": {"psnr": 28.0}}}'

PLAIN = "{seed: 1, model: {}, data: {}, trainer: {}}"


def write(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text({PROGRESS: KNOWN, RESULTS: SCORED, CONFIG: PLAIN}.get(name, "something\n"))
    return folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], RunStatus("waiting")),
        ([CONFIG, RESULTS], RunStatus("done", psnr=29.0)),
        ([CONFIG, LOCK, PROGRESS], RunStatus("interrupted", 30, 100, 29.5)),
        ([CONFIG, FAILURE], RunStatus("failed", reason="something")),
    ],
)
def test_the_files_of_a_folder_tell_its_status(files: list[str], expected: RunStatus, tmp_path: Path) -> None:
    assert run_status(write(tmp_path, *files)) == expected


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (FAILURE, b"Traceback\naldsr.a.InUseError: b.c: d\n", RunStatus("failed", reason="InUseError: b.c: d")),
        (FAILURE, b"", RunStatus("failed")),
        *((PROGRESS, damaged, RunStatus("interrupted")) for damaged in (b"", b'{"step": 3', b"[1, 2]", b"\xff\xfe")),
    ],
)
def test_failures_are_shortened_and_damaged_progress_is_as_good_as_none(
    name: str, content: bytes, expected: RunStatus, tmp_path: Path
) -> None:
    (write(tmp_path, CONFIG) / name).write_bytes(content)
    assert run_status(tmp_path) == expected


@pytest.mark.parametrize("name", [RESULTS, CONFIG, WEIGHTS])
def test_a_finished_run_of_which_a_file_cannot_be_read_is_damaged(name: str, study: Path) -> None:
    run = study / "rdn-seed1"
    (run / PROGRESS).write_text(KNOWN)
    done, file, content = run_status(run), run / name, (run / name).read_bytes()
    assert (done.state, done.step) == ("done", 30)
    for damaged in (b"", content[: len(content) // 3], b"[]"):
        file.write_bytes(damaged)
        found = run_status(run)
        assert (found.state, found.step) == ("damaged", 30)
        assert found.reason.startswith(f"{file}: ")
    with lock_folder(run):  # it is made again
        assert run_status(run).state == "running"
    file.unlink()
    (run / PROGRESS).unlink(missing_ok=name == WEIGHTS)  # a recorded run has neither
    assert run_status(run).state == {RESULTS: "interrupted", CONFIG: "damaged", WEIGHTS: "done"}[name]


@pytest.mark.parametrize(
    ("error", "in_study", "begun", "state", "recorded"),
    [
        (ValueError("no"), False, False, "waiting", None),
        (ValueError("no"), False, True, "failed", FAILURE),
        (ValueError("no"), True, False, "failed", FAILURE),
        (InUseError("busy"), True, True, "interrupted", None),
        (DifferentRunError("other"), True, True, "interrupted", REFUSAL),
        (DamagedRunError("empty"), True, True, "interrupted", REFUSAL),
        (DifferentRunError("other"), False, True, "interrupted", None),
        (KeyboardInterrupt(), True, True, "interrupted", None),
    ],
)
def test_an_exception_is_recorded_where_it_is_the_runs_own(
    error: BaseException, in_study: bool, begun: bool, state: str, recorded: str | None, tmp_path: Path
) -> None:
    write(tmp_path, *[CONFIG] * begun)
    with pytest.raises(type(error)), record_failure(tmp_path, in_study=in_study):
        raise error
    found = {path.name: path.read_text() for path in tmp_path.iterdir() if path.name in (FAILURE, REFUSAL)}
    assert list(found) == [recorded] * bool(recorded)
    assert run_status(tmp_path).state == state
    if recorded == FAILURE:
        assert "Traceback" in found[FAILURE]
        assert run_status(tmp_path).reason == "ValueError: no"
    with record_failure(tmp_path, in_study=True):  # the next attempt
        assert not (tmp_path / REFUSAL).exists()


def test_a_failure_that_cannot_be_written_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    write_failure(tmp_path / "file" / "job", "no space")


STATUSES = {
    "rdn-seed1": RunStatus("done", 4000, 4000, 29.916, 600.0),
    "ald_rdn-det-reduction16-lr0.001-betas0.9-0.999-seed1": RunStatus("running", 1000, 4000, 28.0, 600.0),
    "dw-seed1": RunStatus("interrupted", 75_000, 300_000, None, 86400.0 * 4),
    "ldw-seed1": RunStatus("failed", reason="ValueError: no"),
    "rdn-seed2": RunStatus("waiting"),
}


def test_on_a_narrow_terminal_every_state_has_its_row_and_nothing_is_cut_off() -> None:
    output = io.StringIO()
    Console(file=output, width=80, color_system=None).print(status_table(STATUSES))
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert ["".join(cells).replace(" ", "") for cells in zip(*rows, strict=True)] == [
        "".join(STATUSES),
        "donerunninginterruptedfailedwaiting",
        "4,000/4,0001,000/4,00075,000/300,000",
        "29.92dB28.00dB",
        "0:07:303days,0:00:00",
    ]


def test_the_summary_counts_states_and_estimates_the_time_left() -> None:
    """450 s and three days; and where nothing is known, the mean of the others: 600 s, 600 s and four days."""
    counts = "1 done, 1 running, 1 interrupted, 1 failed, 1 waiting"
    assert status_summary(STATUSES).startswith(f"{counts}; the rest takes about 5 days, 16:20:50,")
    assert status_summary({"a": RunStatus("done", seconds=60.0)}) == "1 done"
    assert "is not known" in status_summary({"a": RunStatus("running", 0, 100)})


def test_the_next_command_names_the_folder_as_the_shell_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a = ü {x},y"
    write(folder / "seed1", RESULTS, CONFIG)
    assert print_sweep_summary(folder, ["seed1"])
    assert str(folder) in shlex.split(capsys.readouterr().out.splitlines()[-1])


def test_a_sweep_is_complete_when_each_job_is_done_or_runs_elsewhere_and_none_was_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "seed1", RESULTS, CONFIG)
    write(tmp_path / "of-another-sweep", FAILURE)
    write(tmp_path / "seed2", FAILURE)  # of an earlier attempt
    with lock_folder(tmp_path / "seed2"):
        assert print_sweep_summary(tmp_path, ["seed1", "seed2"])
    output = capsys.readouterr().out
    assert f"python -m aldsr.compare {tmp_path}" in output
    assert "of-another-sweep" not in output
    assert not print_sweep_summary(tmp_path, ["seed1", "seed2"])
    assert "aldsr.compare" not in capsys.readouterr().out
    (tmp_path / "seed1" / REFUSAL).write_text("seed1: ema was 0.9, is now [1]\n")
    assert not print_sweep_summary(tmp_path, ["seed1"])
    assert capsys.readouterr().out.splitlines()[-1] == "refused  seed1: ema was 0.9, is now [1]"
    (tmp_path / "seed1" / RESULTS).write_text("{")
    assert not print_sweep_summary(tmp_path, ["seed1"])
    assert f"damaged  {tmp_path}/seed1/{RESULTS}: " in capsys.readouterr().out
