"""The command: every kind of file gives the right picture or one clear sentence, and nothing half-written."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from aldsr import upscale as command
from aldsr.__main__ import COMMANDS
from aldsr.imaging import quantise, self_ensemble
from aldsr.nn import deployed, pretrained
from aldsr.nn.deployment import described
from aldsr.nn.description import build
from aldsr.nn.weights import load_network, packed
from aldsr.pictures import read_picture, write_picture
from tests.data.test_images import deep_noise, deep_png, noise, orientation
from tests.pictures.test_reading import SRGB

TINY = {
    "_target_": "aldsr.nn.RDN",
    "scale": 4,
    "D": 1,
    "C": 2,
    "G": 8,
    "G0": 8,
    "residual": "bicubic",
    "conv": {"_target_": "aldsr.nn.ALDBlock", "_partial_": True, "reduction": 8},
}


def stirred(network: nn.Module) -> None:
    """An untrained network's last layer is zero, so that nothing else of it would show."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """An untrained network: bicubic, and a little that is made up."""
    torch.manual_seed(0)
    network, path = build(TINY), tmp_path / "weights.safetensors"
    stirred(network)
    path.write_bytes(packed(network, TINY))
    return path


@pytest.fixture
def status(weights: Path) -> Callable[..., int]:
    """Runs the command with these weights, on the CPU; its exit status."""

    def run(*arguments: str | Path) -> int:
        return left_with(*arguments, "--weights", weights, "--device", "cpu")

    return run


def left_with(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as leaving:
        command.main([str(argument) for argument in arguments])
    assert leaving.value.code in (0, 1, 2, 130)
    return int(leaving.value.code)


def save(image: Image.Image, path: Path, **options: object) -> None:
    image.save(path, **options)


def rgb(height: int = 12, width: int = 20) -> Image.Image:
    return Image.fromarray(noise(height, width, 3))


def palette(path: Path, **options: object) -> None:
    save(rgb().quantize(16), path, **options)


GOOD: dict[str, tuple[Callable[[Path], object], tuple[str, str, tuple[int, int]]]] = {
    "rgb.png": (partial(save, rgb()), ("PNG", "RGB", (80, 48))),
    "gray.png": (partial(save, Image.fromarray(noise(12, 20))), ("PNG", "L", (80, 48))),
    "gray.jpg": (partial(save, Image.fromarray(noise(12, 20))), ("JPEG", "L", (80, 48))),
    "bits.png": (partial(save, Image.fromarray(noise(12, 20) > 127)), ("PNG", "L", (80, 48))),
    "rgba.png": (partial(save, Image.fromarray(noise(12, 20, 4))), ("PNG", "RGBA", (80, 48))),
    "rgba.webp": (partial(save, Image.fromarray(noise(12, 20, 4))), ("WEBP", "RGBA", (80, 48))),
    "palette.png": (palette, ("PNG", "RGB", (80, 48))),
    "holes.png": (partial(palette, transparency=3), ("PNG", "RGBA", (80, 48))),
    "cmyk.jpg": (partial(save, Image.new("CMYK", (20, 12), (9, 99, 0, 9))), ("JPEG", "RGB", (80, 48))),
    "turned.jpg": (partial(save, rgb(), exif=orientation(6)), ("JPEG", "RGB", (48, 80))),
    "one.bmp": (partial(save, rgb()), ("PNG", "RGB", (80, 48))),
    "still.gif": (palette, ("PNG", "RGB", (80, 48))),
    "dot.png": (partial(save, rgb(1, 1)), ("PNG", "RGB", (4, 4))),
    "line.tif": (partial(save, rgb(1, 300)), ("TIFF", "RGB", (1200, 4))),
    "deep.png": (lambda path: path.write_bytes(deep_png(deep_noise(12, 20), 0)), ("PNG", "I;16", (80, 48))),
}


@pytest.mark.parametrize("name", GOOD)
def test_every_kind_of_picture_is_upscaled(
    tmp_path: Path, status: Callable[..., int], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write, expected = GOOD[name]
    write(tmp_path / name)
    assert status(tmp_path / name, "-o", tmp_path / "out") == 0
    [made] = (tmp_path / "out").iterdir()
    assert made.stem == f"{Path(name).stem}_x4"
    with Image.open(made) as image:
        assert (image.format, image.mode, image.size) == expected
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"upscaled {made}: ")
    assert lines[1:] == [f"1 picture upscaled x4 into {made}"]


def animated(path: Path) -> None:
    rgb().save(path, save_all=True, append_images=[Image.fromarray(noise(12, 20, 3, seed=1))])


def truncated(path: Path) -> None:
    rgb(40, 40).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def huge_by_header(path: Path) -> None:
    rgb().save(path)
    content = bytearray(path.read_bytes())
    content[18:26] = (30_000).to_bytes(4, "little") * 2
    path.write_bytes(content)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut.png": (truncated, "cannot be read as an image"),
    "cut.jpg": (truncated, "cannot be read as an image"),
    "empty.png": (lambda path: path.touch(), "cannot be read as an image"),
    "text.png": (lambda path: path.write_text("hello"), "cannot be read as an image"),
    "moving.gif": (animated, "holds 2 frames or pages; expected a single picture"),
    "moving.webp": (animated, "holds 2 frames or pages; expected a single picture"),
    "pages.tif": (animated, "holds 2 frames or pages; expected a single picture"),
    "huge.bmp": (huge_by_header, "is 30000x30000, 900,000,000 pixels, and the limit is 500,000,000"),
    "wide.webp": (partial(save, rgb(1, 4096)), "16384x4 pixels, and WEBP holds at most 16383 a side"),
    "float.tif": (partial(save, Image.fromarray(noise(4, 4).astype(np.float32))), "holds floating-point values"),
}


def test_what_cannot_be_upscaled_has_its_line_and_the_rest_goes_on(
    tmp_path: Path, status: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for name, (write, _) in BAD.items():
        write(tmp_path / "in" / name)
    rgb().save(tmp_path / "in" / "good.png")
    assert status(tmp_path / "in", "-o", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good_x4.png"]
    lines = captured.err.splitlines()
    assert len(lines) == len(BAD)
    for name, (_, words) in BAD.items():
        [line] = [line for line in lines if line.split(": ")[1].replace("_x4", "").endswith(f"/{name}")]
        assert words in line
        assert line.startswith("error: ")
    assert captured.out.splitlines()[-1] == f"1 picture upscaled x4 into {tmp_path / 'out'}, {len(BAD)} failed"


def test_the_network_of_the_weights_is_used(tmp_path: Path, weights: Path, status: Callable[..., int]) -> None:
    rgb().save(tmp_path / "a.png")
    assert status(tmp_path / "a.png", "-o", tmp_path / "b.png", "--tile", "0") == 0
    network, _ = load_network(weights)
    lr = torch.from_numpy(noise(12, 20, 3)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = quantise(network(lr))[0].permute(1, 2, 0).numpy()
    assert np.abs(np.asarray(Image.open(tmp_path / "b.png")).astype(int) - expected).max() <= 1


def test_tiles_and_whole_pictures_agree(tmp_path: Path, status: Callable[..., int]) -> None:
    rgb(50, 60).save(tmp_path / "a.png")
    for tile in ("0", "24", "auto"):
        assert status(tmp_path / "a.png", "-o", tmp_path / f"{tile}.png", "--tile", tile) == 0
    made = {tile: np.asarray(Image.open(tmp_path / f"{tile}.png")).astype(int) for tile in ("0", "24", "auto")}
    assert np.abs(made["0"] - made["24"]).max() <= 1
    np.testing.assert_array_equal(made["0"], made["auto"])


def test_a_checkpoint_and_deployed_weights_work_as_well(
    tmp_path: Path, weights: Path, status: Callable[..., int]
) -> None:
    rgb().save(tmp_path / "a.png")
    network, description = load_network(weights)
    blocks = ["RDBs.0.layers.0"]
    content = packed(deployed(network=network, collapsed=blocks), described(description, network, blocks))
    (tmp_path / "deployed.safetensors").write_bytes(content)
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    torch.save({"network": description, "state_dict": state}, tmp_path / "last.ckpt")
    made = []
    for name in ("weights.safetensors", "deployed.safetensors", "last.ckpt"):
        assert left_with(tmp_path / "a.png", "-o", tmp_path / f"{name}.png", "--weights", tmp_path / name) == 0
        made.append(np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int))
    assert max(np.abs(made[0] - other).max() for other in made[1:]) <= 1


def test_the_self_ensemble_is_the_mean_of_eight(tmp_path: Path, weights: Path, status: Callable[..., int]) -> None:
    rgb().save(tmp_path / "a.png")
    assert status(tmp_path / "a.png", "-o", tmp_path / "b.png", "--self-ensemble") == 0
    network, _ = load_network(weights)
    lr = torch.from_numpy(noise(12, 20, 3)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = quantise(self_ensemble(network, lr))[0].permute(1, 2, 0).numpy()
        plain = quantise(network(lr))[0].permute(1, 2, 0).numpy()
    made = np.asarray(Image.open(tmp_path / "b.png")).astype(int)
    assert np.abs(made - expected).max() <= 1
    assert np.abs(made - plain).max() > 1


def test_a_precision_changes_little(tmp_path: Path, status: Callable[..., int]) -> None:
    rgb().save(tmp_path / "a.png")
    assert status(tmp_path / "a.png", "-o", tmp_path / "b.png") == 0
    assert status(tmp_path / "a.png", "-o", tmp_path / "c.png", "--precision", "bf16-mixed") == 0
    plain, other = (np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("b.png", "c.png"))
    assert 0 < np.abs(plain - other).max() <= 8


def test_bits_alpha_and_profile_go_through(tmp_path: Path, status: Callable[..., int]) -> None:
    (tmp_path / "deep.png").write_bytes(deep_png(deep_noise(12, 20, 4), 6))
    rgb().save(tmp_path / "profile.png", icc_profile=SRGB)
    assert status(tmp_path / "deep.png", tmp_path / "profile.png", "-o", tmp_path / "out", "--format", "tiff") == 0
    deep = read_picture(tmp_path / "out" / "deep_x4.tif")
    assert deep.colour.dtype == np.uint16
    assert len(np.unique(deep.colour & 255)) > 200
    assert deep.alpha is not None
    assert read_picture(tmp_path / "out" / "profile_x4.tif").icc == SRGB


def test_what_exists_is_kept_unless_it_may_be_replaced(
    tmp_path: Path, status: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    rgb().save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("mine")
    assert status(tmp_path / "a.png", "-o", tmp_path / "b.png") == 0
    assert (tmp_path / "b.png").read_text() == "mine"
    assert capsys.readouterr().out.splitlines() == [
        f"skipped {tmp_path}/a.png: {tmp_path}/b.png exists; --overwrite replaces it",
        "nothing written, 1 skipped",
    ]
    assert status(tmp_path / "a.png", "-o", tmp_path / "b.png", "--overwrite") == 0
    assert read_picture(tmp_path / "b.png").size == (80, 48)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.png", "-o", "out"], "none.png: no such file or folder"),
        (["a.png", "-o", "out", "--tile", "16"], "--tile=16: must be more than twice the overlap"),
        (["a.png", "-o", "out", "--tile", "-1"], "expected auto, a number of LR pixels, or 0"),
        (["a.png", "-o", "a.png/out"], "-o a.png/out: cannot be made"),
        (["a.png", "-o", "b.png", "--format", "tiff"], "ends in .png, but --format is tiff"),
        (["a.png"], "-o"),
        (["a.png", "-o", "out", "--weights", "none.safetensors"], "none.safetensors: no such weights file"),
        (["a.png", "-o", "out", "--weights", "a.png"], "a.png: not a readable checkpoint"),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    weights: Path,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    rgb().save("a.png")
    named = [] if "--weights" in arguments else ["--weights", weights]
    assert left_with(*arguments, *named) == 2
    error = capsys.readouterr().err
    assert words in error.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "weights.safetensors"]


def test_without_weights_it_is_said_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pretrained, "PACKAGE", tmp_path)
    assert left_with("a.png", "-o", tmp_path) == 2
    said = "error: no weights named: give --weights FILE; a run leaves RUN/weights.safetensors\n"
    assert capsys.readouterr().err == said
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "small.safetensors").touch()
    assert pretrained.default_weights() == tmp_path / "weights" / "small.safetensors"


def test_a_full_disk_is_one_line(
    tmp_path: Path, status: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "write_picture", full)
    rgb().save(tmp_path / "a.png")
    assert status(tmp_path / "a.png", "-o", tmp_path / "b.png") == 1
    assert capsys.readouterr().err == f"error: {tmp_path}/b.png: cannot be written (No space left on device)\n"


def test_an_interruption_leaves_what_was_finished(
    tmp_path: Path, status: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(path: Path, *rest: Any) -> None:
        if path.name == "b_x4.png":
            raise KeyboardInterrupt
        write_picture(path, *rest)

    monkeypatch.setattr(command, "write_picture", interrupted)
    for name in ("a.png", "b.png", "c.png"):
        rgb().save(tmp_path / name)
    assert status(*(tmp_path / name for name in ("a.png", "b.png", "c.png")), "-o", tmp_path / "out") == 130
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a_x4.png"]
    assert capsys.readouterr().err.startswith("interrupted: the pictures that were finished are kept")


def test_aldsr_dispatches_to_its_commands(tmp_path: Path) -> None:
    def said(*arguments: str) -> subprocess.CompletedProcess[str]:
        run = [sys.executable, "-m", "aldsr", *arguments]
        return subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert "upscale" in said().stdout
    unknown = said("upscal")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("error: aldsr upscal: no such command; expected upscale, train")
    assert said("upscale", "none.png", "-o", "out").returncode == 2
    assert all(find_spec(f"aldsr.{name}") for name in COMMANDS)
