"""Find the folders of a set, HR and LR, by the names that the field gives them.

SET/HR               SET/LR_bicubic/X4, SET/LR_unknown/x4, SET/LR      benchmarks, EDSR
DIV2K_train_HR       DIV2K_train_LR_bicubic/X4, DIV2K_train_LR_mild    DIV2K's tracks, Flickr2K
DIV2K_train_HR_sub   DIV2K_train_LR_bicubic/X4_sub                     BasicSR's crops
SET/GTmod12          SET/LRbicx4                                       BasicSR
trainH               trainL                                            KAIR
HR/SET/x4            LR/LRBI/SET/x4                                    RDN, RCAN
SET                  SET/LR_bicubic/X4, SET_LR, LR/SET                 plain images

One rule covers them: the path of LR has every word of HR's own, with LR, LQ or L in the place of HR, GT or H. Its other
words are a scale and the track: how LR was made.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aldsr.core.files import absolute
from aldsr.data.folders import UnreadableError, image_files, is_folder, list_folder
from aldsr.data.images import DataError, image_size

MADE = "made"  # in the place of an LR folder: LR is made from HR, whatever lies beside it
HR_WORD = re.compile(r"(?:hr|gt)(?:mod\d+)?|h")
LR_WORD = re.compile(r"^l(?:[rq]|$)")
SCALE = re.compile(r"x(\d)$|^(\d)x$")
LOOKS_LIKE_LR = re.compile(r"l[rq]|low|bic|x\d|\dx", re.IGNORECASE)
TRACKS = {"bi": "bicubic", "bic": "bicubic"}
# At the end of names of files: baby_HR_x4, img_001_GT; babyx4, baby_LRBI_x4, 0001x4w2.
HR_FILE = re.compile(r"(?:[_-](?:HR|GT)|[_-]?x\d)+$", re.IGNORECASE)
LR_FILE = re.compile(r"(?:[_-](?:LR|LQ)[A-Z]*|[_-]?x(\d)([mdw]\d?)?)+$", re.IGNORECASE)
LR_MARK = re.compile(r"[_-](?:LR|LQ)", re.IGNORECASE)
ADVICE = f"data.train_lr_dirs, data.eval_lr_dirs or --lr ('{MADE}' there makes it from HR)"


@dataclass(frozen=True)
class SetFolders:
    """The folders of a set: HR; LR, None if it is made; how LR was made, None if not known; what else may be LR."""

    hr: Path
    lr: Path | None = None
    track: str | None = "bicubic"
    unused: tuple[Path, ...] = ()

    def say_unused(self) -> list[str]:
        """A sentence on every folder of LR that is not used."""
        return [f"{each}: may be LR of {self.hr}, not used; name it with {ADVICE}" for each in self.unused]


class _Candidate(NamedTuple):
    """A folder that may hold LR: its track, whether it is called as HR is, and whether it has images of HR's names."""

    folder: Path
    track: str | None
    fits: bool
    shares: bool


def find_folders(folder: str | Path, scale: int, lr: str | Path | None = None, track: str = "bicubic") -> SetFolders:
    """The folders of a set at a scale; `lr` names that of LR or one above it, or is "made".

    `track` is how missing LR will be made; where that is not by bicubic, LR of another track counts as missing.

    Raises DataError if the named LR is not there or of another track, several folders fit and none is bicubic, or a
    folder cannot be read.
    """
    hr = _find_hr(Path(folder).expanduser(), scale)
    if lr == MADE or not is_folder(hr):
        return SetFolders(hr, track=track)
    files = {file.stem: file for file in list_folder(hr)[0]}
    places = [absolute(lr)] if lr else _folders_beside(absolute(hr))
    if lr and not is_folder(places[0]):
        image_files(lr)  # which says so
    leaves = [(each, place) for place in places for each in _leaves(place)]
    found = [seen for each in leaves if (seen := _examine(*each, absolute(hr), files, scale, named=bool(lr)))]
    fitting = [each for each in found if each.fits and track in ("bicubic", each.track)]
    chosen = _choose(fitting, hr, scale)
    if lr and not chosen:
        by = "" if track == "bicubic" else f" by {track}, which degradation=… names"
        raise DataError(f"{lr}: holds no LR images of scale {scale}{by}; name the folder that does, or '{MADE}'")
    unused = tuple(each.folder for each in found if each.shares and each is not chosen)
    return SetFolders(hr, chosen and chosen.folder, chosen.track if chosen else track, unused)


def _find_hr(folder: Path, scale: int) -> Path:
    """The folder of HR images: the given one or, without images there, one inside that is called so."""
    folder = folder / "HR" if is_folder(folder / "HR") else folder
    while is_folder(folder) and not list_folder(folder)[0]:
        below, by_scale = lies_in_hr(folder), f"x{scale}"
        inside = [f for f in list_folder(folder)[2] if is_hr(f.name) or (below and f.name.lower() == by_scale)]
        if len(inside) != 1:
            break
        (folder,) = inside
    return folder


def is_hr(name: str) -> bool:
    """Whether a folder's name is a word for HR and nothing else."""
    return HR_WORD.fullmatch(name.lower()) is not None


def lies_in_hr(folder: Path) -> bool:
    """Whether a folder or one of the two above it is called HR."""
    return any(is_hr(each.name) for each in (absolute(folder), *absolute(folder).parents[:2]))


def _folders_beside(hr: Path) -> list[Path]:
    """Folders in and beside HR, or beside a folder above that is called HR, that look like LR."""
    places = [hr, hr.parent, *(each.parent for each in hr.parents[:2] if any(map(is_hr, _words(each.name))))]
    found: list[Path] = []
    for place in places:
        with suppress(UnreadableError):
            found += list_folder(place)[2]
    return [each for each in found if _is_lr(each.name) or LOOKS_LIKE_LR.match(each.name)]


def _leaves(folder: Path, depth: int = 3) -> Iterator[Path]:
    """The folders at and below one that hold images, or no folder."""
    images, _, folders = list_folder(folder)
    if images or not folders:
        yield folder
    for each in folders if depth else ():
        yield from _leaves(each, depth - 1)


def _examine(
    folder: Path, place: Path, hr: Path, files: Mapping[str, Path], scale: int, *, named: bool
) -> _Candidate | None:
    """What a folder in `place` is to the images of HR, `files` by name; None: nothing, or LR of another scale."""
    base = os.path.commonpath((folder, hr))
    parts = folder.relative_to(base).parts[-4:]
    first = next((n for n, part in enumerate(parts) if _is_lr(part)), None)
    path = str(folder.relative_to(place.parent)) if first is None else "/".join(parts[first:])
    of_hr = _words(str(hr.relative_to(base)))
    own = {word for word in of_hr if not HR_WORD.fullmatch(word) and not SCALE.search(word)}
    fits = named or (first is not None and own <= {*_words("/".join(parts))})
    words = [word for word in _words(path) if word not in of_hr]
    by_name = next((int(found[1] or found[2]) for word in words if (found := SCALE.search(word))), None)
    by_files, shares = _compare_files(list_folder(folder)[0], files, scale)
    usable = (None, scale) if fits else (scale,) if shares and LOOKS_LIKE_LR.match(place.name) else ()
    if folder == hr or (by_name or by_files) not in usable:
        return None
    words = [SCALE.sub("", LR_WORD.sub("", word, count=1)) for word in words]
    track = "_".join(dict.fromkeys(TRACKS.get(word, word) for word in words if word))
    return _Candidate(folder, track or None, fits, shares)


def _is_lr(name: str) -> bool:
    return any(map(LR_WORD.match, _words(name)))


def _words(path: str) -> list[str]:
    return [word.lower() for word in re.split(r"[/_\-.\s]+|(?<=[a-z])(?=[A-Z])", path) if word]


def _compare_files(files: Sequence[Path], hr: Mapping[str, Path], scale: int) -> tuple[int | None, bool]:
    """The scale of LR files by the name, else the size, of the first that is of an HR file; and whether any is."""
    for (name, _), file in zip(match_names(list(hr), [file.stem for file in files], scale), files, strict=True):
        if name in hr:
            stated = LR_FILE.search(file.stem.removeprefix(name))
            if stated and stated[1]:
                return int(stated[1]), True
            with suppress(DataError):
                return round(image_size(hr[name])[0] / image_size(file)[0]), True
            return None, True
    return None, False


def _choose(fitting: Sequence[_Candidate], hr: Path, scale: int) -> _Candidate | None:
    """The folder of LR: the usual one, else the one for bicubic, else the only one."""
    usual = [each for each in fitting if str(each.folder).endswith(f"LR_bicubic/X{scale}")]
    found = [each for each in fitting if each.shares] or fitting
    for group in (usual, [each for each in found if each.track == "bicubic"], found):
        if len(group) == 1:
            return group[0]
    if not found:
        return None
    places = ", ".join(f"{each.folder} ({each.track or 'no track'})" for each in found)
    raise DataError(f"{hr}: several folders may hold its LR of scale {scale}: {places}; name one with {ADVICE}")


def match_names(hr: Collection[str], lr: Sequence[str], scale: int) -> list[tuple[str, str]]:
    """The HR image of every LR image, by name, and which of several LR images of it that is ("w1")."""
    by_stem = {HR_FILE.sub("", name) or name: name for name in hr}
    found = []
    for name in lr:
        suffix, stem = LR_FILE.search(name), LR_FILE.sub("", name)
        of = next((n for n in (name.removesuffix(f"x{scale}"), name) if n in hr), by_stem.get(stem, stem))
        variant = (suffix and suffix[2]) or ""
        found.append((of, variant if len(variant) > 1 else ""))
    return found


def describe_lr(source: str, track: str | None) -> str:
    """Say how LR came about: "given (unknown)", "made (bicubic)"."""
    return f"{source} ({track})" if track else source
