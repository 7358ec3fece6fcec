"""The command that makes weights files from published weights, and what it refuses."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from aldsr.convert import main
from aldsr.nn.weights import load_network
from tests.command import refuse, run_command
from tests.nn import published


@pytest.fixture
def theirs() -> nn.Module:
    torch.manual_seed(0)
    return published.RDN(3).eval()


@pytest.fixture
def file(theirs: nn.Module, tmp_path: Path) -> Path:
    torch.save(theirs.state_dict(), tmp_path / "rdn.pth")
    return tmp_path / "rdn.pth"


def test_a_file_is_taken_though_its_weights_are_wrapped(
    theirs: nn.Module, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"params_ema": theirs.state_dict(), "epoch": 3}, file)
    output = file.with_name("new") / "ours.safetensors"
    assert run_command(main, file, "-o", output) == 0
    told = capsys.readouterr().out
    count = sum(each.numel() for each in theirs.parameters())
    assert all(text in told for text in (str(output), "EDSR-PyTorch", "D=2, C=3, G=5, G0=6", "255", f"{count:,}"))
    network, lr = load_network(output)[0], torch.rand(1, 3, 8, 9)
    torch.testing.assert_close(network(lr).detach(), published.upscale(theirs, lr), rtol=0, atol=2e-6)


def test_what_cannot_be_converted_leaves_nothing(
    theirs: nn.Module, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = file.with_name("ours.safetensors")
    said = refuse(capsys, main, file.with_name("none.pth"), "-o", output)
    assert "none.pth" in said
    said = refuse(capsys, main, file, "-o", output, "--res-scale", "0.1")
    assert said.startswith("--res-scale 0.1: ")
    state = theirs.state_dict()
    state["odd"] = state.pop("GFF.1.bias")
    torch.save(state, file)
    said = refuse(capsys, main, file, "-o", output)
    assert all(text in said for text in (str(file), "'odd'", "'GFF.1.bias'", "EDSR-PyTorch, x3"))
    said = refuse(capsys, main, file, "-o", file.with_name("ours.pth"))
    assert "ours.pth" in said
    assert ".safetensors" in said
    assert sorted(file.parent.iterdir()) == [file]


def test_the_file_itself_is_kept(theirs: nn.Module, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file(theirs.state_dict(), tmp_path / "rdn.safetensors")
    before = (tmp_path / "rdn.safetensors").read_bytes()
    said = refuse(capsys, main, tmp_path / "rdn.safetensors", "-o", tmp_path / "rdn.safetensors")
    assert "rdn.safetensors" in said
    assert (tmp_path / "rdn.safetensors").read_bytes() == before
    (tmp_path / "folder.safetensors").mkdir()
    assert "folder" in refuse(capsys, main, tmp_path / "rdn.safetensors", "-o", tmp_path / "folder.safetensors")
