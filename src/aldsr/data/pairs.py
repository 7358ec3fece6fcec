"""Find the LR file of every HR file, by the folder conventions of the field.

SET/HR/NAME.png              SET/LR_bicubic/X4/NAMEx4.png                  benchmarks
DIV2K_train_HR/0001.png      DIV2K_train_LR_bicubic/X4/0001x4.png          DIV2K, Flickr2K
SET/NAME.png                 no LR: it will be made from HR                plain images
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aldsr.core.files import absolute
from aldsr.data.folders import image_files, list_names
from aldsr.data.images import DataError


@dataclass(frozen=True)
class Pair:
    """An HR file and its LR file; LR is None where it has to be made."""

    name: str
    hr: Path
    lr: Path | None


def set_name(folder: str | Path) -> str:
    """The name of a set of images in tables, by its folder: `Set5`, `DIV2K_valid`."""
    folder = absolute(folder)
    name = folder.parent.name if folder.name == "HR" else folder.name
    return name.removesuffix("_HR") or name


def find_folders(folder: Path, scale: int) -> tuple[Path, Path | None]:
    """The HR folder of a set and its LR folder, None if it has none of this scale."""
    hr = folder / "HR" if (folder / "HR").is_dir() else folder
    if hr.name == "HR":
        lr = hr.parent / "LR_bicubic" / f"X{scale}"
    elif hr.name.endswith("_HR"):
        lr = hr.with_name(hr.name.removesuffix("_HR") + "_LR_bicubic") / f"X{scale}"
    else:
        return hr, None
    return hr, lr if lr.is_dir() else None


def find_pairs(folder: str | Path, *, scale: int) -> list[Pair]:
    """Find the pairs of a set, sorted by name.

    Raises DataError if the folder is missing or empty, two files share a name, or HR lacks LR or the reverse.
    """
    pairs, faults = match_files(folder, scale=scale)
    for _, message in faults:
        raise DataError(message)
    return pairs


def match_files(folder: str | Path, *, scale: int) -> tuple[list[Pair], list[tuple[str, str]]]:
    """Pair all HR files of a set, whatever is missing; also the faults in their names, each as kind and message.

    Raises DataError if the folder is missing or empty.
    """
    hr_folder, lr_folder = find_folders(Path(folder).expanduser(), scale)
    hr = image_files(hr_folder)
    names = [file.stem for file in hr]
    lr = image_files(lr_folder) if lr_folder else []
    lr_names = [file.stem.removesuffix(f"x{scale}") for file in lr]
    twins = (*find_repeated(hr, names), *find_repeated(lr, lr_names))
    advice = "give every image a name of its own"
    faults = [("same name", f"{file}: has the same name as {other.name}; {advice}") for file, other in twins]
    if lr_folder and (missing := sorted({*names} - {*lr_names})):
        message = (
            f"{lr_folder}: {list_names(missing)} of {hr_folder} have no LR image here; expected "
            f"'{missing[0]}x{scale}.png'; add them, or move the LR folder away to have LR made from HR"
        )
        faults.append(("HR without LR", message))
    if extra := sorted({*lr_names} - {*names}):
        message = f"{hr_folder}: {list_names(extra)} of {lr_folder} have no HR image here; add or remove them"
        faults.append(("LR without HR", message))
    lr_by_name = dict(zip(lr_names, lr, strict=True))
    return [Pair(name, file, lr_by_name.get(name)) for name, file in zip(names, hr, strict=True)], faults


def find_repeated(files: Iterable[Path], keys: Iterable[str]) -> Iterator[tuple[Path, Path]]:
    """Yield each file whose key is that of an earlier one, and that one."""
    first: dict[str, Path] = {}
    for file, key in zip(files, keys, strict=True):
        if (other := first.setdefault(key, file)) is not file:
            yield file, other
