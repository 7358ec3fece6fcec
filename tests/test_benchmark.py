"""The command that prints the loader's rate."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aldsr import benchmark
from aldsr.benchmark import main


def test_the_rate_of_every_stage_is_printed(
    make_image: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "a.png")
    main(["--patch-size", "8", "--train-dir", str(tmp_path)])
    said = capsys.readouterr().out
    assert "pairs/s" in said
    assert "LR 8x8, x4" in said


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["loadign"])
    assert "loadign: expected training, upscaling, checkpointing, loading, resize" in capsys.readouterr().err


@pytest.mark.slow
def test_networks_are_measured_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(benchmark.SIZES, "small", {"D": 1, "C": 1, "G": 4, "G0": 4})
    options = ["--size", "small", "--batch", "2", "--patch-size", "4", "--rounds", "1"]
    main(["training", *options, "--json", str(tmp_path / "speed.json")])
    said = capsys.readouterr().out
    assert "ALD-RDN, the equations as typed in: 32-true, contiguous, the system's" in said
    figures = json.loads((tmp_path / "speed.json").read_text())["training"]
    assert [each["network"] for each in figures] == ["literal", "literal", "RDN", "DW-RDN", "LDW-RDN", "ALD-RDN"]
    assert all(len(each["processes"][0]["seconds"]) == 3 for each in figures)
