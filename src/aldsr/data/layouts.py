"""Find the folders of a set, HR and LR, by the names that the field gives them.

SET/HR               SET/LR_bicubic/X4, SET/LR_unknown/x4, SET/LR      benchmarks, EDSR
DIV2K_train_HR       DIV2K_train_LR_bicubic/X4, DIV2K_train_LR_mild    DIV2K's tracks, Flickr2K
DIV2K_train_HR_sub   DIV2K_train_LR_bicubic/X4_sub                     BasicSR's crops
SET/GTmod12          SET/LRbicx4                                       BasicSR
trainH               trainL                                            KAIR
HR/SET/x4            LR/LRBI/SET/x4                                    RDN, RCAN
SET                  SET/LR_bicubic/X4, SET_LR                         plain images

One rule covers them: LR is called as HR is, with LR, LQ or L in the place of HR, GT or H, or lies in HR; the other
words of its path are HR's own, a scale, and the track: how LR was made.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aldsr.core.files import absolute
from aldsr.data.folders import image_files, list_folder
from aldsr.data.images import DataError, image_size

MADE = "made"  # in the place of an LR folder: LR is made from HR, whatever lies beside it
HR_FOLDER = re.compile(r"(.*?)[_-]?(?:(?i:HR|GT(?:mod\d+)?)|(?<![A-Z])H)([_-].*)?")
LR_FOLDER = r"[_-]?(?:(?i:LR|LQ)|L(?![A-Za-z]))(.*)"
LOOKS_LIKE_LR = re.compile(r"(?:LR|LQ|low|bic|x\d|\dx)", re.IGNORECASE)
WORD = re.compile(r"(?:LR|LQ)?(.*?)(?:x(\d)|\b(\d)x)?", re.IGNORECASE)
TRACKS = {"": None, "bi": "bicubic", "bic": "bicubic"}
# At the end of names of files: baby_HR_x4, img_001_GT; babyx4, baby_LRBI_x4, 0001x4w2.
HR_FILE = re.compile(r"(?:[_-](?:HR|GT)|[_-]?x\d)+$", re.IGNORECASE)
LR_FILE = re.compile(r"(?:[_-](?:LR|LQ)[A-Z]*|[_-]?x(\d)([mdw]\d?)?)+$", re.IGNORECASE)
ADVICE = f"data.train_lr_dirs or data.eval_lr_dirs, or make it from HR with the word '{MADE}' there"


@dataclass(frozen=True)
class SetFolders:
    """The folders of a set: HR; LR, None if it is made; how LR was made, None if not known; LR that is not used."""

    hr: Path
    lr: Path | None = None
    track: str | None = "bicubic"
    unused: tuple[Path, ...] = ()


class _Candidate(NamedTuple):
    """A folder that may hold LR, with what its path says of scale and track; `own` if it is called as HR is."""

    folder: Path
    scale: int | None
    track: str | None
    own: bool


def find_folders(folder: str | Path, scale: int, lr: str | Path | None = None) -> SetFolders:
    """The folders of a set at a scale; `lr` names that of LR or one above it, or is "made".

    Raises:
        DataError: if the named LR is not there, or several folders fit and none is bicubic.
    """
    hr = _find_hr(Path(folder).expanduser(), scale)
    if lr == MADE or not hr.is_dir():
        return SetFolders(hr)
    files = {file.stem: file for file in list_folder(hr)[0]}
    fitting, sharing, unused = [], [], []
    for each in _find_named(absolute(lr), hr) if lr else _find_beside(absolute(hr)):
        if each.scale not in (None, scale):
            continue
        found, shares = _check_files(list_folder(each.folder)[0], files, scale)
        if each.own and (each.scale or found) in (None, scale):
            fitting.append(each)
            sharing += [each] if shares else []
        elif shares and (each.own or found == scale):
            unused.append(each)
    chosen = _choose(fitting, sharing, hr, scale)
    if lr and not chosen:
        raise DataError(f"{lr}: holds no LR images of scale {scale}; name the folder that does, or '{MADE}'")
    others = tuple(each.folder for each in (*sharing, *unused) if each is not chosen)
    return SetFolders(hr, chosen.folder, chosen.track, others) if chosen else SetFolders(hr, unused=others)


def _find_hr(folder: Path, scale: int) -> Path:
    """The folder of HR images: the given one or, without images there, one inside that is called so."""
    folder = folder / "HR" if (folder / "HR").is_dir() else folder
    while folder.is_dir() and not list_folder(folder)[0]:
        below, by_scale = lies_in_hr(folder), f"x{scale}"
        inside = [f for f in list_folder(folder)[2] if is_hr(f.name) or (below and f.name.lower() == by_scale)]
        if len(inside) != 1:
            break
        (folder,) = inside
    return folder


def is_hr(name: str) -> bool:
    """Whether a folder's name is a word for HR and nothing else."""
    match = HR_FOLDER.fullmatch(name)
    return match is not None and not any(match.groups())


def lies_in_hr(folder: Path) -> bool:
    """Whether a folder or one of the two above it is called HR."""
    return any(is_hr(each.name) for each in (absolute(folder), *absolute(folder).parents[:2]))


def _find_beside(hr: Path) -> Iterator[_Candidate]:
    """What is called as HR is, or looks like LR, beside HR or a folder above that is called HR, and in HR."""
    above = [(each, match) for each in (hr, *hr.parents[:2]) if (match := HR_FOLDER.fullmatch(each.name))]
    own, loose = re.compile(re.escape(hr.name) + LR_FOLDER), re.compile(LR_FOLDER)
    places = [(hr, loose, "")] if above else [(hr, loose, ""), (hr.parent, own, "")]
    for place, match in above:
        known = f"{match[2] or ''}/{hr.relative_to(place)}"
        places.append((place.parent, re.compile(re.escape(match[1]) + LR_FOLDER), known))
    for place, pattern, known in places:
        with suppress(OSError):
            for each in list_folder(place)[2]:
                if match := pattern.fullmatch(each.name):
                    yield from _describe(each, match[1], known)
                elif LOOKS_LIKE_LR.match(each.name):
                    yield from _describe(each, each.name, "", own=False)


def _find_named(folder: Path, hr: Path) -> Iterator[_Candidate]:
    """The LR folders in one that the user named."""
    if not folder.is_dir():
        image_files(folder)  # which says so
    parts = folder.parts[-4:]
    first = next((n for n, part in enumerate(parts) if re.search(r"(?i)(?:^|[_-])L[RQ]", part)), len(parts) - 1)
    words = re.sub(r"(?i)^.*?(?:^|[_-])(?=L[RQ])", "", parts[first])
    known = {word.lower() for part in absolute(hr).parts[-3:] for word in _words(part)}
    beside = {each.folder: each for each in _find_beside(absolute(hr)) if each.own}
    for each in _describe(folder, "/".join((words, *parts[first + 1 :])), ""):
        if each.folder in beside:
            yield beside[each.folder]
            continue
        track = "_".join(word for word in _words(each.track or "") if word.lower() not in known)
        yield each._replace(track=TRACKS.get(track.lower(), track))


def _describe(folder: Path, path: str, known: str, *, own: bool = True) -> Iterator[_Candidate]:
    """Every folder of files at a folder and below whose path has the words of `known`; the others are its track."""
    for each in _leaves(folder):
        scale, track = None, []
        left = [word.lower() for word in _words(known) if not WORD.fullmatch(word)[2]]  # type: ignore[index]
        for word in _words("/".join((path, *each.relative_to(folder).parts))):
            if word.lower() in left:
                left.remove(word.lower())
                continue
            name, *scales = WORD.fullmatch(word).groups()  # type: ignore[union-attr]
            scale = next((int(found) for found in scales if found), scale)
            track += [TRACKS.get(name.lower(), name)] if name else []
        if not left:
            yield _Candidate(each, scale, "_".join(filter(None, track)) or None, own)


def _words(path: str) -> list[str]:
    return [word for word in re.split(r"[/_\-.]+", path) if word]


def _leaves(folder: Path, depth: int = 3) -> Iterator[Path]:
    """The folders at and below one that hold images, or no folder."""
    images, _, folders = list_folder(folder)
    if images or not folders:
        yield folder
    for each in folders if depth else ():
        yield from _leaves(each, depth - 1)


def _choose(fitting: Sequence[_Candidate], sharing: Sequence[_Candidate], hr: Path, scale: int) -> _Candidate | None:
    """The folder of LR: the usual one, else the one for bicubic, else the only one."""
    usual = [each for each in fitting if str(each.folder).endswith(f"LR_bicubic/X{scale}")][:1]
    found = sharing or fitting
    for group in (usual, [each for each in found if each.track == "bicubic"], found):
        if len(group) == 1:
            return group[0]
    if not found:
        return None
    places = ", ".join(f"{each.folder} ({each.track or 'no track'})" for each in found)
    raise DataError(f"{hr}: several folders may hold its LR of scale {scale}: {places}; name one with {ADVICE}")


def _check_files(files: Sequence[Path], hr: Mapping[str, Path], scale: int) -> tuple[int | None, bool]:
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
