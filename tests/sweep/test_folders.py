"""Run folders."""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from aldsr.core.run_files import FAILURE, LOCK
from aldsr.sweep.folders import InUseError, is_locked, lock_folder, open_run_folder

# Another process that locks the folder; it does without aldsr, which takes seconds to import.
HOLDER = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", HOLDER, str(folder / LOCK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_new_folder_is_created(tmp_path: Path) -> None:
    assert open_run_folder(tmp_path / "runs" / "a", keep=False) is None
    assert list((tmp_path / "runs" / "a").iterdir()) == []


def test_an_earlier_run_is_archived(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "results.json", "checkpoints/last.ckpt", ".hidden"):
        (folder / name).write_text(f"old {name}")
    with lock_folder(folder):
        archive = open_run_folder(folder, keep=False)
    assert archive is not None
    assert re.fullmatch(r"a-archived-\d{8}-\d{6}", archive.name)
    assert files(folder) == [LOCK]
    assert files(archive) == [".hidden", "checkpoints/last.ckpt", "config.yaml", "results.json"]
    assert (archive / "checkpoints" / "last.ckpt").read_text() == "old checkpoints/last.ckpt"


def test_runs_archived_within_one_second_are_all_kept(tmp_path: Path) -> None:
    for _ in range(3):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / "config.yaml").touch()
        open_run_folder(tmp_path / "a", keep=False)
    assert len(list(tmp_path.glob("a-archived-*/config.yaml"))) == 3


def test_an_interrupted_move_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, original, moves = tmp_path / "a", Path.rename, []
    folder.mkdir()
    for name in ("config.yaml", "results.json", "zzz"):
        (folder / name).write_text("old")

    def rename(path: Path, target: Path) -> Path:
        if len(moves) == 1:
            raise KeyboardInterrupt
        moves.append(path.name)
        return original(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            open_run_folder(folder, keep=False)
    assert "config.yaml" in files(folder)
    (archive,) = tmp_path.glob("*-archived-*")
    archive.rename(f"{archive}-earlier")  # as if a second had passed
    open_run_folder(folder, keep=False)
    assert files(folder) == []
    assert sorted(Path(name).name for name in files(tmp_path)) == ["config.yaml", "results.json", "zzz"]


def test_a_continued_run_keeps_its_folder_without_failure_and_temporary_files(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    kept = ["checkpoints/last.ckpt", "config.yaml"]
    for name in ("log.csv.0f.part", "checkpoints/last.ckpt.1e.part", FAILURE, *kept):
        (tmp_path / name).touch()
    assert open_run_folder(tmp_path, keep=True) is None
    assert files(tmp_path) == kept


@pytest.mark.slow
def test_a_locked_folder_keeps_another_process_out_until_that_process_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with another_process(folder) as process:
        assert is_locked(folder)
        with pytest.raises(InUseError, match=str(folder)), lock_folder(folder):
            pytest.fail("two processes hold the lock")
        process.kill()
        process.wait()
        assert not is_locked(folder)
        with lock_folder(folder):
            assert is_locked(folder)


def test_an_error_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="enough"), lock_folder(tmp_path / "run"):
        raise ValueError("enough")
    assert not is_locked(tmp_path / "run")


def test_looking_at_a_lock_leaves_no_trace(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert not is_locked(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_write_permission_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def acquire(self: FileLock, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self.lock_file)

    (tmp_path / LOCK).touch()
    monkeypatch.setattr(FileLock, "acquire", acquire)
    assert not is_locked(tmp_path)
