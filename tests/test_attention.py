"""`python -m aldsr.attention` as a user meets it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from aldsr.attention import main
from aldsr.nn import weights
from aldsr.nn.description import build
from aldsr.nn.weights import load_network
from tests.analysis import fake_runs
from tests.analysis.fake_runs import fake_config, fake_results
from tests.command import refuse, run_command
from tests.nn.conftest import activate, description

BLURRED = {"steps": ["blur", "bicubic"], "blur": {"sigma": 2.0}}
DETERMINANT = {"_target_": "aldsr.nn.descriptors.determinant", "_partial_": True}


def write_run(name: str, block: str = "ALDBlock", *, seed: int = 0, scale: int = 2, lr: Any = None, **conv: Any) -> str:
    """A run's folder with the weights of a small network that nobody trained."""
    described = description(block, scale=scale, D=2, C=2, G=8, G0=8)
    described["conv"] |= conv
    torch.manual_seed(seed)
    return write_weights(name, activate(build(described)), described, lr)


def write_weights(name: str, network: nn.Module, described: dict[str, Any], lr: Any = None) -> str:
    Path(name).mkdir()
    weights.write_weights(Path(name) / "weights.safetensors", network, described, degradation=lr)
    return name


@pytest.fixture
def bench(tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> str:
    """A set of two images, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        make_image(Path("bench/HR") / f"b{number}.png", width=36, height=32, seed=number)
    return "bench"


@pytest.mark.slow
def test_runs_of_one_description_are_repeats_and_others_have_tables_of_their_own(
    bench: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    runs = [write_run("a0"), write_run("a1", seed=1), write_run("d0", descriptor=DETERMINANT, live=True)]
    assert run_command(main, *runs, "--data", bench, "--shuffles", "2") == 0
    text = capsys.readouterr().out
    assert "ALD-RDN: r and z of every layer, mean ± sd over 2 runs" in text
    assert "ALD-RDN (det, live): r and z of every layer, 1 run" in text
    assert "no difference shown" in text
    assert "not known of 'a0', 'a1'" in " ".join(text.split())
    assert "how it was made for 'a0', 'a1', 'd0' is not known" in text
    content = json.loads(Path("a0/attention/attention.json").read_text())
    first, second = content["networks"]
    assert (first["name"], second["name"]) == ("ALD-RDN", "ALD-RDN (det, live)")
    assert [run["run"] for run in first["runs"]] == ["a0", "a1"]
    assert second["description"]["conv"]["descriptor"] == DETERMINANT
    assert content["protocol"]["shave"] == 2
    assert content["sets"]["bench"]["number"] == 2
    files = {path.name for path in Path("a0/attention").iterdir()}
    plots = {f"{kind}-{name}.png" for kind in "rz" for name in ("ald-rdn", "ald-rdn-det-live")}
    assert files == {"ablation.png", "attention.json"} | plots


def test_without_matplotlib_there_are_numbers_but_no_plots_in_the_chosen_folder(
    bench: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aldsr.attention.has_matplotlib", lambda: False)
    runs = [write_run("a4", lr=BLURRED) + "/weights.safetensors"]
    runs.append(write_run("a2", reduction=2, lr=BLURRED))
    assert run_command(main, *runs, "--data", bench, "--shuffles", "1", "-o", "out/here") == 0
    assert "pip install 'aldsr[figures]'" in capsys.readouterr().out
    assert [path.name for path in Path("out/here").iterdir()] == ["attention.json"]
    content = json.loads(Path("out/here/attention.json").read_text())
    assert [each["name"] for each in content["networks"]] == ["ALD-RDN reduction=2", "ALD-RDN reduction=32"]
    assert content["sets"]["bench"]["lr_track"].startswith("blur")
    assert not Path("a4/attention").exists()


def train_run(name: str, seed: int, steps: int = 1000, **options: Any) -> str:
    """A finished run of such a network; its configuration says how it was trained."""
    run = Path(write_run(name, seed=seed))
    config = {**fake_config("ALD-RDN", seed), "model": load_network(run)[1], **options}
    fake_runs.write_run(run, config, fake_results("ALD-RDN", {"mine": [30.0]}, steps=steps))
    return name


def test_repeats_are_seeds_that_were_trained_alike(
    bench: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aldsr.attention.has_matplotlib", lambda: False)
    runs = [train_run("s1", 1), train_run("s2", 2), train_run("ema", 3, ema=0.9), write_run("loose", seed=4)]
    shutil.copytree("s1", "copy")
    shutil.copytree("s1", "again")  # the same seed, trained elsewhere
    trained, described = load_network("s1")
    weights.write_weights(Path("again/weights.safetensors"), activate(build(described)), described)
    how = ["--data", bench, "--shuffles", "1", "-o", "out"]
    assert run_command(main, *runs, "copy", "again", *how) == 0
    text = " ".join(capsys.readouterr().out.split())
    found = json.loads(Path("out/attention.json").read_text())["networks"]
    names = {each["name"]: [run["run"] for run in each["runs"]] for each in found}
    assert names == {"ALD-RDN": ["loose"], "ALD-RDN ema=0.9": ["ema"], "ALD-RDN ema=none": ["s1", "s2"]}
    assert "copy: has the weights of s1" in text
    assert "again: has network and seed of another" in text
    Path("s1/checkpoints").mkdir()
    state = {f"network.{key}": value for key, value in trained.state_dict().items()}
    torch.save({"network": described, "state_dict": state, "global_step": 500}, "s1/checkpoints/last.ckpt")
    assert "training steps is '500'" in refuse(capsys, main, "s1/checkpoints/last.ckpt", "s2", *how)
    both = [*runs, train_run("longer", 5, steps=5000), *how]
    assert "the number of training steps" in refuse(capsys, main, *both)
    assert run_command(main, *both, "--allow-unequal-budgets") == 0
    assert "unequal budgets" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["ldw"], "ldw: LDW-RDN has no attention"),
        (["edsr"], "edsr: BSConv-EDSR has no attention"),
        (["a0", "x3"], "a0 is for x2 and x3 for x3"),
        (["a0", "blurred"], "blurred: was trained on other LR than a0"),
        (["nowhere"], "nowhere"),
        (["a0", "--data", "nowhere"], "nowhere"),
        (["a0", "--data", "bench", "bench/HR"], "--data: two sets are called 'bench'"),
        (["a0", "-o", "a0/weights.safetensors"], "-o a0/weights.safetensors: "),
        (["stranger"], "--allow-code somebody"),
        (["a0", "--shuffles", "0"], "--shuffles"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], fault: str, bench: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run("a0")
    write_run("ldw", "LDWBlock")
    write_run("x3", scale=3)
    write_run("blurred", lr=BLURRED)
    edsr = {"_target_": "aldsr.nn.EDSR", "scale": 2, "conv": {"_target_": "aldsr.nn.BSConvBlock", "_partial_": True}}
    edsr |= {"n_resblocks": 1, "n_feats": 4}
    write_weights("edsr", build(edsr), edsr)
    write_weights("stranger", nn.Identity(), {"_target_": "somebody.Net", "scale": 2})
    assert run_command(main, *arguments, *([] if "--data" in arguments else ["--data", bench])) == 2
    assert fault in capsys.readouterr().err
    assert not Path("a0/attention").exists()
