"""What lies in a folder of images, and how it is listed in messages."""

import os
from pathlib import Path

from PIL import Image

from aldsr.core.errors import list_names
from aldsr.data.images import DataError


def image_files(folder: str | Path) -> list[Path]:
    """The image files of a folder (not of its subfolders), by name; hidden files are left out.

    Raises DataError if the folder is missing, is no folder, or holds no image.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise DataError(f"{folder}: expected a folder of images, found {found} there; check the path")
    files, others, folders = list_folder(folder)
    if not files:
        found = f", but {list_names([path.name for path in (*others, *folders)])}" if others or folders else ""
        raise DataError(f"{folder}: holds no image file{found}; expected PNG, JPEG, WebP or another format of Pillow")
    return files


def list_folder(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """The image files of a folder by their endings, its other files, and its folders, by name; nothing hidden."""
    readable = {suffix for suffix, format in Image.registered_extensions().items() if format in Image.OPEN}
    found: tuple[list[Path], list[Path], list[Path]] = [], [], []
    with os.scandir(folder) as entries:
        for name, is_folder in sorted((each.name, each.is_dir()) for each in entries if not each.name.startswith(".")):
            path = folder / name
            found[2 if is_folder else 0 if path.suffix.lower() in readable else 1].append(path)
    return found


def describe_others(folder: Path) -> str | None:
    """A sentence that counts the files of a folder that are left out, if there are some."""
    others = [file.name for file in list_folder(folder)[1]]
    return f"{folder}: {len(others)} left out, in no format that Pillow reads: {list_names(others)}" if others else None
