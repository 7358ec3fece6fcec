"""Images made by any other system, matched to the images of a benchmark set by the usual file names."""

import re
from collections.abc import Sequence
from pathlib import Path

from aldsr.core.errors import list_names
from aldsr.core.files import LONGEST, short_name
from aldsr.data import BenchmarkSet, DataError, image_files, image_size
from aldsr.data.folders import is_folder, naming

# After the name of an image: baby.png, babyx4.png, baby_x4_SR.png, baby_RDN_x4.png, baby-sr.png.
SUFFIX = re.compile(r"(x[2-9])?([_\-.].*)?", re.IGNORECASE)
# At the end of an HR file's name, and not in those of predictions: baby_HR_x4.png, baby_GT.png.
HR_SUFFIX = re.compile(r"([_\-](HR|GT|x[2-9])|x[2-9])+$", re.IGNORECASE)
# In what follows an image's name: _x2, EDSR_Mx2; not fix2.
SCALE = re.compile(r"(?:^|[_\-.A-Z])[xX]([2-9])(?![^_\-.])")
NO_MATCH = (0, False)


@naming("predictions")
def find_predictions(folder: str | Path, benchmarks: Sequence[BenchmarkSet]) -> list[list[Path]]:
    """Find the predicted image of every image of every set, in their order.

    They lie in `folder` or, for several sets, in one folder there for each, of the set's name. Raises DataError, naming
    an image that is missing, extra, ambiguous, of the wrong size or by its name of another scale, or a folder that
    cannot be read.
    """
    folder = Path(folder).expanduser()
    found = []
    for benchmark in benchmarks:
        own = folder / benchmark.name
        if len(benchmarks) > 1 and not is_folder(own):
            names = ", ".join(each.name for each in benchmarks)
            raise DataError(f"{own}: no such folder; predictions of several sets ({names}) lie in one folder each")
        place = own if is_folder(own) else folder
        files = match_predictions(benchmark.image_names, image_files(place), place)
        for pair, file in zip(benchmark.pairs, files, strict=True):
            (width, height), expected = image_size(file), (pair.hr.shape[-1], pair.hr.shape[-2])
            if (width, height) != expected:
                raise DataError(
                    f"{file}: is {width}x{height}, expected {expected[0]}x{expected[1]}, the size of HR cropped to a "
                    "multiple of the scale; is it of another image or another scale?"
                )
            _check_scale(file, pair.name, expected[0] // pair.lr.shape[-1])
        found.append(files)
    return found


def _check_scale(file: Path, name: str, scale: int) -> None:
    """Raise DataError if a file's name says another scale beyond the name of its image."""
    said = SCALE.findall(file.stem[_match_length(file.stem, name)[0] :])
    if said and str(scale) not in said:
        raise DataError(f"{file}: says x{said[0]}, and scale is {scale}; give scale={said[0]} or rename it")


def match_predictions(names: Sequence[str], files: Sequence[Path], folder: Path) -> list[Path]:
    """Find the file of each image: its name is that of the image, with or without one of the usual suffixes.

    A file that matches several images belongs to the one with the longest match (`img_10_x4.png` to `img_10`, not to
    `img`), and of equal matches to the image whose whole name it has. Raises DataError, naming an image without a file,
    a file without an image, or two files of one image.
    """
    matched: dict[str, Path] = {}
    extra: list[str] = []
    for file in files:
        name = max(names, key=lambda name: _match_length(file.stem, name))
        if _match_length(file.stem, name) == NO_MATCH:
            extra.append(file.name)
        elif (other := matched.setdefault(name, file)) is not file:
            raise DataError(f"{folder}: '{other.name}' and '{file.name}' could both be of '{name}'; remove one of them")
    if missing := [name for name in names if name not in matched]:
        unmatched = f"; '{extra[0]}' there fits no image of the set" if extra else ""
        raise DataError(
            f"{folder}: no prediction of {list_names(missing)}; expected '{missing[0]}.png' or a name such as "
            f"'{missing[0]}_x4_SR.png'{unmatched}"
        )
    if extra:
        raise DataError(
            f"{folder}: {list_names(extra)} fits no image of the set ({len(names)} images); remove or rename it"
        )
    return [matched[name] for name in names]


def _match_length(stem: str, name: str) -> tuple[int, bool]:
    """How many characters a file's name shares with the image's, with or without HR's suffix, and whether it is all."""
    lengths = [
        (len(start), start == name)
        for start in (name, HR_SUFFIX.sub("", name), short_name(name, LONGEST))
        if start and stem.startswith(start) and SUFFIX.fullmatch(stem, len(start))
    ]
    return max(lengths, default=NO_MATCH)
