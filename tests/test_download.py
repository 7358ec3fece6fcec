"""The download command and the library under it, against a server on localhost that can be told to misbehave."""

import functools
import hashlib
import io
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from aldsr import download as command
from aldsr.core.command import user_message
from aldsr.core.errors import OptionError
from aldsr.data import download
from aldsr.data.download import DIV2K, Archive, DownloadError, fetch, is_unpacked, unpack
from tests.command import run_command

BODY = bytes(range(256)) * 400
IMAGES = Archive("images.zip", len(BODY), hashlib.sha256(BODY).hexdigest())
PART = "images.zip.part"


class Handler(BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        server = self.server
        requested = self.headers.get("Range")
        server.ranges.append(requested)
        body = server.files.get(self.path.removeprefix("/folder/"))
        if server.status or body is None:
            self.send_error(server.status or 404)
            return
        start = int(requested.removeprefix("bytes=").rstrip("-")) if requested and server.knows_range else 0
        rest = body[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        server.drops -= 1
        self.wfile.write(rest[: len(rest) // 2] if server.drops >= 0 else rest)
        self.wfile.flush()
        time.sleep(server.stalls_s)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(HTTPServer):
    """Serves `files` and records the ranges that were requested."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}/folder"
        self.files = {IMAGES.name: BODY}
        self.status = 0
        self.knows_range = True
        self.drops = 0  # so many answers end half way
        self.stalls_s = 0.0  # after each answer
        self.ranges: list[str | None] = []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def files(folder: Path | str) -> list[str]:
    """The paths of all files in a folder, without the manifests of what was unpacked."""
    paths = (path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())
    return sorted(path for path in paths if not path.endswith(".unpacked.json"))


# Fetching


@pytest.mark.parametrize(
    ("part", "knows_range", "ranges"),
    [
        (b"", True, [None]),
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
    (tmp_path / PART).write_bytes(part)
    assert fetch(IMAGES, tmp_path, server.address).read_bytes() == BODY
    assert files(tmp_path) == ["images.zip"]
    assert server.ranges == ranges


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "images.zip").write_bytes(BODY)
    assert fetch(IMAGES, tmp_path).read_bytes() == BODY
    (tmp_path / "images.zip").write_bytes(b"mine")
    with pytest.raises(DownloadError, match=r"images\.zip: .*SHA-256"):
        fetch(IMAGES, tmp_path)
    assert (tmp_path / "images.zip").read_bytes() == b"mine"


def test_another_file_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    server.files[IMAGES.name] = b"more" + BODY
    with pytest.raises(DownloadError, match=r"images\.zip"):
        fetch(IMAGES, tmp_path, server.address)
    assert files(tmp_path) == []


@pytest.mark.parametrize("knows_range", [True, False])
def test_attempts_are_bounded_and_the_part_is_kept(server: Server, tmp_path: Path, knows_range: bool) -> None:
    server.drops, server.knows_range = download.ATTEMPTS + 1 - knows_range, knows_range
    with pytest.raises(DownloadError, match="run the command again"):
        fetch(IMAGES, tmp_path, server.address)
    assert len(server.ranges) == download.ATTEMPTS
    assert 0 < (tmp_path / PART).stat().st_size < len(BODY)
    server.drops = 0
    assert fetch(IMAGES, tmp_path, server.address).read_bytes() == BODY


def test_new_data_renews_the_attempts(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "CHUNK", 1000)
    server.drops = download.ATTEMPTS + 2  # the last half is 102400 / 2**6 = 1600 bytes
    assert fetch(IMAGES, tmp_path, server.address).read_bytes() == BODY


def test_a_silent_server(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.drops, server.stalls_s = 1, 0.5
    with pytest.raises(DownloadError, match="timed out"):
        fetch(IMAGES, tmp_path, server.address)
    assert (tmp_path / PART).stat().st_size == len(BODY) // 2


def test_nobody_listens(server: Server, tmp_path: Path) -> None:
    with Server() as other:
        pass
    with pytest.raises(DownloadError, match="refused"):
        fetch(IMAGES, tmp_path, other.address)


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (503, download.ATTEMPTS)])
def test_error_statuses(server: Server, tmp_path: Path, status: int, requests: int) -> None:
    server.status = status
    (tmp_path / PART).write_bytes(BODY[:10])
    with pytest.raises(DownloadError, match=rf"folder/images\.zip: .*HTTP {status}"):
        fetch(IMAGES, tmp_path, server.address)
    assert len(server.ranges) == requests
    assert (tmp_path / PART).read_bytes() == BODY[:10]


def test_too_little_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2 * len(BODY) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OptionError, match=rf"--to {tmp_path}.*GB"):
        fetch(IMAGES, tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk(server: Server, tmp_path: Path) -> None:
    (tmp_path / PART).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as raised:
        fetch(IMAGES, tmp_path, server.address)
    assert user_message(raised.value)  # with which the command ends


# Unpacking


def make_zip(folder: Path, name: str, entries: dict[str, bytes]) -> tuple[Archive, Path]:
    """Write a zip file from its entries (content by name)."""
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return Archive(name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()), path


def test_archives_are_unpacked_beside_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "DIV2K"
    for name in ("LR_bicubic/mine.png", ".X2.zip.unpacking/LR_bicubic/of_a_run_that_was_killed.png"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"mine")
    for scale in (2, 4):
        entries = {"LR_bicubic/": b"", f"LR_bicubic/X{scale}/0001x{scale}.png": bytes([scale])}
        unpack(*make_zip(tmp_path, f"X{scale}.zip", entries), folder)
    found = {name: (folder / name).read_bytes() for name in files(folder)}
    paths = ("LR_bicubic/X2/0001x2.png", "LR_bicubic/X4/0001x4.png", "LR_bicubic/mine.png")
    assert found == dict(zip(paths, (b"\2", b"\4", b"mine"), strict=True))


@pytest.mark.parametrize("damage", ["missing", "shorter", "manifest"])
def test_a_damaged_extraction_is_repaired(tmp_path: Path, damage: str) -> None:
    archive, path = make_zip(tmp_path, "HR.zip", {"HR/0001.png": b"12", "HR/0002.png": b"2"})
    image = tmp_path / "HR" / "0001.png"
    unpack(archive, path, tmp_path)
    assert is_unpacked(archive, tmp_path)
    assert not is_unpacked(Archive("HR.zip", 1, "another hash"), tmp_path)
    if damage == "missing":
        image.unlink()
    else:
        (image if damage == "shorter" else tmp_path / ".HR.zip.unpacked.json").write_text("0")
    assert not is_unpacked(archive, tmp_path)
    unpack(archive, path, tmp_path)
    assert image.read_bytes() == b"12"
    assert is_unpacked(archive, tmp_path)


def test_an_unpacking_that_fails_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "HR").touch()
    with pytest.raises(OSError, match="HR") as raised:
        unpack(*make_zip(tmp_path, "HR.zip", {"HR/0001.png": b"1"}), tmp_path)
    assert user_message(raised.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["HR", "HR.zip"]


# The command


@pytest.fixture
def mirror(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server with small archives of the official names, which take the place of DIV2K's."""
    monkeypatch.chdir(tmp_path)
    for name, official in DIV2K.items():
        archive, path = make_zip(tmp_path, official.name, {f"DIV2K_{name}/0001.png": name.encode()})
        server.files[archive.name] = path.read_bytes()
        monkeypatch.setitem(DIV2K, name, archive)
        path.unlink()
    return server


def status(server: Server, *options: str) -> int:
    return run_command(command.main, "div2k", "--base-url", f"{server.address}/", *options)


def test_a_second_run_requests_nothing(mirror: Server, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("train_HR", "train_LR_bicubic_X4", "valid_HR", "valid_LR_bicubic_X4")
    for _ in range(2):
        assert status(mirror) == 0
        assert files("datasets/DIV2K") == [f"DIV2K_{name}/0001.png" for name in names]
        assert len(mirror.ranges) == 4
    out, err = capsys.readouterr()
    assert err == ""
    assert out.endswith("python -m aldsr.train experiment=paper\n")


def test_another_folder_scales_and_kept_archives(mirror: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(mirror, "--to", "a, b", "--scale", "2", "--scale", "3", "--scale", "2", "--keep-archives") == 0
    kinds = ("HR", "LR_bicubic_X2", "LR_bicubic_X3")
    names = [f"DIV2K_{split}_{kind}" for split in ("train", "valid") for kind in kinds]
    assert files("a, b") == sorted(name + end for name in names for end in (".zip", "/0001.png"))
    assert """'data.train_dirs=["a, b/DIV2K_train_HR"]'""" in capsys.readouterr().out


def test_a_mirror_without_the_official_file(mirror: Server, capsys: pytest.CaptureFixture[str]) -> None:
    name = "DIV2K_valid_HR.zip"
    mirror.files[name] = b"other".ljust(len(mirror.files[name]))
    assert status(mirror) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line
    assert files("datasets/DIV2K") == ["DIV2K_train_HR/0001.png"]


def test_a_terminal_shows_a_bar(mirror: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(download, "Console", functools.partial(Console, file=screen, force_terminal=True, width=100))
    assert status(mirror) == 0
    assert "DIV2K_train_HR.zip" in screen.getvalue()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "dataset"),
        (["set5"], "set5"),
        (["div2k", "--scale", "8"], "--scale"),
        *(
            (["div2k", "--base-url", url], "--base-url")
            for url in ("s/folder", "http://[s", "http://s/?f=", "http://s:p/")
        ),
    ],
)
def test_wrong_arguments(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(command.main, *arguments) == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "value"), [("a-1/b_2", "a-1/b_2/DIV2K_train_HR"), ('ü"[b]', '"ü\\"[b]/DIV2K_train_HR"')]
)
def test_the_next_command_is_quoted_for_hydra(folder: str, value: str) -> None:
    assert f"'data.train_dirs=[{value}]'" in command.next_command(Path(folder), [4])


def test_the_next_command_trains_on_the_lr_that_was_fetched() -> None:
    for scales, after in (([4], ""), ([2, 4], ""), ([3], " scale=3")):
        assert command.next_command(command.DEFAULT_FOLDER, scales).endswith(f" experiment=paper{after}")
