"""Find the LR file of every HR file of a set; see `aldsr.data.layouts` for the folders."""

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aldsr.core.errors import list_names
from aldsr.core.files import absolute
from aldsr.data.folders import image_files
from aldsr.data.images import DataError
from aldsr.data.layouts import (
    ADVICE,
    HR_FILE,
    LR_FILE,
    LR_MARK,
    SetFolders,
    find_folders,
    is_hr,
    lies_in_hr,
    match_names,
)


@dataclass(frozen=True)
class Pair:
    """An HR file and its LR file, None where it has to be made; `track`: how LR was made, None if not known."""

    name: str
    hr: Path
    lr: Path | None
    track: str | None = "bicubic"


def set_name(folder: str | Path) -> str:
    """The name of a set of images in tables, by its folder: `Set5`, `DIV2K_valid`."""
    folder = absolute(folder)
    while is_hr(folder.name) or (re.fullmatch(r"[xX]\d", folder.name) and lies_in_hr(folder)):
        folder = folder.parent
    name = folder.name
    return name.removesuffix("_HR") or name


def find_pairs(folder: str | Path, *, scale: int, lr: str | Path | None = None, track: str = "bicubic") -> list[Pair]:
    """Find the pairs of a set, sorted by name; `lr` and `track` as in `find_folders`.

    Raises DataError if the folder is missing or empty, two files share a name, or HR lacks LR or the reverse.
    """
    return pair_files(find_folders(folder, scale, lr, track), scale=scale)


def pair_files(folders: SetFolders, *, scale: int) -> list[Pair]:
    """The pairs of a set whose folders are found; raises DataError as `find_pairs` does."""
    pairs, faults = match_files(folders, scale=scale)
    for _, message in faults:
        raise DataError(message)
    return pairs


def match_files(folders: SetFolders, *, scale: int) -> tuple[list[Pair], list[tuple[str, str]]]:
    """Pair all HR files of a set, whatever is missing; also the faults in their names, each as kind and message.

    Raises DataError if the folder is missing or empty.
    """
    hr_folder, lr_folder = folders.hr, folders.lr
    hr = image_files(hr_folder)
    names = [file.stem for file in hr]
    lr_files = image_files(lr_folder) if lr_folder else []
    matched = match_names({*names}, [file.stem for file in lr_files], scale)
    lr_names = [name for name, _ in matched]
    twins = (*find_repeated(hr, names), *find_repeated(lr_files, matched))
    advice = "give every image a name of its own"
    faults = [("same name", f"{file}: has the same name as {other.name}; {advice}") for file, other in twins]
    if among := find_lr_among(names):
        message = f"{hr_folder}: {list_names(among)} are LR of HR there and would count as HR; move them elsewhere"
        faults.append(("LR among HR", message))
    if lr_folder and (missing := sorted({*names} - {*lr_names})):
        message = (
            f"{lr_folder}: {list_names(missing)} of {hr_folder} have no LR image here; expected "
            f"'{missing[0]}x{scale}.png'; add them, or name another folder with {ADVICE}"
        )
        faults.append(("HR without LR", message))
    if extra := sorted({*lr_names} - {*names}):
        message = f"{hr_folder}: {list_names(extra)} of {lr_folder} have no HR image here; add or remove them"
        faults.append(("LR without HR", message))
    given: dict[str, list[tuple[str, Path]]] = {}
    for (name, variant), file in zip(matched, lr_files, strict=True):
        given.setdefault(name, []).append((variant, file))
    pairs = [
        Pair(f"{name}_{variant}" if variant else name, file, small, folders.track)
        for name, file in zip(names, hr, strict=True)
        for variant, small in given.get(name, [("", None)])
    ]
    return pairs, faults


def find_lr_among(names: Sequence[str]) -> list[str]:
    """The names that say LR beside an image of the same name that says HR, as `a_LR` beside `a_HR`."""
    of_hr = {HR_FILE.sub("", name) for name in names if HR_FILE.search(name)}
    return [name for name in names if LR_MARK.search(name) and LR_FILE.sub("", name) in of_hr]


def find_repeated(files: Iterable[Path], keys: Iterable[Hashable]) -> Iterator[tuple[Path, Path]]:
    """Yield each file whose key is that of an earlier one, and that one."""
    first: dict[Hashable, Path] = {}
    for file, key in zip(files, keys, strict=True):
        if (other := first.setdefault(key, file)) is not file:
            yield file, other
