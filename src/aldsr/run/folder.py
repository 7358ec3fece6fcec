"""A run's folder: opened, locked, and compared with what it holds."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from aldsr.core.errors import OptionError
from aldsr.core.files import atomic_write, check_room
from aldsr.core.run_files import CHECKPOINT, CONFIG, RESULTS, TABLES, WEIGHTS
from aldsr.core.settings import RunSettings
from aldsr.sweep.folders import DamagedRunError, load_config, lock_folder, open_run_folder


def read_settings(run_dir: str | Path) -> RunSettings:
    """The settings in a run's folder. Raises DamagedRunError if they cannot be read, or lack an option."""
    try:
        return RunSettings.from_config(load_config(Path(run_dir)))
    except OptionError as error:
        raise DamagedRunError(f"{Path(run_dir) / CONFIG}: {error}; put the run's own back") from error


@contextmanager
def open_run(
    run_dir: str, config: Mapping[str, Any], *, keep: bool, earlier_results: str | None = None, room: int = 0
) -> Iterator[None]:
    """Make a run's folder, lock it, and write its config.yaml, from plain data.

    `keep`: what the folder holds stays; else an earlier run is moved aside. `earlier_results` is where in the folder
    those of a shorter run go, since a run that has results is done; `room` are the bytes that will be written.

    Raises OptionError if the folder cannot be written, or lacks room, and InUseError if another process works in it.
    """
    folder = Path(run_dir)
    for name in ("", Path(CHECKPOINT).parent, "pictures"):
        check_room(f"run_dir={run_dir}", folder / name, room)
    with lock_folder(folder):
        if moved := open_run_folder(folder, keep=keep):
            print(f"{folder} held an earlier run, which is now {moved}")
        if earlier_results:
            (folder / earlier_results).mkdir(parents=True, exist_ok=True)
            for file in filter(Path.is_file, (folder / name for name in (RESULTS, *TABLES, WEIGHTS))):
                file.rename(folder / earlier_results / file.name)
        with atomic_write(folder / CONFIG) as temporary:
            OmegaConf.save(OmegaConf.create(dict(config)), temporary)
        yield
