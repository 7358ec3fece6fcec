"""Download the official DIV2K archives: an interrupted download is resumed, every file is checked by its SHA-256."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from aldsr.core.errors import UserError

Progress = Callable[[int, int], None]
"""Called with the bytes that have arrived and the bytes of the whole archive."""

TIMEOUT_S = 30.0
ATTEMPTS = 4  # in a row without new data
PAUSE_S = 1.0  # after the first failure; longer after each further one
CHUNK = 1 << 20  # bytes
RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}  # and every 5xx


class DownloadError(UserError):
    """A download that cannot go on."""


class _ConnectionLostError(Exception):
    """A connection that failed or ended early: worth another attempt."""


@dataclass(frozen=True)
class Archive:
    """A zip file on a server, with the size in bytes and the SHA-256 that it must have."""

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name, the last part of the address."""
        return PurePosixPath(urlsplit(self.url).path).name


# From github.com/tensorflow/datasets, tensorflow_datasets/url_checksums/div2k.txt at commit 333639b37af6; not compared
# with the server's files.
_CHECKSUMS = (
    ("train_HR", 3530603713, "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335"),
    ("train_LR_bicubic_X2", 925390592, "a53a424317575838dadce4bcd97cf7b744d6855f43740ed5f0245af3cf4bd850"),
    ("train_LR_bicubic_X3", 427847282, "ad5c8e5507e2765823d3c2c5bd0934842efcd487c5370604c224090898b3163a"),
    ("train_LR_bicubic_X4", 246914039, "f006b837f4eb52b82909aa01478e6d6d199eefce932179491d0c9dbb706dde3a"),
    ("valid_HR", 448993893, "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc"),
    ("valid_LR_bicubic_X2", 117763600, "60eed9875c697df51204aa579e2a699e1d5215095788a097ff54dd17e2664d57"),
    ("valid_LR_bicubic_X3", 54513392, "04b9a2ed3b4a0715d3924d3ae8514830c3328fac8d30512ce716d6f419e052a3"),
    ("valid_LR_bicubic_X4", 31505881, "a50a5d1c4b88de4e8d300d8fb2b904c52fe93b2b298a4899697760d7cbb6d553"),
)
DIV2K: dict[str, Archive] = {
    name: Archive(f"https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_{name}.zip", size, sha256)
    for name, size, sha256 in _CHECKSUMS
}


def fetch(archive: Archive, folder: Path, *, progress: Progress | None = None) -> Path:
    """Download an archive into `folder`, unless it is there already, and return its path.

    Data is collected in `<name>.part`, which is renamed when its SHA-256 is right; a later call continues from it.

    Raises:
        DownloadError: if the server or the disk fails, or a file of this name has other content.
    """
    target = folder / archive.name
    part = target.with_name(f"{target.name}.part")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if target.exists():  # a wrong file of this name is the user's own: do not replace it
            _check_hash(archive, target, "move it away and run the command again")
            return target
        if file_size(part) > archive.size:
            part.unlink()  # cannot be the beginning of this archive
        _check_space(archive, part)
        _download(archive, part, progress or (lambda done, total: None))
        try:
            _check_hash(archive, part, "it was removed; run the command again to start anew")
        except DownloadError:
            part.unlink()
            raise
        return part.replace(target)


def human_size(size: int) -> str:
    """Format a number of bytes for people: 3530603713 is `3.5 GB`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def file_size(path: Path) -> int:
    """The size of a file in bytes, 0 if there is none."""
    return path.stat().st_size if path.is_file() else 0


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn an error of the disk into a `DownloadError`."""
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"{error.filename or folder}: {error.strerror or error}; expected a folder that can be written, "
            "with space left: choose one, or free some space, and run the command again"
        ) from error


def _download(archive: Archive, part: Path, progress: Progress) -> None:
    """Connect until `part` is complete, or until several connections in a row have brought nothing new."""
    failures, most, reason = 0, file_size(part), ""
    while (size := file_size(part)) < archive.size:
        if failures == ATTEMPTS:
            raise DownloadError(
                f"{archive.url}: stopped after {human_size(size)} of {human_size(archive.size)} ({reason}); "
                "check the connection and run the command again: it continues from there"
            )
        time.sleep(PAUSE_S * (2**failures - 1))
        try:
            _transfer(archive, part, progress)
            reason = "the server closed the connection"
        except _ConnectionLostError as error:
            reason = str(error)
        # Compare with the most so far: a server that starts over each time must not be asked for ever.
        failures = 0 if file_size(part) >= most + CHUNK else failures + 1
        most = max(most, file_size(part))


def _transfer(archive: Archive, part: Path, progress: Progress) -> None:
    """Append to `part` what one connection brings."""
    start = file_size(part)
    with _connect(archive.url, start) as response:
        # 200 instead of 206: the server ignores Range and sends the whole file, so `part` starts over.
        done = start if response.status == HTTPStatus.PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and done + int(length) != archive.size:
            raise DownloadError(
                f"{archive.url}: the server sends {done + int(length)} bytes, expected {archive.size}; it has "
                "another file: use another server"
            )
        with part.open("ab" if done else "wb") as file:
            progress(done, archive.size)
            while done < archive.size:
                with _connection_errors():
                    # What has arrived, rather than a full chunk: nothing is lost when the connection drops.
                    chunk = response.read1(min(CHUNK, archive.size - done))
                if not chunk:
                    break
                file.write(chunk)
                done += len(chunk)
                progress(done, archive.size)


def _connect(url: str, start: int) -> HTTPResponse:
    """Request a file from byte `start` on."""
    headers = {"User-Agent": "aldsr"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with _connection_errors():
            response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=TIMEOUT_S)
            return response
    except HTTPError as error:
        error.close()
        answer = f"HTTP {error.code} {error.reason}"
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code in RETRIED:
            raise _ConnectionLostError(answer) from error
        raise DownloadError(
            f"{url}: the server answered {answer}, expected the file; check the address or use another server"
        ) from error


@contextmanager
def _connection_errors() -> Iterator[None]:
    """Turn an error of the network into `_ConnectionLostError`; an answer of the server (`HTTPError`) passes."""
    try:
        yield
    except HTTPError:
        raise
    except (OSError, HTTPException) as error:
        cause = getattr(error, "reason", error)  # urllib wraps the error of the socket
        raise _ConnectionLostError(getattr(cause, "strerror", None) or str(cause)) from error


def _check_hash(archive: Archive, path: Path, remedy: str) -> None:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != archive.sha256:
        raise DownloadError(f"{path}: found SHA-256 {sha256}, expected {archive.sha256}; {remedy}")


def _check_space(archive: Archive, part: Path) -> None:
    """Require space for the rest of the archive and for its files, which are about as large."""
    needed = 2 * archive.size - file_size(part)
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        raise DownloadError(
            f"{part.parent}: found {human_size(free)} of free space, expected {human_size(needed)} for "
            f"{archive.name} and its files; free some space or choose another folder"
        )
