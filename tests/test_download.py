"""The download command, from its arguments to its last line, against a server on localhost."""

import functools
import hashlib
import io
import re
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


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]


def _layout(name: str) -> str:
    """The one image that the small copy of an official archive holds."""
    number = "0801" if "valid" in name else "0001"
    if name.endswith("HR"):
        return f"DIV2K_{name}/{number}.png"
    folder, scale = name.rsplit("_X", 1)
    return f"DIV2K_{folder}/X{scale}/{number}x{scale}.png"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    """A server with small archives of the official names, which take the place of DIV2K's."""
    archives = {}
    (tmp_path / "served").mkdir()
    for name in DIV2K:
        path = tmp_path / "served" / f"DIV2K_{name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(_layout(name), name)
        content = path.read_bytes()
        archives[name] = Archive(f"http://127.0.0.1:9/{path.name}", len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(command, "DIV2K", archives)
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    handler = functools.partial(_Handler, directory=str(tmp_path / "served"))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _arguments(server: HTTPServer, *more: str) -> list[str]:
    return ["div2k", "--base-url", f"http://127.0.0.1:{server.server_port}/", *more]


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_default_folder_and_what_to_run_next(served: HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(_arguments(served)) == 0
    assert _files(Path("datasets/DIV2K")) == {
        "DIV2K_train_HR/0001.png",
        "DIV2K_valid_HR/0801.png",
        "DIV2K_train_LR_bicubic/X4/0001x4.png",
        "DIV2K_valid_LR_bicubic/X4/0801x4.png",
    }
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0].startswith("DIV2K: 4 archives, ")
    assert out.splitlines()[-1] == ("DIV2K lies in datasets/DIV2K; next: python -m aldsr.train experiment=paper")


def test_other_folder_scales_and_kept_archives(served: HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--to", "else/where", "--scale", "2", "--scale", "3", "--scale", "2", "--keep-archives")
    assert command.main(_arguments(served, *options)) == 0
    names = [f"{split}_{kind}" for split in ("train", "valid") for kind in ("HR", "LR_bicubic_X2", "LR_bicubic_X3")]
    zips = {f"DIV2K_{name}.zip" for name in names}
    assert _files(Path("else/where")) == zips | {_layout(name) for name in names}
    assert capsys.readouterr().out.splitlines()[-1] == (
        "DIV2K lies in else/where; next: python -m aldsr.train experiment=paper "
        "'data.train_dirs=[else/where/DIV2K_train_HR]' 'data.eval_dirs=[else/where/DIV2K_valid_HR]'"
    )


def test_a_second_run_asks_for_nothing(served: HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(_arguments(served)) == 0
    served.asked.clear()  # type: ignore[attr-defined]
    capsys.readouterr()
    assert command.main(_arguments(served)) == 0
    assert served.asked == []  # type: ignore[attr-defined]
    assert capsys.readouterr().out.count("unpacked already") == 4


def test_a_missing_file_is_one_sentence_and_status_2(
    served: HTTPServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "served" / "DIV2K_valid_HR.zip").unlink()
    assert command.main(_arguments(served)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"error: http://127\.0\.0\.1:\d+/DIV2K_valid_HR\.zip: the server answered HTTP 404 .*", line)
    assert _files(Path("datasets/DIV2K")) == {"DIV2K_train_HR/0001.png"}


def test_a_mirror_with_other_content_is_refused(
    served: HTTPServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "served" / "DIV2K_train_HR.zip"
    path.write_bytes(bytes(path.stat().st_size))
    assert command.main(_arguments(served)) == 2
    assert "DIV2K_train_HR.zip.part: found SHA-256" in capsys.readouterr().err
    assert _files(Path("datasets/DIV2K")) == set()


def test_ctrl_c_is_one_line_and_status_130(
    served: HTTPServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*args: object, **options: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "fetch", interrupted)
    assert command.main(_arguments(served)) == 130
    assert capsys.readouterr().err == (
        "interrupted: what has arrived is kept in datasets/DIV2K; run the command again to go on\n"
    )


def test_a_terminal_sees_a_bar(served: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = functools.partial(Console, file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(command, "Console", terminal)
    assert command.main(_arguments(served)) == 0
    assert "DIV2K_train_HR.zip" in screen.getvalue()
    assert "bytes" in screen.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["set5"],
        ["div2k", "--scale", "8"],
        ["div2k", "--base-url", "server/folder"],
        ["div2k", "--base-url", "http://[server"],
        ["div2k", "--base-url", "http://server/?file="],
    ],
)
def test_wrong_arguments_are_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_help_tells_size_terms_and_paper(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["--help"])
    assert stopped.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for fact in ("3.5 GB (train)", "academic research only", "Agustsson", "CVPRW 2017"):
        assert fact in text


@pytest.mark.parametrize(
    ("folder", "value"),
    [
        ("a-1/b_2", "a-1/b_2/DIV2K_train_HR"),
        ("a b", '"a b/DIV2K_train_HR"'),
        ("a,[b]", '"a,[b]/DIV2K_train_HR"'),
        ("ünï", '"ünï/DIV2K_train_HR"'),
        ('a"b', '"a\\"b/DIV2K_train_HR"'),
    ],
)
def test_the_next_command_is_quoted_for_hydra(folder: str, value: str) -> None:
    assert f"'data.train_dirs=[{value}]'" in command.next_command(Path(folder))
