"""Run folders: one per run, and no run ever written over another."""

from datetime import datetime
from pathlib import Path


def open_folder(folder: Path, *, goes_on: bool) -> Path | None:
    """Make a run's folder. If it holds another run, that one is moved aside, unless the run goes on.

    Returns:
        Where the earlier run was moved to (`NAME-archived-20260131-120000`), if there was one.

    Raises:
        OSError: if the folder cannot be made or written.
    """
    moved = None
    if not goes_on and (folder / "config.yaml").exists():
        moved = folder.with_name(f"{folder.name}-archived-{datetime.now():%Y%m%d-%H%M%S}")
        folder.rename(moved)
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".probe"
    probe.touch()
    probe.unlink()
    return moved
