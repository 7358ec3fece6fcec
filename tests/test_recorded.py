"""The tables in experiments/ are those of the runs that are recorded beside them."""

from pathlib import Path

import pytest

from aldsr.compare import main
from tests.command import run_command

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
RECORDED = sorted(path.parent for path in EXPERIMENTS.glob("*/runs"))


@pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
def test_the_table_of_a_study_is_that_of_its_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(main, str(folder / "runs"), "--format", "markdown") == 0
    scores = capsys.readouterr().out.split("\n\n")[1]
    assert scores.startswith("| data set | bicubic |")
    assert scores in (folder / "README.md").read_text()


@pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
def test_recorded_runs_name_no_place_of_the_machine_that_made_them(folder: Path) -> None:
    for path in (folder / "runs").glob("*/config.yaml"):
        config = path.read_text()
        assert not [word for word in config.split() if word.startswith("/")], path
