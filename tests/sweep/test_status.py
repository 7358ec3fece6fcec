"""Status of a run, read from a folder that no run has made."""

import json
from pathlib import Path
from typing import Any

import pytest

from aldsr.core.run_files import FAILURE, PROGRESS, REFUSAL
from aldsr.sweep.continuing import DifferentRunError
from aldsr.sweep.folders import InUseError, lock_folder
from aldsr.sweep.status import RunStatus, record_failure, run_status, write_failure

KNOWN: dict[str, Any] = {"step": 30, "total": 100, "psnr": 29.5, "seconds": 60.0}


def write(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(json.dumps(KNOWN) if name == PROGRESS else "something\n")
    return folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], RunStatus("waiting")),
        (["config.yaml", "results.json", PROGRESS], RunStatus("done", **KNOWN)),
        (["config.yaml", ".lock", PROGRESS], RunStatus("interrupted", **KNOWN)),
        (["config.yaml", FAILURE], RunStatus("failed", reason="something")),
    ],
)
def test_the_files_of_a_folder_tell_its_status(files: list[str], expected: RunStatus, tmp_path: Path) -> None:
    assert run_status(write(tmp_path, *files)) == expected


def test_a_missing_folder_is_waiting_and_is_not_created(tmp_path: Path) -> None:
    assert run_status(tmp_path / "nowhere") == RunStatus("waiting")
    assert not (tmp_path / "nowhere").exists()


def test_a_locked_run_is_running_even_after_a_failure(tmp_path: Path) -> None:
    write(tmp_path, "config.yaml", FAILURE, PROGRESS)
    with lock_folder(tmp_path):
        assert run_status(tmp_path) == RunStatus("running", **KNOWN)
    assert run_status(tmp_path).state == "failed"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Traceback …\nValueError: two words\n", "ValueError: two words"),
        ("aldsr.sweep.folders.InUseError: a.b.c: is in use", "InUseError: a.b.c: is in use"),
        ("", ""),
    ],
)
def test_the_reason_is_the_last_line_without_the_module_of_its_exception(
    content: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / FAILURE).write_text(content)
    assert run_status(tmp_path) == RunStatus("failed", reason=reason)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", {}),
        (b'{"step": 3', {}),
        (b"[1, 2]", {}),
        (b"\xff\xfe\x00", {}),
        (b'{"step": 3, "total": 9, "psnr": null, "seconds": null, "other": 1}', {"step": 3, "total": 9}),
    ],
)
def test_incomplete_or_damaged_progress_gives_what_it_has(
    content: bytes, expected: dict[str, int], tmp_path: Path
) -> None:
    write(tmp_path, "config.yaml")
    (tmp_path / PROGRESS).write_bytes(content)
    assert run_status(tmp_path) == RunStatus("interrupted", **expected)  # type: ignore[arg-type]


def test_a_job_of_a_study_records_its_exception_with_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), record_failure(tmp_path / "job", in_study=True):
        1 / 0  # noqa: B018
    failure = (tmp_path / "job" / FAILURE).read_text()
    assert "Traceback" in failure
    assert failure.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_a_single_run_records_its_exception_only_after_it_has_begun(tmp_path: Path) -> None:
    for expected in ("waiting", "failed"):
        with pytest.raises(ValueError, match="a typing mistake"), record_failure(tmp_path / "run", in_study=False):
            raise ValueError("a typing mistake")
        assert run_status(tmp_path / "run").state == expected
        write(tmp_path / "run", "config.yaml")


@pytest.mark.parametrize("error", [InUseError("busy"), DifferentRunError("other")])
def test_an_error_about_another_run_leaves_that_run_as_it_is(error: Exception, tmp_path: Path) -> None:
    write(tmp_path, "config.yaml", FAILURE)
    with pytest.raises(type(error)), record_failure(tmp_path, in_study=True):
        raise error
    assert run_status(tmp_path) == RunStatus("failed", reason="something")
    refusal = (tmp_path / REFUSAL).read_text() if (tmp_path / REFUSAL).exists() else None
    assert refusal == ("other\n" if isinstance(error, DifferentRunError) else None)
    with record_failure(tmp_path, in_study=True):  # the next attempt
        assert not (tmp_path / REFUSAL).exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_run_that_is_stopped_has_not_failed(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error), record_failure(write(tmp_path, "config.yaml"), in_study=True):
        raise error
    assert run_status(tmp_path).state == "interrupted"


def test_a_failure_that_cannot_be_written_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    write_failure(tmp_path / "file" / "job", "no space")
