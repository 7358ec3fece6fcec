"""Run folders, and when a run is the one that its folder holds."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from filelock import FileLock
from omegaconf import OmegaConf

from aldsr.core.run_files import CONFIG, FAILURE, LOCK
from aldsr.sweep.folders import (
    DamagedRunError,
    DifferentRunError,
    InUseError,
    check_same,
    is_locked,
    lock_folder,
    open_run_folder,
)

# Another process that locks a folder; it does without aldsr, which takes seconds to import.
HOLDER = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("locked", flush=True)
sys.stdin.read()
"""
RUN: dict[str, Any] = {
    "run_dir": "runs/a",
    "seed": 0,
    "ema": None,
    "data": {"train_dirs": ["/here/train", "/here/more"], "train_lr_dirs": ["/here/mild/X4", None]},
    "optimizer": {"betas": [0.9, 0.999]},
}


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_earlier_runs_are_archived_even_within_one_second(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    assert open_run_folder(folder, keep=False) is None
    assert files(folder) == []
    for number in range(3):
        (folder / "checkpoints").mkdir()
        for name in (CONFIG, "results.json", "checkpoints/last.ckpt", ".hidden"):
            (folder / name).write_text(f"run {number}")
        with lock_folder(folder):
            archive = open_run_folder(folder, keep=False)
        assert archive is not None
        assert re.match(r"a-archived-\d{8}-\d{6}", archive.name)
        assert files(folder) == [LOCK]
        assert files(archive) == [".hidden", "checkpoints/last.ckpt", CONFIG, "results.json"]
        assert (archive / "checkpoints" / "last.ckpt").read_text() == f"run {number}"
    assert len(list(folder.parent.glob("a-archived-*"))) == 3


def test_an_interrupted_move_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, original, moves = tmp_path / "a", Path.rename, []
    folder.mkdir()
    for name in (CONFIG, "results.json", "zzz"):
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
    assert CONFIG in files(folder)
    open_run_folder(folder, keep=False)
    assert files(folder) == []
    assert sorted(Path(name).name for name in files(tmp_path)) == [CONFIG, "results.json", "zzz"]


def test_a_continued_run_keeps_its_folder_without_failure_and_temporary_files(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    kept = ["checkpoints/last.ckpt", CONFIG]
    for name in ("log.csv.0f.part", "checkpoints/last.ckpt.1e.part", FAILURE, *kept):
        (tmp_path / name).touch()
    assert open_run_folder(tmp_path, keep=True) is None
    assert files(tmp_path) == kept


@pytest.mark.slow
def test_a_locked_folder_keeps_another_process_out_until_that_process_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / LOCK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        assert is_locked(tmp_path)
        with pytest.raises(InUseError, match=str(tmp_path)), lock_folder(tmp_path):
            pytest.fail("two processes hold the lock")
        process.kill()
        process.wait()
        assert not is_locked(tmp_path)
        with lock_folder(tmp_path):
            assert is_locked(tmp_path)


def test_looking_at_a_lock_leaves_no_trace_and_an_error_releases_it(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert not is_locked(folder)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="enough"), lock_folder(tmp_path):
        raise ValueError("enough")
    assert not is_locked(tmp_path)


def test_a_folder_without_write_permission_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / LOCK).touch()
    monkeypatch.setattr(FileLock, "acquire", Mock(side_effect=PermissionError))
    assert not is_locked(tmp_path)


DATA = {"train_dirs": ["/there/train", "../more"], "train_lr_dirs": ["../mild/X4", None]}
MOVED = {"run_dir": "/elsewhere/b", "ckpt_path": "last.ckpt", "data": DATA}


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        ({**MOVED, "new": None, "logger": {"project": "aldsr"}}, ""),
        ({"seed": 1}, "seed was 0, is now 1"),
        ({"ema": 0.999}, "ema was None, is now 0.999"),
        ({"new": 3}, "new was None, is now 3"),
        ({"optimizer": {"betas": [0.9, 0.99]}}, "optimizer.betas was [0.9, 0.999], is now [0.9, 0.99]"),
        ({"data": {**DATA, "train_dirs": ["/here/train"]}}, "data.train_dirs was ['train', 'more'], is now ['train']"),
        ({"data": {**DATA, "train_lr_dirs": ["/x/X4"]}}, "train_lr_dirs was ['mild/X4', None], is now ['x/X4']"),
        ({**dict.fromkeys("bcde", 1), "seed": 1}, "c was None, is now 1; d was None, is now 1 and 2 more"),
    ],
)
def test_a_run_is_the_same_unless_its_settings_differ(change: dict[str, Any], differences: str, tmp_path: Path) -> None:
    OmegaConf.save(OmegaConf.create(RUN), tmp_path / CONFIG)
    if not differences:
        check_same(tmp_path, RUN | change)
        return
    with pytest.raises(DifferentRunError, match=re.escape(str(tmp_path))) as caught:
        check_same(tmp_path, RUN | change)
    assert f"{differences})" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"a: [1", b"a: ${b", b"- 1", b"\xff\xfe\x00"])
def test_a_configuration_that_cannot_be_read_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_bytes(content)
    with pytest.raises(DamagedRunError, match=CONFIG):
        check_same(tmp_path, RUN)
