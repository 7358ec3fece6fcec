"""A run's folder: opened, locked, and compared with what it holds."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.console import Console

from aldsr.core.errors import OptionError
from aldsr.core.files import atomic_write
from aldsr.core.run_files import CONFIG
from aldsr.core.settings import RunSettings
from aldsr.sweep.folders import check_same, lock_folder, open_run_folder
from aldsr.sweep.status import run_status


def is_done(settings: RunSettings) -> bool:
    """Whether the folder holds this run, finished. Raises DifferentRunError if the folder holds another run."""
    folder = Path(settings.run_dir)
    if not (folder / CONFIG).is_file():
        return False
    check_same(folder, settings.to_config())
    return run_status(folder).state == "done"


def read_settings(run_dir: str) -> RunSettings:
    """The settings that the first machine has written into the run's folder."""
    config: Any = OmegaConf.to_container(OmegaConf.load(Path(run_dir) / CONFIG))
    return RunSettings.from_config(config)


@contextmanager
def open_run(run_dir: str, config: Mapping[str, Any], *, keep: bool) -> Iterator[None]:
    """Make a run's folder, lock it, and write its config.yaml.

    Args:
        run_dir: the folder.
        config: nested plain data.
        keep: whether what the folder holds stays; else an earlier run is moved aside.

    Raises:
        OptionError: if the folder cannot be written.
        InUseError: if another process works in it.
    """
    folder = Path(run_dir)
    with ExitStack() as lock:
        try:
            lock.enter_context(lock_folder(folder))
            if moved := open_run_folder(folder, keep=keep):
                Console().print(f"{folder} held an earlier run, which is now {moved}", highlight=False, soft_wrap=True)
            with atomic_write(folder / CONFIG) as temporary:
                OmegaConf.save(OmegaConf.create(dict(config)), temporary)
        except OSError as error:
            reason = error.strerror or error
            raise OptionError(f"run_dir={folder}: cannot be written ({reason}); choose another folder") from error
        yield
