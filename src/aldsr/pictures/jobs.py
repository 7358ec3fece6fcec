"""Which pictures are to be upscaled, and into which files."""

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from aldsr.data import DataError
from aldsr.data.folders import image_files
from aldsr.pictures.writing import SUFFIXES, format_of

FORMATS = ("keep", *SUFFIXES)


class Job(NamedTuple):
    """One picture to upscale: its file, the file of the result, and the format of the result."""

    source: Path
    target: Path
    format: str


def find_pictures(inputs: Sequence[str]) -> list[Path]:
    """Find the pictures of arguments that are files, folders (without subfolders) or patterns; each once.

    Raises:
        DataError: if an argument matches nothing.
    """
    files: list[Path] = []
    for name in inputs:
        path = Path(name).expanduser()
        if path.is_dir():
            files += image_files(path)
        elif path.exists():
            files.append(path)
        elif matching := [match for match in map(Path, glob.glob(str(path), recursive=True)) if match.is_file()]:  # noqa: PTH207
            files += sorted(matching)
        else:
            raise DataError(f"{name}: no such file or folder, and no file matches it; check the path")
    return list({file.resolve(): file for file in files}.values())


def plan_jobs(files: Sequence[Path], output: Path, *, format: str, suffix: str) -> list[Job]:
    """Choose the target and format of each file.

    Args:
        files: to be upscaled.
        output: a folder; or, of a single file, a name that ends in one of the formats'.
        format: "png", "jpeg", "webp", "tiff", or "keep": the input's own, PNG for any other.
        suffix: put between name and ending in a folder, such as "_x4".

    Raises:
        DataError: if the output does not fit the files, or two results would have one name.
    """
    output_format = format_of(output)
    if output.is_dir() or output_format is None:
        if output.exists() and not output.is_dir():
            raise DataError(f"-o {output}: is a file; expected a folder, or a name in .png, .jpg, .webp or .tif")
        jobs = [_folder_job(file, output, format, suffix) for file in files]
    elif len(files) > 1:
        raise DataError(f"-o {output}: is the name of one file, and there are {len(files)} inputs; give a folder")
    elif format not in ("keep", output_format):
        raise DataError(f"-o {output}: ends in {output.suffix}, but --format is {format}; leave one of them out")
    else:
        jobs = [Job(files[0], output, output_format)]
    sources = {job.source.resolve() for job in jobs}
    targets: dict[Path, Path] = {}
    for job in jobs:
        target = job.target.resolve()
        if target in sources:
            raise DataError(f"{job.target}: is an input and would be an output; give another folder with -o")
        if (other := targets.setdefault(target, job.source)) is not job.source:
            raise DataError(f"{other} and {job.source}: both would become {job.target}; upscale them into two folders")
    return jobs


def _folder_job(file: Path, folder: Path, format: str, suffix: str) -> Job:
    own = format_of(file)
    chosen = own or "png" if format == "keep" else format
    ending = file.suffix if chosen == own else SUFFIXES[chosen]
    return Job(file, folder / f"{file.stem}{suffix}{ending}", chosen)
