"""Images that any other system made, matched to a benchmark set by the field's file names."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from aldsr.data import BenchmarkSet, DataError, image_files, image_size, read_image
from aldsr.data.pairs import some

# What may follow an image's name: baby.png, babyx4.png, baby_x4_SR.png, baby_RDN_x4.png, baby-sr.png.
SUFFIX = re.compile(r"(x[2-9])?([_\-.].*)?", re.IGNORECASE)
# What an HR file's own name may end in besides: baby_HR_x4.png, baby_GT.png.
HR_SUFFIX = re.compile(r"([_\-](HR|GT|x[2-9])|x[2-9])+$", re.IGNORECASE)


NO_FIT = (0, False)


def find_predictions(folder: str | Path, benchmarks: Sequence[BenchmarkSet]) -> list[list[Path]]:
    """The prediction of every image of every set, in their order.

    Args:
        folder: with the images of one set, or with a folder of each set's name.
        benchmarks: the sets.

    Raises:
        DataError: naming an image that is missing, extra, ambiguous or of the wrong size.
    """
    folder = Path(folder).expanduser()
    found = []
    for benchmark in benchmarks:
        own = folder / benchmark.name
        if len(benchmarks) > 1 and not own.is_dir():
            names = ", ".join(each.name for each in benchmarks)
            raise DataError(f"{own}: no such folder; predictions of several sets ({names}) lie in one folder each")
        place = own if own.is_dir() else folder
        files = match(benchmark.image_names, image_files(place), place)
        for pair, file in zip(benchmark.pairs, files, strict=True):
            _check_size(file, pair.hr)
        found.append(files)
    return found


def match(names: Sequence[str], files: Sequence[Path], folder: Path) -> list[Path]:
    """The file of each image: the one whose name is the image's, with or without one of the field's suffixes.

    A file that fits several images belongs to that of which it holds most: `img_10_x4.png` to `img_10`, not `img`;
    of equal parts, to the image of which it holds the whole name.

    Raises:
        DataError: naming an image without a file, a file without an image, or two files of one image.
    """
    taken: dict[str, Path] = {}
    extra: list[Path] = []
    for file in files:
        name = max(names, key=lambda name: _fit(file.stem, name))
        if _fit(file.stem, name) == NO_FIT:
            extra.append(file)
            continue
        if (other := taken.setdefault(name, file)) is not file:
            raise DataError(f"{folder}: '{other.name}' and '{file.name}' could both be of '{name}'; remove one of them")
    if missing := [name for name in names if name not in taken]:
        unmatched = f"; '{extra[0].name}' there fits no image of the set" if extra else ""
        raise DataError(
            f"{folder}: no prediction of {some(missing)}; expected '{missing[0]}.png' or a name such as "
            f"'{missing[0]}_x4_SR.png'{unmatched}"
        )
    if extra:
        shown = some([file.name for file in extra])
        raise DataError(f"{folder}: {shown} fits no image of the set ({len(names)} images); remove or rename it")
    return [taken[name] for name in names]


def _fit(stem: str, name: str) -> tuple[int, bool]:
    """How many characters of a file's name are the image's, with or without HR's own suffix, and whether all are."""
    fits = ((len(own), own == name) for own in (name, HR_SUFFIX.sub("", name)) if _is_of(stem, own))
    return max(fits, default=NO_FIT)


def _is_of(stem: str, own: str) -> bool:
    return bool(own) and stem.startswith(own) and SUFFIX.fullmatch(stem[len(own) :]) is not None


def _check_size(file: Path, hr: Tensor) -> None:
    found, expected = image_size(file), (hr.shape[-1], hr.shape[-2])
    if found != expected:
        raise DataError(
            f"{file}: is {found[0]}x{found[1]}, expected {expected[0]}x{expected[1]}, the size of HR cropped to a "
            "multiple of the scale; is it of another image or another scale?"
        )


def read_prediction(file: Path) -> Tensor:
    """A prediction as `Tensor[3, H, W]`, uint8."""
    return torch.from_numpy(read_image(file).transpose(2, 0, 1).copy())
