"""Find what is wrong with folders of images before a training run is spent on them. Nothing is written.

A *fault* would spoil a result or stop a run; a *remark* is worth knowing. Each message names the file and says what was
found and, where it is not plain, what to do.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from torch import Tensor

from aldsr.data.audit.near_duplicates import Signature, compute_signature, find_near_duplicates
from aldsr.data.audit.provenance import check_lr
from aldsr.data.folders import describe_others
from aldsr.data.images import ORIENTATION, DataError, has_16_bits, open_image, read_tensor
from aldsr.data.layouts import describe_lr, find_folders
from aldsr.data.pairs import Pair, find_repeated, match_files, set_name
from aldsr.data.patches import fingerprint
from aldsr.imaging import LITERATURE


class Finding(NamedTuple):
    """A fault, which would spoil a result, or a remark: its kind in a word or two, a sentence that names the file."""

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


@dataclass(frozen=True)
class AuditedSet:
    """One set, with its readable images and all findings; LR is "given (unknown)" or "made (bicubic)"."""

    name: str
    test: bool
    lr: str
    images: Sequence[AuditedImage]
    findings: Sequence[Finding]


def audit_set(
    folder: str | Path, *, scale: int, lr: str | None = None, patch: int = 0, test: bool = False
) -> AuditedSet:
    """Check every image of a set: a folder of images, or one with HR/ and LR_bicubic/X4/; `lr` as in `find_folders`.

    Images smaller than a training patch, `patch` HR pixels a side, are remarked. `test`: the set is for measuring.
    """
    name = set_name(folder)
    try:
        folders = find_folders(folder, scale, lr)
        pairs, faults = match_files(folders, scale=scale)
    except DataError as error:
        return AuditedSet(name, test, "made", [], [Finding("folder", str(error))])
    hr_folder, source = folders.hr, describe_lr("given" if folders.lr else "made", folders.track)
    findings = list(starmap(Finding, faults))
    findings += [Finding("LR not used", each, fault=not folders.lr) for each in folders.say_unused()]
    if message := describe_others(hr_folder):
        findings.append(Finding("other files", message, fault=False))
    images: list[AuditedImage] = []
    least = LITERATURE.least_side(scale)[0] if test else scale
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for image, found in pool.map(lambda pair: _audit_image(pair, scale, patch, least), pairs):
            images += [image] if image else []
            findings += found
    # In a benchmark they would count twice.
    for file, other in find_repeated([image.path for image in images], [image.digest for image in images]):
        message = f"{file}: is the same image as {other.name}; remove one of them"
        findings.append(Finding("duplicate", message, fault=test))
    return AuditedSet(name, test, source, images, findings)


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


def _audit_image(pair: Pair, scale: int, patch: int, least: int) -> tuple[AuditedImage | None, list[Finding]]:
    """Check an HR image, and its LR image if there is one."""
    image: AuditedImage | None = None
    findings: list[Finding] = []
    try:
        hr = read_tensor(pair.hr)
        size = hr.shape[2], hr.shape[1]
        with open_image(pair.hr) as header:
            remarks = [Finding(kind, f"{pair.hr}: {found}", fault=False) for kind, found in _check_header(header)]
            findings += [*_check_content(pair.hr, hr, scale, patch, least), *remarks]
            digest, signature = fingerprint([hr]), compute_signature(hr)
            image = AuditedImage(pair.hr, size, header.format or "?", header.mode, digest, signature)
        if pair.lr and min(size) >= scale:
            fault = check_lr(pair.hr, hr, pair.lr, read_tensor(pair.lr), scale, by_bd=pair.track == "bd")
            known = pair.track in (None, "bicubic", "bd")  # other tracks are neither, and may be shifted
            findings += [Finding(*fault)] if fault and (known or fault[0] == "wrong size") else []
    except DataError as error:
        findings.append(Finding("unreadable", str(error)))
    return image, findings


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


def _check_content(file: Path, hr: Tensor, scale: int, patch: int, least: int) -> Iterator[Finding]:
    height, width = hr.shape[-2:]
    found = f"{file}: is {width}x{height}"
    if min(height - height % scale, width - width % scale) < least:
        yield Finding("too small", f"{found}, smaller than the {least}x{least} needed at scale {scale}; remove it")
    elif height % scale or width % scale:
        yield Finding("no multiple", f"{found}, no multiple of {scale}; right and bottom edge are cropped", False)
    if scale <= min(height, width) < patch:
        yield Finding("small", f"{found}, smaller than a patch of {patch}x{patch}; left out in training", False)
    if (hr == hr[:, :1, :1]).all():
        yield Finding("one colour", f"{file}: holds a single colour; is it damaged? Remove it")
