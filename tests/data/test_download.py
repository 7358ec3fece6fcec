"""The download library against a server on localhost that can be told to misbehave."""

import hashlib
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from aldsr.data import download
from aldsr.data.download import Archive, DownloadError, fetch
from aldsr.data.unpack import is_unpacked, unpack

BODY = bytes(range(256)) * 400


class Handler(BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        server = self.server
        requested = self.headers.get("Range")
        server.ranges.append(requested)
        if server.status is not None:
            self.send_error(server.status)
            return
        start = int(requested.removeprefix("bytes=").rstrip("-")) if requested and server.knows_range else 0
        rest = server.body[start:]
        self.send_response(206 if start else 200)
        if server.sends_length:
            self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        server.drops -= 1
        self.wfile.write(rest[: len(rest) // 2] if server.drops >= 0 else rest)
        if server.stalls:
            self.wfile.flush()
            server.released.wait(5)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(HTTPServer):
    """Serves `body` at every address and records the ranges that were requested."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = BODY
        self.status: int | None = None
        self.knows_range = True
        self.sends_length = True
        self.stalls = False
        self.released = threading.Event()
        self.drops = 0  # so many answers end half way
        self.ranges: list[str | None] = []

    def archive(self, sha256: str | None = None) -> Archive:
        url = f"http://127.0.0.1:{self.server_port}/folder/images.zip"
        return Archive(url, len(BODY), sha256 or hashlib.sha256(BODY).hexdigest())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_only_the_archive_is_left_and_progress_reported(server: Server, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    path = fetch(server.archive(), tmp_path / "new" / "folder", progress=lambda *now: calls.append(now))
    assert path == tmp_path / "new" / "folder" / "images.zip"
    assert path.read_bytes() == BODY
    assert names(path.parent) == ["images.zip"]
    assert (calls[0], calls[-1]) == ((0, len(BODY)), (len(BODY), len(BODY)))


@pytest.mark.parametrize(
    ("part", "knows_range", "ranges"),
    [
        (BODY[:70000], True, ["bytes=70000-"]),
        (b"?" * 70000, False, ["bytes=70000-"]),  # the server starts over
        (BODY, True, []),
        (BODY + b"?", True, [None]),
    ],
)
def test_a_part_is_continued(
    server: Server, tmp_path: Path, part: bytes, knows_range: bool, ranges: list[str | None]
) -> None:
    server.knows_range = knows_range
    (tmp_path / "images.zip.part").write_bytes(part)
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY
    assert server.ranges == ranges


@pytest.mark.parametrize("content", [BODY, b"mine"])
def test_a_file_that_is_there_is_kept(server: Server, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "images.zip").write_bytes(content)
    if content == BODY:
        assert fetch(server.archive(), tmp_path) == tmp_path / "images.zip"
    else:
        with pytest.raises(DownloadError, match=r"images\.zip: .*SHA-256"):
            fetch(server.archive(), tmp_path)
    assert (tmp_path / "images.zip").read_bytes() == content
    assert server.ranges == []


def test_a_wrong_hash_removes_the_part(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"images\.zip\.part: .*SHA-256"):
        fetch(server.archive(sha256="0" * 64), tmp_path)
    assert names(tmp_path) == []
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("sends_length", [True, False])
def test_another_file_is_refused_and_not_kept(server: Server, tmp_path: Path, sends_length: bool) -> None:
    server.body, server.sends_length = b"more" + BODY, sends_length
    with pytest.raises(DownloadError, match=r"images\.zip"):
        fetch(server.archive(), tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("knows_range", [True, False])
def test_attempts_are_bounded_and_the_part_is_kept(server: Server, tmp_path: Path, knows_range: bool) -> None:
    server.drops, server.knows_range = download.ATTEMPTS + 1 - knows_range, knows_range
    with pytest.raises(DownloadError, match="run the command again"):
        fetch(server.archive(), tmp_path)
    assert len(server.ranges) == download.ATTEMPTS
    assert 0 < (tmp_path / "images.zip.part").stat().st_size < len(BODY)
    server.drops = 0
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY


def test_new_data_renews_the_attempts(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "CHUNK", 1000)
    server.drops = download.ATTEMPTS + 2  # the last half is 102400 / 2**6 = 1600 bytes
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY


def test_a_silent_server(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.drops, server.stalls = 1, True
    with pytest.raises(DownloadError, match="timed out"):
        fetch(server.archive(), tmp_path)
    assert (tmp_path / "images.zip.part").stat().st_size == len(BODY) // 2


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (503, download.ATTEMPTS)])
def test_error_statuses(server: Server, tmp_path: Path, status: int, requests: int) -> None:
    server.status = status
    (tmp_path / "images.zip.part").write_bytes(BODY[:10])
    with pytest.raises(DownloadError, match=rf"folder/images\.zip: .*HTTP {status}"):
        fetch(server.archive(), tmp_path)
    assert len(server.ranges) == requests
    assert (tmp_path / "images.zip.part").read_bytes() == BODY[:10]


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_port
    with pytest.raises(DownloadError, match="refused"):
        fetch(Archive(f"http://127.0.0.1:{port}/images.zip", 1, ""), tmp_path)


def test_too_little_space(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2 * len(BODY) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DownloadError, match="204799 bytes"):
        fetch(server.archive(), tmp_path)
    assert server.ranges == []


def test_a_file_in_place_of_the_folder(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DownloadError, match="file: "):
        fetch(server.archive(), tmp_path / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk(server: Server, tmp_path: Path) -> None:
    (tmp_path / "images.zip.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="No space left on device"):
        fetch(server.archive(), tmp_path)


MakeZip = Callable[..., tuple[Archive, Path]]


@pytest.fixture
def make_zip(tmp_path: Path) -> MakeZip:
    """Writes a zip file from its entries (content by name): `make_zip(name, entries)`."""

    def make(name: str, entries: dict[str, bytes]) -> tuple[Archive, Path]:
        path = tmp_path / "archives" / name
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            for entry, content in entries.items():
                archive.writestr(entry, content)
        return Archive(f"https://server/{name}", 1, name), path

    return make


def test_archives_are_unpacked_beside_what_is_there(make_zip: MakeZip, tmp_path: Path) -> None:
    folder = tmp_path / "DIV2K"
    (folder / "LR_bicubic").mkdir(parents=True)
    (folder / "LR_bicubic" / "mine.png").write_bytes(b"mine")
    for scale in (2, 4):
        entries = {"LR_bicubic/": b"", f"LR_bicubic/X{scale}/0001x{scale}.png": bytes([scale])}
        unpack(*make_zip(f"X{scale}.zip", entries), folder)
    files = {path.relative_to(folder / "LR_bicubic").as_posix(): path.read_bytes() for path in folder.rglob("*.png")}
    assert files == {"X2/0001x2.png": b"\2", "X4/0001x4.png": b"\4", "mine.png": b"mine"}
    assert names(folder) == [".X2.zip.unpacked.json", ".X4.zip.unpacked.json", "LR_bicubic"]


@pytest.mark.parametrize("damage", ["missing", "shorter", "manifest"])
def test_a_damaged_extraction_is_repaired(make_zip: MakeZip, tmp_path: Path, damage: str) -> None:
    archive, path = make_zip("HR.zip", {"HR/0001.png": b"12", "HR/0002.png": b"2"})
    image = tmp_path / "HR" / "0001.png"
    unpack(archive, path, tmp_path)
    assert is_unpacked(archive, tmp_path)
    assert not is_unpacked(Archive(archive.url, 1, "another hash"), tmp_path)
    if damage == "missing":
        image.unlink()
    elif damage == "shorter":
        image.write_bytes(b"1")
    else:
        (tmp_path / ".HR.zip.unpacked.json").write_text("[]")
    assert not is_unpacked(archive, tmp_path)
    unpack(archive, path, tmp_path)
    assert image.read_bytes() == b"12"
    assert is_unpacked(archive, tmp_path)


def test_a_run_that_was_killed_is_repaired(make_zip: MakeZip, tmp_path: Path) -> None:
    staging = tmp_path / ".HR.zip.unpacking" / "HR"
    staging.mkdir(parents=True)
    (staging / "stale.png").write_bytes(b"")
    unpack(*make_zip("HR.zip", {"HR/0001.png": b"1"}), tmp_path)
    assert names(tmp_path) == [".HR.zip.unpacked.json", "HR", "archives"]
    assert names(tmp_path / "HR") == ["0001.png"]


def test_an_unpacking_that_fails_leaves_the_folder_as_it_was(make_zip: MakeZip, tmp_path: Path) -> None:
    (tmp_path / "HR").touch()
    with pytest.raises(DownloadError, match="HR"):
        unpack(*make_zip("HR.zip", {"HR/0001.png": b"1"}), tmp_path)
    assert names(tmp_path) == ["HR", "archives"]
