"""Download the official DIV2K archives and unpack them.

An interrupted download is resumed, every archive is checked by its SHA-256, files appear complete, and an archive that
is unpacked already is recognised.
"""

import hashlib
import json
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rich import progress as bars
from rich.console import Console
from rich.filesize import decimal as human_size

from aldsr.core.errors import UserError
from aldsr.core.files import check_room, write_json

OFFICIAL_SERVER = "https://data.vision.ee.ethz.ch/cvl/DIV2K"
TIMEOUT_S = 30.0
ATTEMPTS = 4  # in a row without new data
PAUSE_S = 1.0  # after the first failure; longer after each further one
CHUNK = 1 << 20  # bytes
RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}  # and every 5xx


class DownloadError(UserError):
    """A download that cannot go on."""


@dataclass(frozen=True)
class Archive:
    """A zip file of a server's folder, with the size in bytes and the SHA-256 that it must have."""

    name: str
    size: int
    sha256: str


# From github.com/tensorflow/datasets, tensorflow_datasets/url_checksums/div2k.txt at commit 333639b37af6; not compared
# with the server's files.
DIV2K = {
    name: Archive(f"DIV2K_{name}.zip", size, sha256)
    for name, size, sha256 in (
        ("train_HR", 3530603713, "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335"),
        ("train_LR_bicubic_X2", 925390592, "a53a424317575838dadce4bcd97cf7b744d6855f43740ed5f0245af3cf4bd850"),
        ("train_LR_bicubic_X3", 427847282, "ad5c8e5507e2765823d3c2c5bd0934842efcd487c5370604c224090898b3163a"),
        ("train_LR_bicubic_X4", 246914039, "f006b837f4eb52b82909aa01478e6d6d199eefce932179491d0c9dbb706dde3a"),
        ("valid_HR", 448993893, "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc"),
        ("valid_LR_bicubic_X2", 117763600, "60eed9875c697df51204aa579e2a699e1d5215095788a097ff54dd17e2664d57"),
        ("valid_LR_bicubic_X3", 54513392, "04b9a2ed3b4a0715d3924d3ae8514830c3328fac8d30512ce716d6f419e052a3"),
        ("valid_LR_bicubic_X4", 31505881, "a50a5d1c4b88de4e8d300d8fb2b904c52fe93b2b298a4899697760d7cbb6d553"),
    )
}


def fetch(archive: Archive, folder: Path, server: str = OFFICIAL_SERVER) -> Path:
    """Download `server/NAME` into `folder`, unless it is there already, and return its path.

    Data is collected in `NAME.part`, which is renamed when its SHA-256 is right; a later call continues from it. A
    terminal shows a bar.

    Raises DownloadError if the server fails, or a file of this name has other content, and OptionError if the disk
    lacks room for the archive and its files, which are about as large.
    """
    target = folder / archive.name
    part = folder / f"{archive.name}.part"
    folder.mkdir(parents=True, exist_ok=True)
    if target.exists():  # a wrong file of this name is the user's own: do not replace it
        _check_hash(archive, target, "move it away and run the command again")
        return target
    if _file_size(part) > archive.size:
        part.unlink()  # cannot be the beginning of this archive
    check_room(f"--to {folder}", folder, 2 * archive.size - _file_size(part))
    _download(f"{server}/{archive.name}", archive, part)
    try:
        _check_hash(archive, part, "it was removed; run the command again to start anew")
    except DownloadError:
        part.unlink()
        raise
    return part.replace(target)


def is_unpacked(archive: Archive, folder: Path) -> bool:
    """Whether `folder` holds every file of the archive at its full size."""
    try:
        manifest = json.loads(_manifest(archive, folder).read_text(encoding="utf-8"))
        sizes = manifest["files"].items()
        return bool(manifest["sha256"] == archive.sha256) and all(_file_size(folder / file) == n for file, n in sizes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # absent or damaged: unpacking again repairs it


def unpack(archive: Archive, path: Path, folder: Path) -> None:
    """Unpack an archive into `folder`, beside the files that are there; files of the same name are replaced.

    `path` is the zip file as `fetch` returns it: its SHA-256, checked there, vouches for its content. A hidden manifest
    is written last, so that an interrupted unpacking is done again.
    """
    staging = folder / f".{archive.name}.unpacking"
    try:
        shutil.rmtree(staging, ignore_errors=True)  # of a run that was killed
        with zipfile.ZipFile(path) as file:
            file.extractall(staging)
            sizes = {member.filename: member.file_size for member in file.infolist() if not member.is_dir()}
        for name in sizes:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).replace(folder / name)
        write_json(_manifest(archive, folder), {"sha256": archive.sha256, "files": sizes})
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _manifest(archive: Archive, folder: Path) -> Path:
    return folder / f".{archive.name}.unpacked.json"


def _file_size(path: Path) -> int:
    """The size of a file in bytes, 0 if there is none."""
    return path.stat().st_size if path.is_file() else 0


def _download(url: str, archive: Archive, part: Path) -> None:
    """Connect until `part` is complete, or until several connections in a row have brought nothing new."""
    console = Console()
    if not console.is_terminal:
        print(f"{archive.name}: {human_size(archive.size)} from {url}", flush=True)
    text = bars.TextColumn("{task.description}", markup=False)
    columns = (text, bars.BarColumn(), bars.DownloadColumn(), bars.TransferSpeedColumn(), bars.TimeRemainingColumn())
    failures, most, reason = 0, _file_size(part), ""
    with bars.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(archive.name, total=archive.size, completed=most)
        while (size := _file_size(part)) < archive.size:
            if failures == ATTEMPTS:
                raise DownloadError(
                    f"{url}: stopped after {human_size(size)} of {human_size(archive.size)} ({reason}); "
                    "check the connection and run the command again: it continues from there"
                )
            time.sleep(PAUSE_S * (2**failures - 1))
            try:
                for done in _transfer(url, archive, part):
                    bar.update(task, completed=done)
                reason = "the server closed the connection"
            except ConnectionError as error:
                reason = str(error)
            # Compare with the most so far: a server that starts over each time must not be asked for ever.
            failures = 0 if _file_size(part) >= most + CHUNK else failures + 1
            most = max(most, _file_size(part))


def _transfer(url: str, archive: Archive, part: Path) -> Iterator[int]:
    """Append to `part` what one connection brings; yield how much there is after each chunk."""
    start = _file_size(part)
    headers = {"User-Agent": "aldsr"} | ({"Range": f"bytes={start}-"} if start else {})
    with _network_errors(url):
        response = urlopen(Request(url, headers=headers), timeout=TIMEOUT_S)
    with response:
        # 200 instead of 206: the server ignores Range and sends the whole file, so `part` starts over.
        done = start if response.status == HTTPStatus.PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and done + int(length) != archive.size:
            raise DownloadError(
                f"{url}: the server sends {done + int(length)} bytes, expected {archive.size}; it has another file: "
                "use another server"
            )
        with part.open("ab" if done else "wb") as file:
            while done < archive.size:
                with _network_errors(url):
                    # What has arrived, rather than a full chunk: nothing is lost when the connection drops.
                    chunk = response.read1(min(CHUNK, archive.size - done))
                if not chunk:
                    break
                file.write(chunk)
                done += len(chunk)
                yield done


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    """Turn an error of the network into a ConnectionError, or a DownloadError if another attempt is no use."""
    try:
        yield
    except HTTPError as error:
        error.close()
        answer = f"HTTP {error.code} {error.reason}"
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code in RETRIED:
            raise ConnectionError(answer) from error
        raise DownloadError(
            f"{url}: the server answered {answer}, expected the file; check the address or use another server"
        ) from error
    except (OSError, HTTPException) as error:
        cause = getattr(error, "reason", error)  # urllib wraps the error of the socket
        raise ConnectionError(getattr(cause, "strerror", None) or str(cause)) from error


def _check_hash(archive: Archive, path: Path, remedy: str) -> None:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != archive.sha256:
        raise DownloadError(f"{path}: found SHA-256 {sha256}, expected {archive.sha256}; {remedy}")
