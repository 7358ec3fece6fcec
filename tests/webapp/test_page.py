"""Composing the page: a complete folder or none, and one sentence for a mistake."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aldsr.evaluation.inference import GLOBAL
from aldsr.nn import formats, pretrained
from aldsr.nn.formats import FORMATS, FormatError
from aldsr.nn.weights import read_weights
from aldsr.web import main
from aldsr.webapp import page as module
from tests.command import refuse, run_command
from tests.planted import CONV, plant_weights


@pytest.fixture
def arguments(weights: Path, tmp_path: Path) -> list[Any]:
    """Of the command, but for the folder; the runtime looks like onnxruntime-web to it, which it only copies."""
    runtime = tmp_path / "runtime"
    (runtime / "dist").mkdir(parents=True)
    (runtime / "package.json").write_text('{"version": "0.0.1"}')
    for name in module.RUNTIME:
        (runtime / "dist" / name).write_text(name)
    return ["--weights", weights, "--runtime", runtime, "-o"]


@pytest.fixture(autouse=True)
def write(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes weights files, or as told, for ONNX models: translating takes seconds, and has tests of its own."""

    def put(**changes: object) -> None:
        monkeypatch.setattr(module, "FORMATS", {"onnx": dataclasses.replace(FORMATS["safetensors"], **changes)})  # type: ignore[arg-type]

    put()
    return put


def test_the_folder_has_all_that_the_page_asks_for(
    arguments: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new" / "page"
    assert run_command(main, *arguments, page) == 0
    out = capsys.readouterr().out
    assert GLOBAL not in out + (page / "index.html").read_text()
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
    assert read_weights(page / "network.onnx")[0]["conv"]["_target_"] == "aldsr.nn.LDWBlock"  # folded
    assert np.asarray(Image.open(page / "sample.png")).shape == (100, 150, 3)


def test_a_network_that_sees_the_whole_image_is_said_to_be_changed_by_tiles(
    arguments: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = {"_target_": "aldsr.nn.RCAN", "scale": 4, "conv": CONV, "n_resgroups": 1, "n_resblocks": 1, "n_feats": 16}
    plant_weights(tmp_path / "rcan.safetensors", network)
    assert run_command(main, *arguments, tmp_path / "page", "--weights", tmp_path / "rcan.safetensors") == 0
    assert f"In large pictures {GLOBAL}." in capsys.readouterr().out
    assert f"In large pictures {GLOBAL}." in (tmp_path / "page" / "index.html").read_text()


def test_an_earlier_page_is_replaced_once_the_new_one_is_complete(
    arguments: list[Any], tmp_path: Path, write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise FormatError("torch.onnx cannot translate this network: it is tired")

    page = tmp_path / "page"
    page.mkdir()
    assert run_command(main, *arguments, page) == 0
    (page / "of_an_older_version.js").touch()
    files = {path: path.stat().st_mtime_ns for path in page.rglob("*")}
    write(write=fail)
    assert refuse(capsys, main, *arguments, page) == "torch.onnx cannot translate this network: it is tired\n"
    assert {path: path.stat().st_mtime_ns for path in page.rglob("*")} == files
    write()
    assert run_command(main, *arguments, page) == 0
    assert {path for path in files if not path.exists()} == {page / "of_an_older_version.js"}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["page", "runtime"]


@pytest.mark.parametrize("output", ["letters", "letters/first.txt", "letters/first.txt/page"])
def test_something_else_is_not_replaced(
    output: str, arguments: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "first.txt").write_text("Dear reader")
    (tmp_path / "letters" / "network.onnx").write_text("my own")
    assert refuse(capsys, main, *arguments, tmp_path / output).startswith(f"-o {tmp_path}/{output}: ")
    assert {each.name for each in (tmp_path / "letters").iterdir()} == {"first.txt", "network.onnx"}


def test_the_version_that_is_fetched_is_fixed() -> None:
    """What the package's own files ask npm for, and what its lock holds."""
    asked, locked = ((module.SOURCES / name).read_text() for name in ("package.json", "package-lock.json"))
    assert '"onnxruntime-web": "1.' in asked
    assert '"integrity": "sha512-' in locked
    assert "resolved" not in locked  # would name one registry, and others have the same files


def test_what_makes_no_page_is_named(
    arguments: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = tmp_path / "page"
    missing = refuse(capsys, main, *arguments, page, "--weights", "nowhere.safetensors")
    assert missing.startswith("nowhere.safetensors: ")
    write(read=lambda *_: lambda lr: lr)
    assert refuse(capsys, main, *arguments, page).startswith(f"{page / 'network.onnx'}: not written")
    monkeypatch.setattr(module, "FORMATS", FORMATS)
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    assert "pip install 'aldsr[export]'" in refuse(capsys, main, *arguments, page)
    monkeypatch.setattr(pretrained, "PACKAGE", tmp_path)
    assert "no weights for x4; name a file" in refuse(capsys, main, "-o", page)
    for file in (f"dist/{module.RUNTIME[1]}", "package.json"):
        (tmp_path / "runtime" / file).unlink()
        assert f"{tmp_path}/runtime/{file}" in refuse(capsys, main, *arguments, page)
    assert not page.exists()
