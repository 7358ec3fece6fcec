"""Unpacking an archive from the network: nothing outside its folder, nothing absurdly large, never half-done."""

import json
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

from aldsr.core.files import atomic_write
from aldsr.data.download import DownloadError, disk_errors, file_size, human_size, sha256_of

MAX_UNPACKED = 32 * 10**9  # bytes; the largest archive unpacks to about 3.5 GB
MAX_RATIO = 20  # unpacked to packed; PNG files hardly shrink


def is_extracted(name: str, sha256: str, folder: Path) -> bool:
    """Whether `folder` holds every file, at its full size, of the archive of this file name and hash."""
    try:
        manifest = json.loads(_manifest(name, folder).read_text(encoding="utf-8"))
        files = manifest["files"].items()
        return bool(manifest["sha256"] == sha256) and all(file_size(folder / file) == size for file, size in files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # absent or unreadable: unpacking again repairs it


def extract(archive_path: Path, folder: Path, *, sha256: str | None = None) -> list[str]:
    """Unpack a zip archive into `folder`, beside what is there; its sorted top-level names.

    Files of the same name are replaced. A hidden manifest, written last, lets a finished archive be skipped
    and one that was cut short be unpacked again. `sha256` saves hashing an archive that `fetch` has checked.
    Raises DownloadError for an unsafe or damaged archive (`folder` is then as it was) and for a full disk.
    """
    staging = folder / f".{archive_path.name}.unpacking"
    with disk_errors(folder):
        sha256 = sha256 or sha256_of(archive_path)
        try:
            with _zip_errors(archive_path), zipfile.ZipFile(archive_path) as archive:
                members = archive.infolist()
                _refuse_unsafe(archive_path, members)
                names = sorted({PurePosixPath(member.filename).parts[0] for member in members})
                if is_extracted(archive_path.name, sha256, folder):
                    return names
                shutil.rmtree(staging, ignore_errors=True)  # of a run that was killed
                staging.mkdir(parents=True)
                archive.extractall(staging)
            _merge(staging, folder)
            files = {member.filename: member.file_size for member in members if not member.is_dir()}
            _write_manifest(_manifest(archive_path.name, folder), sha256, files)
            return names
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _refuse_unsafe(archive_path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Raise DownloadError for entries that would leave the folder, are no plain files, or expand absurdly."""
    total = sum(member.file_size for member in members)
    faults = [f"entry {member.filename!r} {fault}" for member in members if (fault := _fault(member))]
    if total > min(MAX_UNPACKED, MAX_RATIO * archive_path.stat().st_size):
        faults.append(f"it would expand to {human_size(total)}")
    if faults:
        raise DownloadError(
            f"{archive_path}: refused, {faults[0]}; nothing was unpacked: delete it and get the official one"
        )


def _fault(member: zipfile.ZipInfo) -> str | None:
    path = PureWindowsPath(member.filename)  # knows drives and both kinds of slash
    if path.anchor or ".." in path.parts or not path.parts:
        return "lies outside the folder"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a special file"
    return None


def _merge(source: Path, target: Path) -> None:
    """Move `source` to `target`: whole where nothing is there yet, one by one into a folder that is."""
    if source.is_dir() and target.is_dir():
        for child in sorted(source.iterdir()):
            _merge(child, target / child.name)
    else:
        source.replace(target)


def _manifest(name: str, folder: Path) -> Path:
    return folder / f".{name}.unpacked.json"


def _write_manifest(path: Path, sha256: str, files: dict[str, int]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps({"sha256": sha256, "files": files}), encoding="utf-8")


@contextmanager
def _zip_errors(path: Path) -> Iterator[None]:
    """Turn the ways in which zipfile reports damage (RuntimeError: a password) into a sentence."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError) as error:
        raise DownloadError(
            f"{path}: not a readable zip archive ({error}); delete it and run the command again"
        ) from error
