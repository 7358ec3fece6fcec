"""Which pictures are to be upscaled, and into which files."""

import glob
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from aldsr.core.errors import list_names
from aldsr.core.files import LONGEST, absolute, short_name
from aldsr.data import DataError
from aldsr.data.folders import is_folder, list_folder
from aldsr.pictures.writing import SUFFIXES, format_of

PICTURE_FORMATS = ("keep", *SUFFIXES)


class Job(NamedTuple):
    """One picture to upscale: its file, the file of the result, and the format of the result.

    `result_of`: the other input that this one was made from, by its name; it is not upscaled again.
    """

    source: Path
    target: Path
    format: str
    result_of: Path | None = None


class Found(NamedTuple):
    """What arguments stand for: pictures, each with its place within the folder that was named, and what is left out.

    `others` are files of these folders in formats that Pillow does not read, `folders` those within, not searched.
    """

    pictures: dict[Path, Path]
    others: list[Path]
    folders: list[Path]


def find_pictures(inputs: Sequence[str], *, recursive: bool = False) -> Found:
    """Find the pictures of arguments that are files, folders or patterns; each name once, wherever it links to.

    Raises DataError if an argument matches nothing.
    """
    found = Found({}, [], [])
    for name in inputs:
        path = Path(name).expanduser()
        if is_folder(path):
            pictures = _search(path, recursive=recursive, found=found)
        elif path.exists() or path.is_symlink():
            pictures = {path: Path()}
        elif matching := [match for match in map(Path, glob.glob(str(path), recursive=True)) if match.is_file()]:  # noqa: PTH207
            pictures = dict.fromkeys(sorted(matching), Path())
        else:
            raise DataError(f"{name}: no such file or folder, and no file matches it; check the path")
        known = {absolute(file) for file in found.pictures}
        found.pictures.update({file: place for file, place in pictures.items() if absolute(file) not in known})
    return found


def _search(folder: Path, *, recursive: bool, found: Found) -> dict[Path, Path]:
    """The pictures of a folder, each with its place within it; what is left out is added to `found`."""
    pictures: dict[Path, Path] = {}
    waiting = [(folder, Path(), {folder.resolve()})]
    for each, place, above in waiting:  # which grows
        images, others, folders = list_folder(each)
        pictures |= dict.fromkeys(images, place)
        found.others.extend(others)
        for path in folders:
            if not recursive:
                found.folders.append(path)
            elif (real := path.resolve()) not in above:  # or it is a link to a folder that it lies in
                waiting.append((path, place / path.name, above | {real}))
    if not pictures:
        inside = [path.name for path in (*found.others, *found.folders) if path.is_relative_to(folder)]
        held = f", but {list_names(inside)}" if inside else ""
        advice = "expected PNG, JPEG or another format of Pillow; --recursive searches the folders within"
        raise DataError(f"{folder}: holds no picture{held}; {advice}")
    return pictures


def plan_jobs(files: Mapping[Path, Path], output: Path, *, format: str, suffix: str) -> list[Job]:
    """Choose the target and format of each file, which is given with its place within `output` if that is a folder.

    Of a single file, `output` may be a name that ends in one of the formats'. `format`, one of `PICTURE_FORMATS`:
    "keep" is the input's own, PNG for any other. `suffix` is put between name and ending in a folder, such as "_x4".

    Raises DataError if the output does not fit the files, or two results would have one name.
    """
    output_format = format_of(output)
    if output.is_dir() or output_format is None:
        if output.exists() and not output.is_dir():
            raise DataError(f"-o {output}: is a file; expected a folder, or a name in .png, .jpg, .webp or .tif")
        jobs = [_folder_job(file, output / place, format, suffix) for file, place in files.items()]
        jobs = _mark_results(jobs, suffix)
    elif len(files) > 1:
        raise DataError(f"-o {output}: is the name of one file, and there are {len(files)} inputs; give a folder")
    elif format not in ("keep", output_format):
        raise DataError(f"-o {output}: ends in {output.suffix}, but --format is {format}; leave one of them out")
    else:
        jobs = [Job(next(iter(files)), output, output_format)]
    sources = {job.source.parent.resolve() / job.source.name for job in jobs if not job.result_of}
    targets: dict[Path, Path] = {}
    for job in (each for each in jobs if not each.result_of):
        target = job.target.parent.resolve() / job.target.name
        if target in sources:
            raise DataError(f"{job.target}: is an input and would be an output; give another folder with -o")
        if (other := targets.setdefault(target, job.source)) is not job.source:
            raise DataError(f"{other} and {job.source}: both would become {job.target}; upscale them into two folders")
    return jobs


def _folder_job(file: Path, folder: Path, format: str, suffix: str) -> Job:
    own = format_of(file)
    chosen = own or "png" if format == "keep" else format
    ending = file.suffix if chosen == own else SUFFIXES[chosen]
    return Job(file, folder / f"{short_name(file.stem, LONGEST)}{suffix}{ending}", chosen)


def _mark_results(jobs: Sequence[Job], suffix: str) -> list[Job]:
    """Find the inputs that an earlier run into the same folder has made of other inputs: NAME_x4 beside NAME."""
    sources = {(job.target.parent.resolve(), job.source.stem): job.source for job in jobs}
    marked = []
    for job in jobs:
        stem, folder = job.source.stem, job.source.parent.resolve()
        endings = {ending for ending in (suffix, *re.findall(r"_x\d$", stem)) if ending and stem.endswith(ending)}
        originals = [sources.get((folder, stem.removesuffix(ending))) for ending in endings]
        marked.append(job._replace(result_of=next(filter(None, originals), None)))
    return marked
