"""Find what is wrong with folders of images before a training run is spent on them. Nothing is written.

A *fault* would spoil a result or stop a run; a *remark* is worth knowing. Each message names the file and says what was
found and, where it is not plain, what to do.
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

from aldsr.data.audit.near_duplicates import Signature, compute_signature, find_near_duplicates
from aldsr.data.audit.provenance import check_lr
from aldsr.data.images import ORIENTATION, DataError, has_16_bits, image_files, open_image, read_image
from aldsr.data.pairs import find_folders, list_names, set_name


@dataclass(frozen=True)
class Finding:
    """One fault or remark.

    Args:
        kind: a word or two, the same for all findings of this kind.
        message: a sentence that names the file.
        fault: whether it would spoil a result; else it is a remark.
    """

    kind: str
    message: str
    fault: bool = True


@dataclass(frozen=True)
class AuditedImage:
    """One image that could be read."""

    path: Path
    size: tuple[int, int]
    format: str
    mode: str
    digest: str  # of its pixels
    signature: Signature
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class AuditedSet:
    """One set, with its readable images and all findings."""

    name: str
    test: bool
    images: tuple[AuditedImage, ...] = ()
    lr: str = "made"
    findings: list[Finding] = field(default_factory=list)

    @property
    def formats(self) -> str:
        """File formats and how often each occurs."""
        return _format_counts(image.format for image in self.images)

    @property
    def modes(self) -> str:
        """Pillow's modes and how often each occurs."""
        return _format_counts(image.mode for image in self.images)

    @property
    def sizes(self) -> str:
        """Smallest to largest."""
        sizes = sorted((image.size for image in self.images), key=lambda size: size[0] * size[1])
        return " to ".join(dict.fromkeys(f"{width}x{height}" for width, height in (*sizes[:1], *sizes[-1:])))


def audit_set(folder: str | Path, *, scale: int, patch: int = 0, test: bool = False) -> AuditedSet:
    """Check every image of a set: a folder of images, or one with HR/ and LR_bicubic/X4/.

    Args:
        folder: of the set.
        scale: HR pixels per LR pixel.
        patch: side of a training patch in HR pixels; images that are smaller are remarked.
        test: whether the set is for measuring.
    """
    folder = Path(folder).expanduser()
    hr_folder, lr_folder = find_folders(folder, scale)
    try:
        files = image_files(hr_folder)
        lr_files = image_files(lr_folder) if lr_folder else []
    except DataError as error:
        return AuditedSet(set_name(folder), test, findings=[Finding("folder", str(error))])
    findings = [
        *_find_other_files(hr_folder, files),
        *_find_same_names(files),
        *_find_same_names(lr_files, f"x{scale}"),
    ]
    lr_by_name = {file.stem.removesuffix(f"x{scale}"): file for file in lr_files}
    if lr_folder:
        findings += _find_unpaired({file.stem for file in files}, lr_by_name.keys(), hr_folder, lr_folder)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        audits = list(pool.map(lambda file: _audit_image(file, lr_by_name.get(file.stem), scale, patch), files))
    images = tuple(each for each in audits if isinstance(each, AuditedImage))
    findings += [each for each in audits if isinstance(each, Finding)]
    findings += [finding for image in images for finding in image.findings]
    findings += _find_duplicates(images, test)
    return AuditedSet(set_name(folder), test, images, "given" if lr_folder else "made", findings)


def find_shared_images(one: AuditedSet, other: AuditedSet) -> Iterator[Finding]:
    """Find photographs that two sets share; a fault if one set is for training and the other for testing."""
    fault = one.test != other.test
    advice = ": what is trained on must not be tested on; remove it from the training set" if fault else ""
    signatures = ([image.signature for image in each.images] for each in (one, other))
    for i, j, correlation in find_near_duplicates(*signatures):
        a, b = one.images[i], other.images[j]
        if a.digest == b.digest:
            yield Finding("in two sets", f"{a.path}: is the same image as {b.path}{advice}", fault)
        else:
            message = f"{a.path}: is the photograph of {b.path} in another version (correlation {correlation:.2f})"
            yield Finding("nearly in two sets", f"{message}{advice}", fault)


def _audit_image(file: Path, lr_file: Path | None, scale: int, patch: int) -> AuditedImage | Finding:
    """Check an HR image, and its LR image if there is one."""
    try:
        hr = _read_tensor(file)
        with open_image(file) as image:
            remarks = [Finding(kind, f"{file}: {message}", fault=False) for kind, message in _check_header(image)]
            format, mode = image.format or "?", image.mode
    except DataError as error:
        return Finding("unreadable", str(error))
    height, width = hr.shape[-2:]
    findings = list(_check_content(file, hr, scale, patch))
    if lr_file and min(height, width) >= scale:
        try:
            if fault := check_lr(file, hr, lr_file, _read_tensor(lr_file), scale):
                findings.append(Finding(*fault))
        except DataError as error:
            findings.append(Finding("unreadable", str(error)))
    digest = hashlib.blake2b(f"{hr.shape}".encode() + hr.numpy().tobytes()).hexdigest()
    return AuditedImage(file, (width, height), format, mode, digest, compute_signature(hr), (*findings, *remarks))


def _read_tensor(file: Path) -> Tensor:
    return torch.from_numpy(read_image(file).transpose(2, 0, 1).copy())


def _check_header(image: Image.Image) -> Iterator[tuple[str, str]]:
    """What `read_image` will change in this file."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        yield "transparency", "has transparency, which is dropped"
    if has_16_bits(image):
        yield "16 bits", "has 16 bits, which are rounded to 8"
    if (frames := getattr(image, "n_frames", 1)) > 1:
        yield "animation", f"has {frames} frames, of which the first is used"
    if image.getexif().get(ORIENTATION, 1) in range(2, 9):
        yield "turned", "is marked as turned (EXIF), and is turned upright; other codebases may not"
    if image.format == "JPEG":
        yield "lossy", "is a JPEG: HR with compression artefacts"


def _check_content(file: Path, hr: Tensor, scale: int, patch: int) -> Iterator[Finding]:
    height, width = hr.shape[-2:]
    found = f"{file}: is {width}x{height}"
    if min(height, width) < scale:
        yield Finding("too small", f"{found}, smaller than one LR pixel at scale {scale}; remove it")
    elif height % scale or width % scale:
        yield Finding("no multiple", f"{found}, no multiple of {scale}; right and bottom edge are cropped", False)
    if scale <= min(height, width) < patch:
        yield Finding("small", f"{found}, smaller than a patch of {patch}x{patch}; left out in training", False)
    if (hr == hr[:, :1, :1]).all():
        yield Finding("one colour", f"{file}: holds a single colour; is it damaged? Remove it")


def _find_other_files(folder: Path, images: Sequence[Path]) -> Iterator[Finding]:
    if others := sorted(f.name for f in {*folder.iterdir()} - {*images} if f.is_file() and f.name[0] != "."):
        yield Finding("other files", f"{folder}: {list_names(others)}: no images, which are ignored", fault=False)


def _find_same_names(files: Iterable[Path], suffix: str = "") -> Iterator[Finding]:
    first: dict[str, Path] = {}
    for file in files:
        if (other := first.setdefault(file.stem.removesuffix(suffix), file)) is not file:
            yield Finding("same name", f"{file}: has the same name as {other.name}; give every image its own name")


def _find_unpaired(hr: set[str], lr: Iterable[str], hr_folder: Path, lr_folder: Path) -> Iterator[Finding]:
    if missing := sorted(hr.difference(lr)):
        yield Finding("HR without LR", f"{lr_folder}: lacks {list_names(missing)} of {hr_folder}; add or make them")
    if extra := sorted(set(lr) - hr):
        yield Finding("LR without HR", f"{hr_folder}: lacks {list_names(extra)} of {lr_folder}; add or remove them")


def _find_duplicates(images: Sequence[AuditedImage], test: bool) -> Iterator[Finding]:
    """Images that a set holds twice: in a benchmark they would count twice."""
    first: dict[str, Path] = {}
    for image in images:
        if (other := first.setdefault(image.digest, image.path)) is not image.path:
            yield Finding("duplicate", f"{image.path}: is the same image as {other.name}; remove one of them", test)


def _format_counts(values: Iterable[str]) -> str:
    """`PNG` if all are the same, otherwise `2 PNG, 1 WEBP`."""
    counts = Counter(values)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{number} {value}" for value, number in counts.most_common())
