"""What lies in a folder of images, how it is listed in messages, and what is said if it cannot be read."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image

from aldsr.core.errors import list_names
from aldsr.data.images import DataError


class UnreadableError(DataError):
    """A `folder` that is there, and whose files cannot be listed or opened."""

    def __init__(self, message: str, folder: Path) -> None:
        super().__init__(message)
        self.folder = folder


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise UnreadableError for an error of looking at a path, naming the folder that does not let itself be read."""
    try:
        yield
    except OSError as error:
        folder = _find_seen(Path(error.filename or path))
        advice = "let your user read and enter it (chmod u+rx)"
        if not isinstance(error, PermissionError):
            advice = "check its disk"
        reason = (error.strerror or str(error)).lower()
        message = f"{folder}: cannot be read ({reason}); {advice}, or name another folder"
        raise UnreadableError(message, folder) from error


def _find_seen(path: Path) -> Path:
    """The path or, where a folder above is closed, so that nobody knows what is in there, that folder."""
    for each in (path, *path.parents):
        with suppress(OSError):
            each.lstat()
            return each
    return path


@contextmanager
def naming(option: str) -> Iterator[None]:
    """Say which option named a folder that cannot be read."""
    try:
        yield
    except UnreadableError as error:
        raise UnreadableError(f"{option}: {error}", error.folder) from error


def is_folder(path: Path) -> bool:
    """Whether a folder is there; raises UnreadableError where that cannot be seen."""
    with reading(path):
        try:
            return stat.S_ISDIR(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: no name that a file can have
            return False


def image_files(folder: str | Path) -> list[Path]:
    """The image files of a folder (not of its subfolders), by name; hidden files are left out.

    Raises DataError if the folder is missing, is no folder, cannot be read, or holds no image.
    """
    folder = Path(folder).expanduser()
    if not is_folder(folder):
        found = "a file" if folder.exists() else "nothing"
        raise DataError(f"{folder}: expected a folder of images, found {found} there; check the path")
    files, others, folders = list_folder(folder)
    if not files:
        found = f", but {list_names([path.name for path in (*others, *folders)])}" if others or folders else ""
        raise DataError(f"{folder}: holds no image file{found}; expected PNG, JPEG, WebP or another format of Pillow")
    return files


def list_folder(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """The image files of a folder by their endings, its other files, and its folders, by name; nothing hidden.

    Raises UnreadableError if they cannot be listed, or could not be opened.
    """
    readable = {suffix for suffix, format in Image.registered_extensions().items() if format in Image.OPEN}
    found: tuple[list[Path], list[Path], list[Path]] = [], [], []
    with reading(folder), os.scandir(folder) as entries:
        os.stat(f"{folder}/.")  # noqa: PTH116  # which may be forbidden where listing is not; `Path` drops the dot
        for name, has_files in sorted((each.name, each.is_dir()) for each in entries if not each.name.startswith(".")):
            path = folder / name
            found[2 if has_files else 0 if path.suffix.lower() in readable else 1].append(path)
    return found


def describe_others(folder: Path) -> str | None:
    """A sentence that counts the files of a folder that are left out, if there are some."""
    others = [file.name for file in list_folder(folder)[1]]
    return f"{folder}: {len(others)} left out, in no format that Pillow reads: {list_names(others)}" if others else None
