"""The download library against a server on localhost that can be told to misbehave."""

import hashlib
import os
import shutil
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from aldsr.data import download, unpack
from aldsr.data.download import Archive, DownloadError, fetch
from aldsr.data.unpack import extract, is_extracted

BODY = bytes(range(256)) * 400


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        if server.status is not None:
            self.send_error(server.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.knows_range else 0
        if start >= len(server.body):
            self.send_error(416)
            return
        rest = server.body[start:]
        self.send_response(206 if start else 200)
        if server.tells_length:
            self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        server.drops -= 1
        sent = rest[: len(rest) // 2] if server.drops >= 0 else rest
        server.sent.append(len(sent))  # noted first: the test goes on once it has the last byte
        self.wfile.write(sent)
        if server.stalls:
            self.wfile.flush()
            server.released.wait(5)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(HTTPServer):
    """Serves `body` at every address and notes what was asked and sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = BODY
        self.status: int | None = None
        self.knows_range = True
        self.tells_length = True
        self.stalls = False
        self.released = threading.Event()
        self.drops = 0  # so many answers end half way
        self.ranges: list[str | None] = []
        self.sent: list[int] = []

    def archive(self, sha256: str | None = None) -> Archive:
        url = f"http://127.0.0.1:{self.server_port}/folder/images.zip"
        return Archive(url, len(BODY), sha256 or hashlib.sha256(BODY).hexdigest())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fetch_leaves_only_the_archive_and_reports_progress(server: _Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch(server.archive(), tmp_path / "new" / "folder", progress=lambda *now: seen.append(now))
    assert path == tmp_path / "new" / "folder" / "images.zip"
    assert path.read_bytes() == BODY
    assert _names(path.parent) == ["images.zip"]
    assert (seen[0], seen[-1]) == ((0, len(BODY)), (len(BODY), len(BODY)))


def test_a_part_is_continued_and_only_the_rest_transferred(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "images.zip.part").write_bytes(BODY[:70000])
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY
    assert server.ranges == ["bytes=70000-"]
    assert server.sent == [len(BODY) - 70000]


def test_a_server_that_ignores_range_starts_over(server: _Server, tmp_path: Path) -> None:
    server.knows_range = False
    (tmp_path / "images.zip.part").write_bytes(b"?" * 70000)
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY
    assert server.ranges == ["bytes=70000-"]


def test_a_complete_part_needs_no_request(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "images.zip.part").write_bytes(BODY)
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY
    assert server.ranges == []


def test_a_part_that_is_too_long_starts_over(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "images.zip.part").write_bytes(BODY + b"?")
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY
    assert server.ranges == [None]


def test_a_file_that_is_there_is_not_requested(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "images.zip").write_bytes(BODY)
    assert fetch(server.archive(), tmp_path) == tmp_path / "images.zip"
    assert server.ranges == []


def test_somebodys_other_file_of_that_name_is_kept(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "images.zip").write_bytes(b"mine")
    with pytest.raises(DownloadError, match=r"images\.zip: found SHA-256 .* move it away"):
        fetch(server.archive(), tmp_path)
    assert (tmp_path / "images.zip").read_bytes() == b"mine"
    assert server.ranges == []


def test_wrong_hash_names_both_and_removes_the_part(server: _Server, tmp_path: Path) -> None:
    found = hashlib.sha256(BODY).hexdigest()
    with pytest.raises(DownloadError, match=rf"images\.zip\.part: found SHA-256 {found}, expected {'0' * 64}"):
        fetch(server.archive(sha256="0" * 64), tmp_path)
    assert _names(tmp_path) == []
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY


def test_one_dropped_connection_is_continued(server: _Server, tmp_path: Path) -> None:
    server.drops = 1
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY
    assert server.ranges == [None, f"bytes={len(BODY) // 2}-"]
    assert sum(server.sent) == len(BODY)


def test_truncated_for_good_keeps_the_part_for_the_next_run(server: _Server, tmp_path: Path) -> None:
    server.drops = download.ATTEMPTS
    with pytest.raises(DownloadError, match=r"stopped after .* closed the connection.* run the command again"):
        fetch(server.archive(), tmp_path)
    kept = (tmp_path / "images.zip.part").stat().st_size
    assert len(server.ranges) == download.ATTEMPTS
    assert 0 < kept < len(BODY)
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY
    assert server.ranges[-1] == f"bytes={kept}-"


def test_attempts_are_bounded_where_the_server_starts_over_each_time(server: _Server, tmp_path: Path) -> None:
    server.drops, server.knows_range = 1000, False
    with pytest.raises(DownloadError, match="run the command again"):
        fetch(server.archive(), tmp_path)
    assert len(server.ranges) == download.ATTEMPTS


def test_new_data_renews_the_attempts(server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "CHUNK", 1000)
    server.drops = download.ATTEMPTS + 2  # the last half is 102400 / 2**6 = 1600 bytes
    assert fetch(server.archive(), tmp_path).read_bytes() == BODY


def test_a_silent_server_is_left(server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.drops, server.stalls = 1, True
    with pytest.raises(DownloadError, match="timed out"):
        fetch(server.archive(), tmp_path)
    assert (tmp_path / "images.zip.part").stat().st_size == len(BODY) // 2


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (416, 1), (503, download.ATTEMPTS)])
def test_error_statuses(server: _Server, tmp_path: Path, status: int, requests: int) -> None:
    server.status = status
    (tmp_path / "images.zip.part").write_bytes(BODY[:10])
    with pytest.raises(DownloadError, match=rf"folder/images\.zip: .*HTTP {status}"):
        fetch(server.archive(), tmp_path)
    assert len(server.ranges) == requests
    assert (tmp_path / "images.zip.part").read_bytes() == BODY[:10]


@pytest.mark.parametrize("tells_length", [True, False])
def test_another_file_is_refused(server: _Server, tmp_path: Path, tells_length: bool) -> None:
    server.body, server.tells_length = BODY + b"more", tells_length
    with pytest.raises(DownloadError, match=rf"expected {len(BODY)}; it has another file"):
        fetch(server.archive(), tmp_path)
    assert not (tmp_path / "images.zip").exists()


def test_nobody_listens(server: _Server, tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), _Handler) as other:
        port = other.server_port
    with pytest.raises(DownloadError, match=r"stopped after 0 bytes .*refused"):
        fetch(Archive(f"http://127.0.0.1:{port}/images.zip", 1, ""), tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/images.zip", "images.zip", "http://127.0.0.1:port/images.zip"])
def test_no_web_address(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="not a web address"):
        fetch(Archive(url, 1, ""), tmp_path)


def test_too_little_space(server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2 * len(BODY) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DownloadError, match=r"found 204799 bytes of free space, expected 204800 bytes"):
        fetch(server.archive(), tmp_path)
    assert server.ranges == []


def test_a_file_in_place_of_the_folder(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DownloadError, match=r"file: .*expected a folder that can be written"):
        fetch(server.archive(), tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_folder(server: _Server, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DownloadError, match="Permission denied; expected a folder that can be written"):
        fetch(server.archive(), tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "images.zip.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"No space left on device; .* run the command again"):
        fetch(server.archive(), tmp_path)


ZipMaker = Callable[..., Path]


@pytest.fixture
def zipped(tmp_path: Path) -> ZipMaker:
    """Makes `<name>` from entries (their content by their name) in a folder of its own."""

    def make(name: str, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
        path = tmp_path / "archives" / name
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w", compression) as archive:
            for entry, content in entries.items():
                archive.writestr(entry, content)
        return path

    return make


def test_extract_merges_two_archives_into_one_folder(zipped: ZipMaker, tmp_path: Path) -> None:
    folder = tmp_path / "DIV2K"
    for scale in (2, 4):
        entries = {"LR_bicubic/": b"", f"LR_bicubic/X{scale}/0001x{scale}.png": bytes([scale])}
        assert extract(zipped(f"X{scale}.zip", entries), folder) == ["LR_bicubic"]
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}
    assert files == {"LR_bicubic/X2/0001x2.png": b"\2", "LR_bicubic/X4/0001x4.png": b"\4"}
    assert _names(folder) == [".X2.zip.unpacked.json", ".X4.zip.unpacked.json", "LR_bicubic"]


def test_extract_keeps_the_neighbours(zipped: ZipMaker, tmp_path: Path) -> None:
    (tmp_path / "HR").mkdir()
    (tmp_path / "HR" / "mine.png").write_bytes(b"mine")
    extract(zipped("HR.zip", {"HR/0001.png": b"1"}), tmp_path)
    assert _names(tmp_path / "HR") == ["0001.png", "mine.png"]


def test_a_finished_extraction_is_skipped(zipped: ZipMaker, tmp_path: Path) -> None:
    path = zipped("HR.zip", {"HR/0001.png": b"1"})
    extract(path, tmp_path)
    before = (tmp_path / "HR" / "0001.png").stat()
    assert extract(path, tmp_path) == ["HR"]
    after = (tmp_path / "HR" / "0001.png").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("damage", ["missing", "shorter", "manifest"])
def test_a_damaged_extraction_is_repaired(zipped: ZipMaker, tmp_path: Path, damage: str) -> None:
    path, image = zipped("HR.zip", {"HR/0001.png": b"12", "HR/0002.png": b"2"}), tmp_path / "HR" / "0001.png"
    digest = download.sha256_of(path)
    extract(path, tmp_path)
    assert is_extracted("HR.zip", digest, tmp_path)
    assert not is_extracted("HR.zip", "0" * 64, tmp_path)
    if damage == "missing":
        image.unlink()
    elif damage == "shorter":
        image.write_bytes(b"1")
    else:
        (tmp_path / ".HR.zip.unpacked.json").write_text("[]")
    assert not is_extracted("HR.zip", digest, tmp_path)
    extract(path, tmp_path)
    assert image.read_bytes() == b"12"
    assert is_extracted("HR.zip", digest, tmp_path)


def test_a_run_killed_half_way_is_repaired(zipped: ZipMaker, tmp_path: Path) -> None:
    staging = tmp_path / ".HR.zip.unpacking" / "HR"
    staging.mkdir(parents=True)
    (staging / "0001.png").write_bytes(b"ha")
    (staging / "stale.png").write_bytes(b"")
    extract(zipped("HR.zip", {"HR/0001.png": b"half"}), tmp_path)
    assert _names(tmp_path) == [".HR.zip.unpacked.json", "HR", "archives"]
    assert _names(tmp_path / "HR") == ["0001.png"]
    assert (tmp_path / "HR" / "0001.png").read_bytes() == b"half"


@pytest.mark.parametrize(
    "name", ["../evil", "HR/../../evil", "/evil", "C:/evil", "C:evil", "..\\evil", "\\\\server\\share\\evil"]
)
def test_entries_outside_the_folder_are_refused(zipped: ZipMaker, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inner" / "DIV2K"
    with pytest.raises(DownloadError, match=r"bad\.zip: refused, entry .*evil' lies outside the folder"):
        extract(zipped("bad.zip", {"HR/0001.png": b"1", name: b"evil"}), folder)
    assert _names(tmp_path) == ["archives"]


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("HR/0001.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DownloadError, match=r"'HR/0001\.png' is a link"):
        extract(tmp_path / "bad.zip", tmp_path)
    assert _names(tmp_path) == ["bad.zip"]


def test_a_bomb_is_refused(zipped: ZipMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped("bomb.zip", {"HR/0001.png": bytes(10**6)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(DownloadError, match=r"bomb\.zip: refused, it would expand to 1\.0 MB"):
        extract(bomb, tmp_path)
    monkeypatch.setattr(unpack, "MAX_UNPACKED", 10)
    with pytest.raises(DownloadError, match="it would expand to 11 bytes"):
        extract(zipped("large.zip", {"HR/0001.png": bytes(11)}), tmp_path)
    assert _names(tmp_path) == ["archives"]


def test_corrupt_archives(zipped: ZipMaker, tmp_path: Path) -> None:
    whole = zipped("whole.zip", {"HR/0001.png": b"0123456789"}).read_bytes()
    for content in (b"no zip", whole[:-9], whole.replace(b"0123456789", b"012345678?")):
        (tmp_path / "bad.zip").write_bytes(content)
        with pytest.raises(DownloadError, match=r"bad\.zip: not a readable zip archive .*; delete it"):
            extract(tmp_path / "bad.zip", tmp_path)
        assert _names(tmp_path) == ["archives", "bad.zip"]
