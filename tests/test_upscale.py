"""The command: every kind of file gives the right picture or one clear message, and nothing half-written."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from aldsr import upscale as command
from aldsr.__main__ import COMMANDS
from aldsr.evaluation.inference import Inference
from aldsr.imaging import quantise, self_ensemble
from aldsr.nn import deployed
from aldsr.nn.description import build, deployed_description
from aldsr.nn.weights import load_network
from aldsr.pictures import read_picture, write_picture
from aldsr.run.network import read_size
from tests.command import run_command
from tests.data.test_images import SRGB, deep_noise, deep_png, noise, orientation
from tests.nn.conftest import save

Upscale = Callable[..., int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def upscale(weights: Path) -> Upscale:
    """Runs the command with these weights, on the CPU; its exit status."""

    def run(*arguments: str | Path) -> int:
        return run_command(command.main, "--weights", str(weights), "--device", "cpu", *map(str, arguments))

    return run


def rgb(height: int = 12, width: int = 20) -> Image.Image:
    return Image.fromarray(noise(height, width, 3))


def pixels(path: Path) -> NDArray[np.int_]:
    return np.asarray(Image.open(path)).astype(int)


GOOD: dict[str, tuple[Callable[[Path], object], tuple[str, str, tuple[int, int]]]] = {
    "rgb.png": (rgb().save, ("PNG", "RGB", (80, 48))),
    "gray.jpg": (Image.fromarray(noise(12, 20)).save, ("JPEG", "L", (80, 48))),
    "rgba.webp": (Image.fromarray(noise(12, 20, 4)).save, ("WEBP", "RGBA", (80, 48))),
    "holes.png": (partial(rgb().quantize(16).save, transparency=3), ("PNG", "RGBA", (80, 48))),
    "cmyk.jpg": (Image.new("CMYK", (20, 12), (9, 99, 0, 9)).save, ("JPEG", "RGB", (80, 48))),
    "turned.jpg": (partial(rgb().save, exif=orientation(6)), ("JPEG", "RGB", (48, 80))),
    "one.bmp": (rgb().save, ("PNG", "RGB", (80, 48))),
    "dot.png": (rgb(1, 1).save, ("PNG", "RGB", (4, 4))),
    "line.tif": (rgb(1, 300).save, ("TIFF", "RGB", (1200, 4))),
    "deep.png": (lambda path: path.write_bytes(deep_png(deep_noise(12, 20), 0)), ("PNG", "I;16", (80, 48))),
}


@pytest.mark.parametrize("name", GOOD)
def test_every_kind_of_picture_is_upscaled(tmp_path: Path, upscale: Upscale, name: str, capsys: Captured) -> None:
    write, expected = GOOD[name]
    write(tmp_path / name)
    assert upscale(tmp_path / name, "-o", tmp_path / "out") == 0
    [result] = (tmp_path / "out").iterdir()
    assert result.stem == f"{Path(name).stem}_x4"
    with Image.open(result) as image:
        assert (image.format, image.mode, image.size) == expected
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"upscaled {result}: ")
    assert lines[1:] == [f"1 picture upscaled x4 into {result}"]


BAD: dict[str, Callable[[Path], object]] = {
    "empty.png": Path.touch,
    "moving.gif": partial(rgb().save, save_all=True, append_images=[Image.fromarray(noise(12, 20, 3, seed=1))]),
    "wide.webp": rgb(1, 4096).save,
}


def test_a_picture_that_fails_has_its_line_and_others_are_done(
    tmp_path: Path, upscale: Upscale, capsys: Captured
) -> None:
    (tmp_path / "in").mkdir()
    for name, write in BAD.items():
        write(tmp_path / "in" / name)
    rgb().save(tmp_path / "in" / "good.png")
    assert upscale(tmp_path / "in", "-o", tmp_path / "out") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good_x4.png"]
    out, err = capsys.readouterr()
    names = [Path(line.removeprefix("error: ").split(": ")[0]).name for line in err.splitlines()]
    assert sorted(name.replace("_x4", "") for name in names) == sorted(BAD)
    assert out.splitlines()[-1] == f"1 picture upscaled x4 into {tmp_path / 'out'}, {len(BAD)} failed"


@pytest.mark.parametrize("ensemble", [False, True])
def test_the_network_of_the_weights_is_used(tmp_path: Path, weights: Path, upscale: Upscale, ensemble: bool) -> None:
    rgb().save(tmp_path / "a.png")
    options = ["--self-ensemble"] if ensemble else []
    assert upscale(tmp_path / "a.png", "-o", tmp_path / "b.png", "--tile", "0", *options) == 0
    network, _ = load_network(weights)
    lr = torch.from_numpy(noise(12, 20, 3)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        results = [quantise(sr)[0].permute(1, 2, 0).numpy() for sr in (network(lr), self_ensemble(network, lr))]
    differences = [np.abs(pixels(tmp_path / "b.png") - result).max() for result in results]
    assert differences[ensemble] <= 1 < differences[not ensemble]


@pytest.mark.parametrize(("option", "value", "most"), [("--tile", "24", 1), ("--precision", "bf16-mixed", 8)])
def test_tiles_and_precision_change_little(
    tmp_path: Path, upscale: Upscale, option: str, value: str, most: int
) -> None:
    rgb(50, 60).save(tmp_path / "a.png")
    assert upscale(tmp_path / "a.png", "-o", tmp_path / "b.png") == 0
    assert upscale(tmp_path / "a.png", "-o", tmp_path / "c.png", option, value) == 0
    assert np.abs(pixels(tmp_path / "b.png") - pixels(tmp_path / "c.png")).max() <= most


@pytest.mark.parametrize(("backbone", "told"), [("IMDN", True), ("RCAN", True), ("EDSR", False)])
def test_a_network_that_averages_over_the_image_says_what_tiles_do(
    tmp_path: Path, backbone: str, told: bool, capsys: Captured
) -> None:
    described = {"_target_": f"aldsr.nn.{backbone}", "scale": 2, **read_size(backbone.lower(), "tiny")}
    file = str(save(tmp_path / "w.safetensors", build(described), described))
    rgb().save(tmp_path / "a.png")
    for tile in ("32", "0"):
        arguments = [str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), "--overwrite", "--device", "cpu"]
        assert run_command(command.main, "--weights", file, *arguments, "--tile", tile) == 0
        assert ("--tile 0" in capsys.readouterr().out) is (told and tile != "0")


def test_a_checkpoint_and_deployed_weights_work_as_well(tmp_path: Path, weights: Path, upscale: Upscale) -> None:
    rgb().save(tmp_path / "a.png")
    network, description = load_network(weights)
    blocks = ["RDBs.0.layers.0"]
    save(tmp_path / "last.ckpt", network, description)
    collapsed = deployed(network=network, collapsed=blocks)
    save(tmp_path / "deployed.safetensors", collapsed, deployed_description(description, network, blocks))
    results = []
    for file in (weights, tmp_path / "deployed.safetensors", tmp_path / "last.ckpt"):
        assert upscale(tmp_path / "a.png", "-o", tmp_path / "b.png", "--overwrite", "--weights", file) == 0
        results.append(pixels(tmp_path / "b.png"))
    assert max(np.abs(results[0] - other).max() for other in results[1:]) <= 1


def test_bits_alpha_and_profile_are_kept(tmp_path: Path, upscale: Upscale) -> None:
    (tmp_path / "deep.png").write_bytes(deep_png(deep_noise(12, 20, 4), 6))
    rgb().save(tmp_path / "profile.png", icc_profile=SRGB)
    assert upscale(tmp_path / "deep.png", tmp_path / "profile.png", "-o", tmp_path / "out", "--format", "tiff") == 0
    deep = read_picture(tmp_path / "out" / "deep_x4.tif").samples
    assert (deep.shape, deep.dtype) == ((48, 80, 4), np.uint16)
    assert len(np.unique(deep & 255)) > 200
    assert read_picture(tmp_path / "out" / "profile_x4.tif").icc == SRGB


def test_an_existing_result_is_kept_without_overwrite(tmp_path: Path, upscale: Upscale, capsys: Captured) -> None:
    rgb().save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("mine")
    assert upscale(tmp_path / "a.png", "-o", tmp_path / "b.png") == 0
    assert (tmp_path / "b.png").read_text() == "mine"
    assert capsys.readouterr().out.splitlines()[-1] == "nothing written, 1 skipped"
    assert upscale(tmp_path / "a.png", "-o", tmp_path / "b.png", "--overwrite") == 0
    assert read_picture(tmp_path / "b.png").samples.shape == (48, 80, 3)


def test_a_folder_upscaled_into_itself_twice(tmp_path: Path, upscale: Upscale, capsys: Captured) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    for name in ("a.png", "deep/b.png"):
        rgb().save(tmp_path / name)
    (tmp_path / "c.HEIC").touch()
    (tmp_path / "link.png").symlink_to("a.png")
    assert upscale(tmp_path, "-o", tmp_path) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.rpartition("/")[2] for line in out if line.startswith("left out")] == ["c.HEIC'", "deep'"]
    assert out[-1] == f"2 pictures upscaled x4 into {tmp_path}"
    for done, skipped in (("1 picture upscaled x4 into", 4), ("nothing written", 6)):
        assert upscale(tmp_path, "-o", tmp_path, "--recursive") == 0
        last = capsys.readouterr().out.splitlines()[-1]
        assert (last.startswith(done), last.endswith(f", {skipped} skipped")) == (True, True)
    assert sorted(path.name for path in tmp_path.rglob("*_x4*")) == ["a_x4.png", "b_x4.png", "link_x4.png"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("none.png -o out", "none.png: "),
        ("a.png -o out --tile 16", "--tile"),
        ("a.png -o out --tile -1", "--tile"),
        ("a.png -o a.png/out", "-o a.png/out: "),
        ("a.png -o b.png --format tiff", "--format"),
        ("a.png -o b.png --suffix _big", "--suffix"),
        ("a.png -o out --recursive", "--recursive"),
        ("a.png -o out --weights= --allow-code mine", "--allow-code mine"),
        ("a.png -o out --scale 2", "--scale 2"),
        ("a.png -o out --weights= --scale 5", "--scale"),
        ("a.png -o out --device cuda", "--device cuda: "),
        ("a.png -o out --kernels triton", "--kernels triton: "),
        ("a.png", "-o"),
        ("a.png -o out --weights none.safetensors", "none.safetensors: "),
        ("a.png -o out --weights a.png", "a.png: "),
    ],
)
def test_a_mistake_is_one_message(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    upscale: Upscale,
    arguments: list[str],
    named: str,
    capsys: Captured,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rgb().save("a.png")
    assert upscale(*arguments.split()) == 2
    assert named in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("failure", "status"),
    [(OSError(28, "No space left on device"), 1), (KeyboardInterrupt(), 130), (RuntimeError("out of memory"), 1)],
)
def test_a_failure_leaves_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upscale: Upscale, failure: Exception, status: int, capsys: Captured
) -> None:
    def fail(path: Path, *rest: Any, **form: Any) -> None:
        if path.name == "b_x4.png":
            raise failure
        write_picture(path, *rest, **form)

    monkeypatch.setattr("aldsr.pictures.write_picture", fail)
    for name in ("a.png", "b.png"):
        rgb().save(tmp_path / name)
    assert upscale(tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "out") == status
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a_x4.png"]
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_result_that_is_not_finite_is_told_with_the_picture_and_the_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upscale: Upscale, capsys: Captured
) -> None:
    monkeypatch.setattr(Inference, "forward", lambda self, lr: torch.full((1, 3, 48, 80), torch.nan))
    rgb().save(tmp_path / "a.png")
    assert upscale(tmp_path / "a.png", "-o", tmp_path / "b.png") == 1
    error = capsys.readouterr().err
    assert f"{tmp_path / 'a.png'}: " in error
    assert "--precision" in error
    assert not (tmp_path / "b.png").exists()


@pytest.mark.slow
def test_aldsr_runs_its_commands(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        process = [sys.executable, "-m", "aldsr", *arguments]
        ascii_only = os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
        return subprocess.run(process, capture_output=True, text=True, check=False, cwd=tmp_path, env=ascii_only)

    listed = run().stdout
    assert all(name in listed for name in COMMANDS)
    unknown = run("upscal")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "upscal" in unknown.stderr
    assert run("upscale", "nöne.png", "-o", "out").returncode == 2
    assert "DIR..." in run("doctor", "--help").stdout
