"""Composing the page: a whole folder or none, and one sentence for a mistake."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

import aldsr.web as command
from aldsr.nn import formats, pretrained
from aldsr.nn.description import Description, build
from aldsr.nn.formats import FORMATS, FormatError
from aldsr.nn.weights import pack_weights
from tests.command import run_command


def main(*arguments: object) -> int:
    return run_command(command.main, *map(str, arguments))


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Looks like onnxruntime-web to the command, which only copies it."""
    (tmp_path / "runtime" / "dist").mkdir(parents=True)
    (tmp_path / "runtime" / "package.json").write_text('{"version": "0.0.1"}')
    for name in command.RUNTIME:
        (tmp_path / "runtime" / "dist" / name).write_text(name)
    return tmp_path / "runtime"


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes no ONNX model but its description: translating takes seconds, and has tests of its own.

    What is read back is what the network that was to be written gives, times `gain`.
    """

    def put(writing: Callable[..., object], gain: float = 1.0) -> None:
        given: list[nn.Module] = []

        def keeping(path: Path, network: nn.Module, description: Description) -> None:
            given.append(network)
            writing(path, network, description)

        def reading(path: Path, trusted: Sequence[str]) -> Callable[[Tensor], Tensor]:
            return lambda lr: gain * given[-1](lr)

        kind = dataclasses.replace(FORMATS["onnx"], packages=(), write=keeping, read=reading)
        monkeypatch.setattr(command, "FORMATS", {**FORMATS, "onnx": kind})

    put(lambda path, network, description: path.write_text(str(description)))
    return put


@pytest.mark.usefixtures("write")
def test_the_folder_has_all_that_the_page_asks_for(
    weights: Path, runtime: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new" / "page"
    assert main("--weights", weights, "--runtime", runtime, "-o", page) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{page}: ALD-RDN x4, 7,110 parameters, ")
    assert f"python -m http.server -d {page}" in said
    names = {file.name for file in page.rglob("*") if file.is_file()}
    sources = {file.name for file in command.SOURCES.iterdir() if file.suffix in (".html", ".css", ".js", ".svg")}
    assert names == {*sources, "network.onnx", "sample.png", *command.RUNTIME}
    text = (page / "index.html").read_text()
    assert "$" not in text
    assert set(re.findall(r'(?:src|href)="(.+?)"', text)) <= names
    for words in ("ALD-RDN, a neural network of 7,110 parameters", 'data-scale="4"', "onnxruntime-web 0.0.1"):
        assert words in text
    assert "aldsr.nn.LDWBlock" in (page / "network.onnx").read_text()  # folded
    assert np.asarray(Image.open(page / "sample.png")).shape == (100, 150, 3)


@pytest.mark.usefixtures("write")
def test_an_earlier_page_is_replaced_once_the_new_one_is_whole(
    weights: Path, runtime: Path, tmp_path: Path, write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page"
    page.mkdir()
    write(lambda path, *_: path.write_text("earlier"))
    assert main("--weights", weights, "--runtime", runtime, "-o", page) == 0
    (page / "of_an_older_version.js").touch()

    def failing(path: Path, network: object, description: Description) -> None:
        raise FormatError("torch.onnx cannot translate this network: it is tired")

    write(failing)
    assert main("--weights", weights, "--runtime", runtime, "-o", page) == 2
    assert capsys.readouterr().err == "error: torch.onnx cannot translate this network: it is tired\n"
    assert (page / "network.onnx").read_text() == "earlier"

    write(lambda path, *_: path.write_text("later"))
    assert main("--weights", weights, "--runtime", runtime, "-o", page) == 0
    assert (page / "network.onnx").read_text() == "later"
    assert not (page / "of_an_older_version.js").exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["page", "runtime"]


@pytest.mark.usefixtures("write")
@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("letters", "is no page of this command; choose another folder, or remove it"),
        ("letters/first.txt", "is no page of this command"),
        ("letters/first.txt/page", "cannot be written (Not a directory); choose another folder"),
    ],
)
def test_something_else_is_not_replaced(
    output: str, said: str, weights: Path, runtime: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "first.txt").write_text("Dear reader")
    (tmp_path / "letters" / "network.onnx").write_text("my own")
    assert main("--weights", weights, "--runtime", runtime, "-o", tmp_path / output) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: -o {tmp_path}/{output}: ")
    assert said in error
    assert error.count("\n") == 1
    assert {each.name for each in (tmp_path / "letters").iterdir()} == {"first.txt", "network.onnx"}


@pytest.mark.parametrize("missing", ["package.json", f"dist/{command.RUNTIME[1]}"])
def test_without_onnxruntime_web_it_is_said_how_to_get_it(
    missing: str, weights: Path, runtime: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (runtime / missing).unlink()
    assert main("--weights", weights, "--runtime", runtime, "-o", tmp_path / "page") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: onnxruntime-web: found no {runtime}/{missing}; `make web` fetches it, or ")
    assert "`npm ci`" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "page").exists()


def test_the_version_that_is_fetched_is_fixed() -> None:
    """What the package's own files ask npm for, and what its lock holds."""
    asked, locked = ((command.SOURCES / name).read_text() for name in ("package.json", "package-lock.json"))
    assert '"onnxruntime-web": "1.' in asked
    assert '"integrity": "sha512-' in locked
    assert "resolved" not in locked  # would name one registry, and others have the same files


@pytest.mark.usefixtures("write")
@pytest.mark.parametrize("named", [["--weights", "nowhere.safetensors"], []])
def test_without_weights_it_is_said(
    named: list[str],
    runtime: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pretrained, "PACKAGE", tmp_path)
    assert main(*named, "--runtime", runtime, "-o", tmp_path / "page") == 2
    said = "nowhere.safetensors: no such weights file" if named else "no weights named: give --weights FILE"
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said}")
    assert error.count("\n") == 1
    assert not (tmp_path / "page").exists()


@pytest.mark.usefixtures("write")
def test_a_block_by_itself_is_no_network(runtime: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = {"_target_": "aldsr.nn.ALDBlock", "in_channels": 3, "out_channels": 3}
    (tmp_path / "block.safetensors").write_bytes(pack_weights(build(block), block))
    assert main("--weights", tmp_path / "block.safetensors", "--runtime", runtime, "-o", tmp_path / "page") == 2
    assert "so it is no network that upscales" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


def test_a_missing_extra_is_said(
    weights: Path, runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    assert main("--weights", weights, "--runtime", runtime, "-o", tmp_path / "page") == 2
    assert "install it with: pip install 'aldsr[export]'" in capsys.readouterr().err


def test_a_model_that_does_something_else_makes_no_page(
    weights: Path, runtime: Path, tmp_path: Path, write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(lambda path, *_: path.touch(), gain=1.01)
    assert main("--weights", weights, "--runtime", runtime, "-o", tmp_path / "page") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / 'page' / 'network.onnx'}: not written, because what ONNX opset")
    assert not (tmp_path / "page").exists()
