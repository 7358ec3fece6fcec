"""Where training images lie: in folders, in numbered folders inside them, and those of them that a list names."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aldsr.core.files import absolute
from aldsr.data.folders import UnreadableError, is_folder, list_folder
from aldsr.data.images import DataError
from aldsr.data.layouts import MADE

SIZE = re.compile(r"\s+\(\d+,\s*\d+(,\s*\d+)?\)$")  # as in BasicSR's meta_info: "0001.png (1404,2040,3)"


class Place(NamedTuple):
    """A folder of images, that of LR as the user named it, and the line of each listed image; None: all images."""

    folder: Path
    lr: Any = None
    lines: dict[str, int] | None = None


@contextmanager
def naming_options(use: str, folders: Sequence[str | Path], lr_dirs: Sequence[Any]) -> Iterator[None]:
    """Say which option named a folder that cannot be read, for HR or for LR; `use` is "train" or "eval"."""
    try:
        yield
    except UnreadableError as error:
        closed = absolute(error.folder)
        of_hr, of_lr = ([absolute(each) for each in given if each not in (None, MADE)] for given in (folders, lr_dirs))
        inside = any(closed.is_relative_to(each) for each in of_lr)
        above = any(each.is_relative_to(closed) for each in of_lr) > any(each.is_relative_to(closed) for each in of_hr)
        raise DataError(f"data.{use}_{'lr_dirs' if inside or above else 'dirs'}: {error}") from error


def find_places(folders: Sequence[str | Path], lr_dirs: Sequence[Any], listed: str | None = None) -> Iterator[Place]:
    """The folders that hold images: those given, or the numbered ones inside, as LSDIR has them; or those of a list.

    Raises DataError naming what is wrong with the list.
    """
    roots = [absolute(folder) if listed else Path(folder).expanduser() for folder in folders]
    if listed:
        yield from _read_list(Path(listed).expanduser(), list(zip(roots, lr_dirs, strict=True)))
        return
    for root, lr in zip(roots, lr_dirs, strict=True):
        images, _, inside = list_folder(root) if is_folder(root) else ([], [], [])
        parts = [] if images else [each for each in inside if each.name.isdecimal()]
        for part in parts or [root]:
            yield Place(part, _beside(lr, part.relative_to(root)))


def _read_list(file: Path, roots: Sequence[tuple[Path, Any]]) -> Iterator[Place]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"data.train_list={file}: cannot be read ({error}); expected a text file") from error
    found: dict[Path, dict[str, int]] = {}
    for number, line in enumerate(lines, 1):
        if not (name := SIZE.sub("", line.strip())):
            continue
        path = absolute(roots[0][0] / name)
        if found.setdefault(path.parent, {}).setdefault(path.name, number) != number:
            raise DataError(f"{file}, line {number}: {name} stands in line {found[path.parent][path.name]} already")
    for folder, names in sorted(found.items()):
        if not is_folder(folder):
            say_missing(file, folder, names)
        root, lr = next(((root, lr) for root, lr in roots if folder.is_relative_to(root)), (folder, None))
        yield Place(folder, _beside(lr, folder.relative_to(root)), names)
    for root, _ in roots:
        if not any(folder.is_relative_to(root) for folder in found):
            raise DataError(f"{file}: names no image in {root}, of data.train_dirs; add some, or leave the folder out")


def say_missing(file: str | Path | None, folder: Path, names: dict[str, int]) -> None:
    """Raise DataError for the first of listed images that are not there, if there is one."""
    for name, line in names.items():
        raise DataError(
            f"{file}, line {line}: {folder / name}: there is no such image; expected a path from the first folder of "
            "data.train_dirs, or an absolute one"
        )


def _beside(lr: Any, inside: Path) -> Any:
    """The LR folder for a folder inside HR: of the same name, if there is one."""
    return Path(lr) / inside if lr not in (None, MADE) and is_folder(Path(lr) / inside) else lr
