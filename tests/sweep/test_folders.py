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

from aldsr.sweep.folders import LOCK, InUseError, is_locked, lock_folder, open_run_folder

# Another process that has the folder; it does without aldsr, which takes seconds to import.
HOLDER = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("lock_folder", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", HOLDER, str(folder / LOCK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "lock_folder\n"
        yield process
        process.kill()


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    assert open_run_folder(tmp_path / "runs" / "a", keep=False) is None
    assert list((tmp_path / "runs" / "a").iterdir()) == []


def test_an_earlier_run_is_moved_aside(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "results.json", "checkpoints/last.ckpt", ".hidden"):
        (folder / name).write_text(f"old {name}")
    with lock_folder(folder):
        moved = open_run_folder(folder, keep=False)
    assert moved is not None
    assert re.fullmatch(r"a-archived-\d{8}-\d{6}", moved.name)
    assert [path.name for path in folder.iterdir()] == [LOCK]
    assert sorted(path.name for path in moved.iterdir()) == [".hidden", "checkpoints", "config.yaml", "results.json"]
    assert (moved / "checkpoints" / "last.ckpt").read_text() == "old checkpoints/last.ckpt"


def test_a_move_that_was_broken_off_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for name in ("config.yaml", "results.json", "zzz"):
        (folder / name).write_text("old")

    original, moves = Path.rename, []

    def rename(path: Path, target: Path) -> Path:
        if len(moves) == 1:
            raise KeyboardInterrupt
        moves.append(path.name)
        return original(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            open_run_folder(folder, keep=False)
    assert (folder / "config.yaml").exists()
    monkeypatch.setattr("aldsr.sweep.folders.datetime", Later)
    open_run_folder(folder, keep=False)
    assert list(folder.iterdir()) == []
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["config.yaml", "results.json", "zzz"]


class Later:
    """Another second."""

    @staticmethod
    def now() -> "Later":
        return Later()

    def __format__(self, form: str) -> str:
        return "20990101-000000"


def test_a_run_that_goes_on_keeps_its_folder(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("old")
    assert open_run_folder(tmp_path, keep=True) is None
    assert (tmp_path / "config.yaml").read_text() == "old"


def test_what_a_killed_process_had_half_written_is_removed_when_going_on(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    for name in ("log.csv.0f.part", "checkpoints/last.ckpt.1e.part", "checkpoints/last.ckpt", "config.yaml"):
        (tmp_path / name).touch()
    open_run_folder(tmp_path, keep=True)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["config.yaml", "last.ckpt"]


def test_a_held_folder_keeps_another_process_out(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with another_process(folder):
        assert is_locked(folder)
        said = rf"{folder}: another process is working in it; wait for it or choose another folder"
        with pytest.raises(InUseError, match=re.escape(said)), lock_folder(folder):
            pytest.fail("two are in")


def test_a_folder_is_free_when_its_process_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with another_process(folder) as process:
        assert is_locked(folder)
        process.kill()
        process.wait()
        assert not is_locked(folder)
        with lock_folder(folder):
            assert is_locked(folder)


def test_a_folder_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="enough"), lock_folder(tmp_path / "run"):
        raise ValueError("enough")
    assert not is_locked(tmp_path / "run")


def test_looking_does_not_take_a_folder_and_leaves_no_trace(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert not is_locked(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_someone_else_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def acquire(self: FileLock, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self.lock_file)

    (tmp_path / LOCK).touch()
    monkeypatch.setattr(FileLock, "acquire", acquire)
    assert not is_locked(tmp_path)
