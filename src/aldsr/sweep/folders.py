"""Run folders: one per run, locked by the process that works in it; an earlier run is archived, never overwritten."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from aldsr.core.errors import UserError
from aldsr.core.run_files import ARCHIVED, CONFIG, FAILURE, LOCK, RESULTS
from aldsr.core.settings import flatten, folder_label, rule_of


class InUseError(UserError):
    """Another process works in the folder."""


class DifferentRunError(UserError):
    """The folder holds another run."""


class DamagedRunError(UserError):
    """The folder's run has a file that cannot be read."""


def open_run_folder(folder: Path, *, keep: bool) -> Path | None:
    """Create a run's folder, or prepare the one that exists; return where an earlier run was moved to, or None.

    `keep`: continue the run in the folder, and remove only its recorded failure and the temporary files of a killed
    process. Otherwise an earlier run is moved aside (`NAME-archived-20260131-120000`). Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if keep or not any((folder / name).exists() for name in (CONFIG, RESULTS)):
        for temporary in folder.rglob("*.part"):
            temporary.unlink(missing_ok=True)
        (folder / FAILURE).unlink(missing_ok=True)
        return None
    named = folder if folder.name else folder.resolve()
    archive = named.with_name(f"{named.name}{ARCHIVED}{datetime.now():%Y%m%d-%H%M%S}")
    while archive.exists():  # of the same second
        archive = archive.with_name(f"{archive.name}-again")
    archive.mkdir()
    # The config is moved last, so that an interrupted move is resumed. The lock stays, since this process holds it.
    for path in sorted(folder.iterdir(), key=lambda path: path.name == CONFIG):
        if path.name != LOCK:
            path.rename(archive / path.name)
    return archive


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock a folder until this process ends, even if it is killed. Raises InUseError if another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / LOCK).acquire(timeout=1)
    except Timeout:
        raise InUseError(f"{folder}: another process is working in it; wait for it or choose another folder") from None
    with lock:
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process holds the folder's lock."""
    if not (folder / LOCK).is_file():
        return False
    try:
        with FileLock(folder / LOCK).acquire(blocking=False):
            return False
    except Timeout:
        return True
    except OSError:  # without write permission the folder can be read, but not locked
        return False


def load_config(folder: Path) -> dict[str, Any]:
    """The config.yaml in a run's folder as plain data. Raises DamagedRunError if it cannot be read."""
    config: Any = None
    try:
        config = OmegaConf.to_container(OmegaConf.load(folder / CONFIG))
        reason = "empty" if not config else "no options"
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        reason = str(error)
    if config and isinstance(config, dict):
        return {str(key): value for key, value in config.items()}
    raise DamagedRunError(
        f"{folder / CONFIG}: cannot be read ({reason}), so what this run was is not known; put its own back, or move "
        "the folder away to start anew"
    )


def check_same(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise DifferentRunError if a run is not the one in its folder, naming the settings that differ."""
    if found := list(find_differences(folder, config)):
        shown = "; ".join(f"{key} was {theirs}, is now {ours}" for key, theirs, ours in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise DifferentRunError(
            f"{folder}: holds a run of another configuration ({shown}{more}); give this one another study.name or "
            "run_dir, or move the folder away"
        )


def find_differences(folder: Path, config: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Settings in which a run differs from that in its folder though they may not change, with both values.

    Of a path its last name counts, so that a data set may move.
    """
    earlier = load_config(folder)
    theirs, ours = (
        {key: _name(value) for key, value in flatten(each).items() if not rule_of(key).may_change}
        for each in (earlier, config)
    )
    for key in sorted(theirs.keys() | ours.keys()):
        if theirs.get(key) != ours.get(key):
            yield key, theirs.get(key), ours.get(key)


def _name(value: Any) -> Any:
    if isinstance(value, list):
        return [_name(each) for each in value]
    return folder_label(value) if isinstance(value, str) and "/" in value else value
