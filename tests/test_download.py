"""The download command, from its arguments to its last line, against a server on localhost."""

import functools
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from rich.console import Console

from aldsr import download as command
from aldsr.data import download
from aldsr.data.download import DIV2K, Archive
from tests.command import run_command


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        self.server.requests.append(self.path)  # type: ignore[attr-defined]


def image_name(archive: str) -> str:
    """The one image that the small copy of an official archive holds."""
    number = "0801" if "valid" in archive else "0001"
    if archive.endswith("HR"):
        return f"DIV2K_{archive}/{number}.png"
    folder, scale = archive.rsplit("_X", 1)
    return f"DIV2K_{folder}/X{scale}/{number}x{scale}.png"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    """A server with small archives of the official names, which take the place of DIV2K's."""
    archives = {}
    (tmp_path / "served").mkdir()
    for name in DIV2K:
        path = tmp_path / "served" / f"DIV2K_{name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(image_name(name), name)
        content = path.read_bytes()
        archives[name] = Archive(f"http://127.0.0.1:9/{path.name}", len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(command, "DIV2K", archives)
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    handler = functools.partial(Handler, directory=str(tmp_path / "served"))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        server.requests = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def status(server: HTTPServer, *options: str) -> int:
    return run_command(command.main, "div2k", "--base-url", f"http://127.0.0.1:{server.server_port}/", *options)


def files(folder: str) -> set[str]:
    paths = [path for path in Path(folder).rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix() for path in paths}


def test_a_second_run_requests_nothing(server: HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(server) == 0
    names = ("train_HR", "valid_HR", "train_LR_bicubic_X4", "valid_LR_bicubic_X4")
    assert files("datasets/DIV2K") == {image_name(name) for name in names}
    out, err = capsys.readouterr()
    assert err == ""
    assert out.endswith("python -m aldsr.train experiment=paper\n")
    server.requests.clear()  # type: ignore[attr-defined]
    assert status(server) == 0
    assert server.requests == []  # type: ignore[attr-defined]


def test_another_folder_scales_and_kept_archives(server: HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(server, "--to", "a, b", "--scale", "2", "--scale", "3", "--scale", "2", "--keep-archives") == 0
    names = [f"{split}_{kind}" for split in ("train", "valid") for kind in ("HR", "LR_bicubic_X2", "LR_bicubic_X3")]
    assert files("a, b") == {f"DIV2K_{name}.zip" for name in names} | {image_name(name) for name in names}
    assert """'data.train_dirs=["a, b/DIV2K_train_HR"]'""" in capsys.readouterr().out


@pytest.mark.parametrize(("content", "kept"), [(None, {"DIV2K_train_HR/0001.png"}), (b"other", set())])
def test_a_mirror_without_the_official_file(
    server: HTTPServer, tmp_path: Path, content: bytes | None, kept: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "served" / ("DIV2K_train_HR.zip" if content else "DIV2K_valid_HR.zip")
    if content:
        path.write_bytes(content.ljust(path.stat().st_size))
    else:
        path.unlink()
    assert status(server) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert path.name in line
    assert files("datasets/DIV2K") == kept


def test_ctrl_c(server: HTTPServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*args: object, **options: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "fetch", interrupt)
    assert status(server) == 130
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_terminal_shows_a_bar(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(command, "Console", functools.partial(Console, file=screen, force_terminal=True, width=100))
    assert status(server) == 0
    assert "DIV2K_train_HR.zip" in screen.getvalue()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "dataset"),
        (["set5"], "set5"),
        (["div2k", "--scale", "8"], "--scale"),
        *(
            (["div2k", "--base-url", url], "--base-url")
            for url in ("server/folder", "http://[server", "http://s/?file=", "http://s:port/")
        ),
    ],
)
def test_wrong_arguments(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(command.main, *arguments) == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "value"),
    [
        ("a-1/b_2", "a-1/b_2/DIV2K_train_HR"),
        ("a,[b]", '"a,[b]/DIV2K_train_HR"'),
        ("ünï", '"ünï/DIV2K_train_HR"'),
        ('a"b', '"a\\"b/DIV2K_train_HR"'),
    ],
)
def test_the_next_command_is_quoted_for_hydra(folder: str, value: str) -> None:
    assert f"'data.train_dirs=[{value}]'" in command.next_command(Path(folder))
