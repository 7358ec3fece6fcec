"""Where a run stands, read from a folder that no run has made."""

import json
from pathlib import Path
from typing import Any

import pytest

from aldsr.sweep.continuing import DifferentRunError
from aldsr.sweep.folders import InUseError, lock_folder
from aldsr.sweep.status import FAILURE, PROGRESS, REFUSAL, RunStatus, record_failure, run_status, write_failure

KNOWN: dict[str, Any] = {"step": 30, "total": 100, "psnr": 29.5, "seconds": 60.0}


def write(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(json.dumps(KNOWN) if name == PROGRESS else "something\n")
    return folder


def test_a_folder_that_is_not_there_or_empty_waits(tmp_path: Path) -> None:
    assert run_status(tmp_path / "nowhere") == run_status(tmp_path) == RunStatus("waiting")
    assert not (tmp_path / "nowhere").exists()


def test_a_run_with_results_is_done(tmp_path: Path) -> None:
    write(tmp_path, "config.yaml", "results.json", PROGRESS)
    assert run_status(tmp_path) == RunStatus("done", **KNOWN)


def test_a_run_that_is_worked_on_is_running_whatever_went_before(tmp_path: Path) -> None:
    write(tmp_path, "config.yaml", FAILURE, PROGRESS)
    with lock_folder(tmp_path):
        assert run_status(tmp_path) == RunStatus("running", **KNOWN)
    assert run_status(tmp_path).state == "failed"


def test_a_run_that_was_killed_is_interrupted(tmp_path: Path) -> None:
    write(tmp_path, "config.yaml", ".lock", PROGRESS)
    assert run_status(tmp_path) == RunStatus("interrupted", **KNOWN)


def test_a_failed_run_gives_its_reason(tmp_path: Path) -> None:
    write(tmp_path, "config.yaml")
    write_failure(tmp_path, "Traceback:\nValueError: two words")
    assert run_status(tmp_path) == RunStatus("failed", reason="ValueError: two words")
    write_failure(tmp_path, "killed by SIGKILL after 3 s")
    assert run_status(tmp_path).reason == "killed by SIGKILL after 3 s"


def test_a_reason_is_said_without_the_module_of_its_exception(tmp_path: Path) -> None:
    write_failure(tmp_path, "aldsr.sweep.folders.InUseError: a.b.c: is in use")
    assert "aldsr.sweep.folders.InUseError" in (tmp_path / FAILURE).read_text()
    assert run_status(tmp_path).reason == "InUseError: a.b.c: is in use"


def test_an_empty_failure_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / FAILURE).touch()
    assert run_status(tmp_path) == RunStatus("failed")


@pytest.mark.parametrize("content", [b"", b'{"step": 3', b"[1, 2]", b"null", b"\xff\xfe\x00", b'{"step": null}'])
def test_damaged_progress_is_no_progress(content: bytes, tmp_path: Path) -> None:
    write(tmp_path, "config.yaml")
    (tmp_path / PROGRESS).write_bytes(content)
    assert run_status(tmp_path) == RunStatus("interrupted")


def test_progress_before_the_first_validation(tmp_path: Path) -> None:
    write(tmp_path, "config.yaml")
    (tmp_path / PROGRESS).write_text('{"step": 3, "total": 9, "psnr": null, "seconds": null, "other": 1}')
    assert run_status(tmp_path) == RunStatus("interrupted", step=3, total=9)


def test_an_exception_is_recorded_with_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), record_failure(tmp_path / "job", in_study=True):
        1 / 0  # noqa: B018
    told = (tmp_path / "job" / FAILURE).read_text()
    assert "Traceback" in told
    assert told.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_a_mistake_in_a_single_command_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a typing mistake"), record_failure(tmp_path / "run", in_study=False):
        raise ValueError("a typing mistake")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_has_begun_records_its_failure_without_a_study(tmp_path: Path) -> None:
    write(tmp_path, "config.yaml")
    with pytest.raises(ValueError, match="late"), record_failure(tmp_path, in_study=False):
        raise ValueError("late")
    assert run_status(tmp_path) == RunStatus("failed", reason="ValueError: late")


@pytest.mark.parametrize("error", [InUseError("busy"), DifferentRunError("other")])
def test_what_is_about_another_run_is_not_recorded_in_its_folder(error: Exception, tmp_path: Path) -> None:
    write(tmp_path, "config.yaml")
    with pytest.raises(type(error)), record_failure(tmp_path, in_study=True):
        raise error
    assert run_status(tmp_path).state == "interrupted"
    assert (tmp_path / REFUSAL).exists() == isinstance(error, DifferentRunError)


@pytest.mark.parametrize("error", [InUseError("busy"), DifferentRunError("other")])
def test_the_failure_of_the_run_in_the_folder_outlives_what_is_about_another_run(
    error: Exception, tmp_path: Path
) -> None:
    write_failure(write(tmp_path, "config.yaml"), "its own reason")
    before = (tmp_path / FAILURE).read_text()
    with pytest.raises(type(error)), record_failure(tmp_path, in_study=True):
        raise error
    assert (tmp_path / FAILURE).read_text() == before


def test_a_refusal_leaves_its_sentence_until_the_next_attempt(tmp_path: Path) -> None:
    with pytest.raises(DifferentRunError), record_failure(tmp_path, in_study=True):
        raise DifferentRunError("one sentence")
    assert (tmp_path / REFUSAL).read_text() == "one sentence\n"
    with record_failure(tmp_path, in_study=True):
        assert not (tmp_path / REFUSAL).exists()


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
def test_a_run_that_is_told_to_stop_has_not_failed(leaving: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(leaving), record_failure(write(tmp_path, "config.yaml"), in_study=True):
        raise leaving
    assert run_status(tmp_path).state == "interrupted"


def test_the_failure_of_an_earlier_attempt_is_removed(tmp_path: Path) -> None:
    write(tmp_path, "config.yaml", FAILURE)
    with record_failure(tmp_path, in_study=True):
        pass
    assert not (tmp_path / FAILURE).exists()


def test_a_run_that_failed_once_and_is_told_to_stop_the_next_time_has_not_failed(tmp_path: Path) -> None:
    write(tmp_path, "config.yaml", FAILURE)
    with pytest.raises(SystemExit), record_failure(tmp_path, in_study=True):
        raise SystemExit(143)
    assert run_status(tmp_path).state == "interrupted"


def test_a_failure_that_cannot_be_written_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    write_failure(tmp_path / "file" / "job", "no space")
