"""The command that prints the loader's rate."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aldsr.benchmark import main


def test_the_rate_of_every_stage_is_printed(
    make_image: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "a.png")
    main(["--patch-size", "8", "--train-dir", str(tmp_path)])
    said = capsys.readouterr().out
    assert "pairs/s" in said
    assert "LR 8x8, x4" in said
