"""Unpack a downloaded archive: files appear complete, and a finished archive is recognised."""

import json
import shutil
import zipfile
from pathlib import Path

from aldsr.core.files import atomic_write
from aldsr.data.download import Archive, disk_errors, file_size


def is_unpacked(archive: Archive, folder: Path) -> bool:
    """Whether `folder` holds every file of the archive at its full size."""
    try:
        manifest = json.loads(_manifest(archive, folder).read_text(encoding="utf-8"))
        sizes = manifest["files"].items()
        return bool(manifest["sha256"] == archive.sha256) and all(file_size(folder / file) == n for file, n in sizes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # absent or damaged: unpacking again repairs it


def unpack(archive: Archive, path: Path, folder: Path) -> None:
    """Unpack an archive into `folder`, beside the files that are there; files of the same name are replaced.

    A hidden manifest is written last, so that an interrupted unpacking is done again.

    Args:
        archive: which archive it is.
        path: the zip file, as `fetch` returns it: its SHA-256, checked there, vouches for its content.
        folder: where the files go.

    Raises:
        DownloadError: if the disk fails.
    """
    staging = folder / f".{archive.name}.unpacking"
    with disk_errors(folder):
        try:
            shutil.rmtree(staging, ignore_errors=True)  # of a run that was killed
            with zipfile.ZipFile(path) as file:
                file.extractall(staging)
                sizes = {member.filename: member.file_size for member in file.infolist() if not member.is_dir()}
            _move(staging, folder)
            with atomic_write(_manifest(archive, folder)) as temporary:
                temporary.write_text(json.dumps({"sha256": archive.sha256, "files": sizes}), encoding="utf-8")
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    """Move `source` to `target`; a folder that exists already receives the files one by one."""
    if source.is_dir() and target.is_dir():
        for child in sorted(source.iterdir()):
            _move(child, target / child.name)
    else:
        source.replace(target)


def _manifest(archive: Archive, folder: Path) -> Path:
    return folder / f".{archive.name}.unpacked.json"
