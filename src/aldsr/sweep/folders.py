"""Run folders: one per run, one process at a time in each, and no run ever written over another."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from aldsr.core.errors import UserError
from aldsr.core.run_files import ARCHIVED, CONFIG, LOCK


class InUseError(UserError):
    """Another process works in the folder."""


def open_folder(folder: Path, *, goes_on: bool) -> Path | None:
    """Make a run's folder. What it holds of another run is moved aside, unless the run goes on.

    Returns:
        Where the earlier run was moved to (`NAME-archived-20260131-120000`), if there was one.

    Raises:
        OSError: if the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".probe"
    probe.touch()
    probe.unlink()
    if goes_on:
        for left in folder.rglob("*.part"):  # by a process that was killed
            left.unlink(missing_ok=True)
    if goes_on or not (folder / CONFIG).exists():
        return None
    moved = folder.with_name(f"{folder.name}{ARCHIVED}{datetime.now():%Y%m%d-%H%M%S}")
    moved.mkdir()
    # The config last, so that a move that was broken off is taken up again; the lock stays, since it is held.
    for each in sorted(folder.iterdir(), key=lambda path: path.name == CONFIG):
        if each.name != LOCK:
            each.rename(moved / each.name)
    return moved


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder. It is free again when this process ends, however it ends.

    Raises:
        InUseError: if another process has it.
        OSError: if the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=1)
    except Timeout:
        raise InUseError(f"{folder}: another process is working in it; wait for it or choose another folder") from None
    try:
        yield
    finally:
        lock.release()


def in_use(folder: Path) -> bool:
    """Whether some process holds the folder."""
    if not (folder / LOCK).is_file():
        return False
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:  # somebody else's folder, or one on a read-only disk, can be looked at, but not locked
        return False
    lock.release()
    return False
