"""What can be wrong with folders of images, found before a night is spent on them. Nothing is written.

A *fault* would spoil a result or stop a run; a *remark* is worth knowing. Each finding says what, where and,
where it is not plain, what to do.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from aldsr.data.audit.lookalike import Sketch, alike, sketch
from aldsr.data.audit.provenance import lr_fault
from aldsr.data.images import BITS_PER_SAMPLE, ORIENTATION, DataError, image_files, opened, read_image
from aldsr.data.pairs import locate, set_name, some

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed.

    Args:
        kind: a word or two, the same for all findings of this kind.
        said: a sentence that names the file.
        fault: whether it would spoil a result; else a remark.
    """

    kind: str
    said: str
    fault: bool = True


@dataclass(frozen=True)
class Seen:
    """One image that could be read."""

    path: Path
    size: tuple[int, int]
    format: str
    mode: str
    digest: str  # of its pixels
    sketch: Sketch
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Examined:
    """One set."""

    name: str
    test: bool
    seen: tuple[Seen, ...] = ()
    lr: str = "made"
    findings: list[Finding] = field(default_factory=list)

    @property
    def formats(self) -> str:
        return _counted(Counter(each.format for each in self.seen))

    @property
    def modes(self) -> str:
        return _counted(Counter(each.mode for each in self.seen))

    @property
    def sizes(self) -> str:
        """Smallest to largest."""
        sizes = sorted((each.size for each in self.seen), key=lambda size: size[0] * size[1])
        return (
            " to ".join(dict.fromkeys(f"{width}x{height}" for width, height in (sizes[0], sizes[-1]))) if sizes else ""
        )


def examine(folder: str | Path, *, scale: int, patch: int = 0, test: bool = False) -> Examined:
    """Look at every image of one set: a folder of images, or one with HR/ and LR_bicubic/X4/.

    Args:
        folder: of the set.
        scale: HR pixels per LR pixel.
        patch: side of a training patch in HR pixels, to name the images that hold none.
        test: whether the set is one to measure on.
    """
    folder = Path(folder).expanduser()
    hr_folder, lr_folder = locate(folder, scale)
    try:
        files = image_files(hr_folder)
        lr_files = image_files(lr_folder) if lr_folder else []
    except DataError as error:
        return Examined(set_name(folder), test, findings=[Finding("folder", str(error))])
    findings = [*_other_files(hr_folder, files), *_twins(files, ""), *_twins(lr_files, f"x{scale}")]
    by_name = {file.stem.removesuffix(f"x{scale}"): file for file in lr_files}
    if lr_folder:
        findings += _unpaired([file.stem for file in files], by_name, hr_folder, lr_folder)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = list(pool.map(lambda file: _look(file, by_name.get(file.stem), scale, patch), files))
    seen = tuple(each for each in looks if isinstance(each, Seen))
    findings += [each for each in looks if isinstance(each, Finding)]
    findings += [finding for each in seen for finding in each.findings]
    findings += _doubles(seen, test)
    return Examined(set_name(folder), test, seen, "given" if lr_folder else "made", findings)


def _look(file: Path, lr_file: Path | None, scale: int, patch: int) -> Seen | Finding:
    """Everything about one HR image, and about its LR image if there is one."""
    try:
        hr = _pixels(file)
        with opened(file) as image:
            remarks = [Finding(kind, f"{file}: {said}", fault=False) for kind, said in _header(image)]
            kind, mode = image.format or "?", image.mode
    except DataError as error:
        return Finding("unreadable", str(error))
    height, width = hr.shape[-2:]
    faults = list(_content(file, hr, scale, patch))
    if lr_file and min(height, width) >= scale:
        try:
            lr = _pixels(lr_file)
            faults += [Finding(*fault) for fault in lr_fault(file, hr, lr_file, lr, scale)]
        except DataError as error:
            faults.append(Finding("unreadable", str(error)))
    digest = hashlib.blake2b(f"{hr.shape}".encode() + hr.numpy().tobytes()).hexdigest()
    return Seen(file, (width, height), kind, mode, digest, sketch(hr), (*faults, *remarks))


def _pixels(file: Path) -> Tensor:
    return torch.from_numpy(read_image(file).transpose(2, 0, 1).copy())


def _header(image: Image.Image) -> Iterator[tuple[str, str]]:
    """What aldsr will change as it reads this file."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        yield "transparency", "has transparency, which is dropped"
    deep_tiff = image.format == "TIFF" and 16 in image.tag_v2.get(BITS_PER_SAMPLE, ())  # type: ignore[attr-defined]
    if deep_tiff or image.mode in SIXTEEN_BITS or any(";16" in str(tile) for tile in image.tile):  # type: ignore[attr-defined]
        yield "16 bits", "has 16 bits, which are rounded to 8"
    if (frames := getattr(image, "n_frames", 1)) > 1:
        yield "animation", f"has {frames} frames, of which the first is used"
    if image.getexif().get(ORIENTATION, 1) in range(2, 9):
        yield "turned", "is marked as turned (EXIF), and is turned upright; other codebases may not"
    if image.format == "JPEG":
        yield "lossy", "is a JPEG: HR with compression artefacts"


def _content(file: Path, hr: Tensor, scale: int, patch: int) -> Iterator[Finding]:
    height, width = hr.shape[-2:]
    if min(height, width) < scale:
        yield Finding(
            "too small", f"{file}: is {width}x{height}, smaller than one LR pixel at scale {scale}; remove it"
        )
    elif height % scale or width % scale:
        said = f"{file}: {width}x{height} is no multiple of {scale}; right and bottom edge are cropped"
        yield Finding("no multiple", said, fault=False)
    if scale <= min(height, width) < patch:
        yield Finding(
            "small", f"{file}: {width}x{height} holds no patch of {patch}x{patch}; left out in training", False
        )
    if (hr == hr[:, :1, :1]).all():
        yield Finding("one colour", f"{file}: holds one single colour; is it damaged? Remove it")


def _other_files(folder: Path, files: Sequence[Path]) -> Iterator[Finding]:
    known = set(files)
    if others := sorted(f.name for f in folder.iterdir() if f.is_file() and f not in known and f.name[0] != "."):
        yield Finding("other files", f"{folder}: {some(others)}: no images, which are passed over", fault=False)


def _twins(files: Iterable[Path], suffix: str) -> Iterator[Finding]:
    first: dict[str, Path] = {}
    for file in files:
        if (other := first.setdefault(file.stem.removesuffix(suffix), file)) is not file:
            yield Finding("same name", f"{file}: has the same name as {other.name}; give every image its own name")


def _unpaired(names: Sequence[str], lr: dict[str, Path], hr_folder: Path, lr_folder: Path) -> Iterator[Finding]:
    if missing := sorted(set(names) - lr.keys()):
        yield Finding("HR without LR", f"{lr_folder}: lacks {some(missing)} of {hr_folder}; add or make them")
    if extra := sorted(lr.keys() - set(names)):
        yield Finding("LR without HR", f"{hr_folder}: lacks {some(extra)} of {lr_folder}; add or remove them")


def _doubles(seen: Sequence[Seen], test: bool) -> Iterator[Finding]:
    """Pictures that a set holds twice: in a benchmark they would count twice."""
    first: dict[str, Path] = {}
    for each in seen:
        if (other := first.setdefault(each.digest, each.path)) is not each.path:
            yield Finding("duplicate", f"{each.path}: is the same picture as {other.name}; remove one of them", test)


def shared(one: Examined, other: Examined) -> Iterator[Finding]:
    """Photographs that two sets share; a fault where one trains and the other tests."""
    fault = one.test != other.test
    consequence = ": what is trained on must not be tested on; remove it from the training set" if fault else ""
    for i, j, correlation in alike([each.sketch for each in one.seen], [each.sketch for each in other.seen]):
        a, b = one.seen[i], other.seen[j]
        if a.digest == b.digest:
            yield Finding("in two sets", f"{a.path}: is the same picture as {b.path}{consequence}", fault)
        else:
            said = f"{a.path}: is the photograph of {b.path} in another version (correlation {correlation:.2f})"
            yield Finding("nearly in two sets", f"{said}{consequence}", fault)


def _counted(counts: Counter[str]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{number} {what}" for what, number in counts.most_common())
