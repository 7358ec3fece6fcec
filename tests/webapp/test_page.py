"""Composing the page: a complete folder or none, and one sentence for a mistake."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

from aldsr.nn import formats, pretrained
from aldsr.nn.description import Description, build
from aldsr.nn.formats import FORMATS, FormatError
from aldsr.nn.weights import pack_weights
from aldsr.web import main
from aldsr.webapp import page as module
from tests.command import run_command


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Looks like onnxruntime-web to the command, which only copies it."""
    (tmp_path / "runtime" / "dist").mkdir(parents=True)
    (tmp_path / "runtime" / "package.json").write_text('{"version": "0.0.1"}')
    for name in module.RUNTIME:
        (tmp_path / "runtime" / "dist" / name).write_text(name)
    return tmp_path / "runtime"


@pytest.fixture
def refuse(runtime: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that ends with status 2 and writes no page; its one sentence."""

    def run(*arguments: object, output: str = "page") -> str:
        options = ("--runtime", runtime, "-o", tmp_path / output, *arguments)
        assert run_command(main, *map(str, options)) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error.removeprefix("error: ")

    return run


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes no ONNX model but its description: translating takes seconds, and has tests of its own.

    What is read back is what the network that was to be written gives, times `gain`.
    """

    def put(writing: Callable[..., object], gain: float = 1.0) -> None:
        given: list[nn.Module] = []

        def keep(path: Path, network: nn.Module, description: Description) -> None:
            given.append(network)
            writing(path, network, description)

        def read(path: Path, allow_code: Sequence[str]) -> Callable[[Tensor], Tensor]:
            return lambda lr: gain * given[-1](lr)

        kind = dataclasses.replace(FORMATS["onnx"], packages=(), write=keep, read=read)
        monkeypatch.setattr(module, "FORMATS", {**FORMATS, "onnx": kind})

    put(lambda path, network, description: path.write_text(str(description)))
    return put


@pytest.mark.usefixtures("write")
def test_the_folder_has_all_that_the_page_asks_for(
    weights: Path, runtime: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new" / "page"
    assert run_command(main, "--weights", str(weights), "--runtime", str(runtime), "-o", str(page)) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{page}: ALD-RDN x4, 7,110 parameters, ")
    assert f"python -m http.server -d {page}" in out
    names = {file.name for file in page.rglob("*") if file.is_file()}
    sources = {file.name for file in module.SOURCES.iterdir() if file.suffix in (".html", ".css", ".js", ".svg")}
    assert names == {*sources, "network.onnx", "sample.png", *module.RUNTIME}
    text = (page / "index.html").read_text()
    assert "$" not in text
    assert set(re.findall(r'(?:src|href)="(.+?)"', text)) <= names
    for words in ("ALD-RDN, a neural network of 7,110 parameters", 'data-scale="4"', "onnxruntime-web 0.0.1"):
        assert words in text
    assert "aldsr.nn.LDWBlock" in (page / "network.onnx").read_text()  # folded
    assert np.asarray(Image.open(page / "sample.png")).shape == (100, 150, 3)


def test_an_earlier_page_is_replaced_once_the_new_one_is_complete(
    weights: Path, runtime: Path, tmp_path: Path, write: Callable[..., None], refuse: Callable[..., str]
) -> None:
    def fail(path: Path, network: object, description: Description) -> None:
        raise FormatError("torch.onnx cannot translate this network: it is tired")

    page = tmp_path / "page"
    page.mkdir()
    for content in ("earlier", "later"):
        write(lambda path, *_, content=content: path.write_text(content))
        assert run_command(main, "--weights", str(weights), "--runtime", str(runtime), "-o", str(page)) == 0
        (page / "of_an_older_version.js").touch()
        write(fail)
        assert refuse("--weights", weights) == "torch.onnx cannot translate this network: it is tired\n"
        assert (page / "network.onnx").read_text() == content
    write(lambda path, *_: path.touch())
    assert run_command(main, "--weights", str(weights), "--runtime", str(runtime), "-o", str(page)) == 0
    assert not (page / "of_an_older_version.js").exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["page", "runtime"]


@pytest.mark.usefixtures("write")
@pytest.mark.parametrize("output", ["letters", "letters/first.txt", "letters/first.txt/page"])
def test_something_else_is_not_replaced(output: str, weights: Path, tmp_path: Path, refuse: Callable[..., str]) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "first.txt").write_text("Dear reader")
    (tmp_path / "letters" / "network.onnx").write_text("my own")
    message = refuse("--weights", weights, output=output)
    assert message.startswith(f"-o {tmp_path}/{output}: ")
    assert {each.name for each in (tmp_path / "letters").iterdir()} == {"first.txt", "network.onnx"}


def test_without_onnxruntime_web_the_message_names_what_is_missing(
    weights: Path, runtime: Path, tmp_path: Path, refuse: Callable[..., str]
) -> None:
    for missing in (f"dist/{module.RUNTIME[1]}", "package.json"):
        (runtime / missing).unlink()
        assert f"{runtime}/{missing}" in refuse("--weights", weights)
    assert not (tmp_path / "page").exists()


def test_the_version_that_is_fetched_is_fixed() -> None:
    """What the package's own files ask npm for, and what its lock holds."""
    asked, locked = ((module.SOURCES / name).read_text() for name in ("package.json", "package-lock.json"))
    assert '"onnxruntime-web": "1.' in asked
    assert '"integrity": "sha512-' in locked
    assert "resolved" not in locked  # would name one registry, and others have the same files


@pytest.mark.usefixtures("write")
def test_weights_that_are_missing_or_do_not_upscale_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuse: Callable[..., str]
) -> None:
    assert refuse("--weights", "nowhere.safetensors").startswith("nowhere.safetensors: ")
    block, path = {"_target_": "aldsr.nn.ALDBlock", "in_channels": 3, "out_channels": 3}, tmp_path / "block.safetensors"
    path.write_bytes(pack_weights(build(block), block))
    assert refuse("--weights", path).startswith(f"{path}: ")
    monkeypatch.setattr(pretrained, "PACKAGE", tmp_path)
    assert "--weights FILE" in refuse()
    assert not (tmp_path / "page").exists()


def test_a_missing_extra_and_a_model_that_does_not_agree_make_no_page(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[..., None],
    refuse: Callable[..., str],
) -> None:
    write(lambda path, *_: path.touch(), gain=1.01)
    assert refuse("--weights", weights).startswith(f"{tmp_path / 'page' / 'network.onnx'}: not written")
    monkeypatch.setattr(module, "FORMATS", FORMATS)
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    assert "pip install 'aldsr[export]'" in refuse("--weights", weights)
    assert not (tmp_path / "page").exists()
