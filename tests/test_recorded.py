"""The tables in the READMEs are those that the READMEs' own commands print from the runs recorded beside them."""

import json
import re
import shlex
from itertools import chain
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from aldsr.compare import main
from tests.command import run_command

ROOT = Path(__file__).parents[1]
RECORDED = sorted(path.parent for path in ROOT.glob("experiments/*/runs"))
READMES = [ROOT / "README.md", *(folder / "README.md" for folder in RECORDED)]
COMMAND = re.compile(r"^python -m aldsr\.compare (experiments/[^#\n]*)", re.MULTILINE)
TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def printed(arguments: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The tables that a command prints, its patterns expanded as by a shell."""
    given = [sorted(map(str, Path().glob(word))) if "*" in word else [word] for word in shlex.split(arguments)]
    assert run_command(main, *chain.from_iterable(given), "--format", "markdown") == 0
    return TABLE.findall(capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_the_tables_of_a_readme_are_what_its_command_prints(
    readme: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    text = readme.read_text()
    if "--chart" in text:
        pytest.importorskip("matplotlib")
    tables = [table for arguments in COMMAND.findall(text) for table in printed(arguments.strip(), capsys)]
    heads = "| data set |", "| network | parameters |", "| backbone |"
    shown = [table for table in TABLE.findall(text) if table.startswith(heads)]
    assert shown
    assert [table for table in shown if table not in tables] == []


@pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
def test_recorded_runs_name_no_place_of_the_machine_that_made_them(folder: Path) -> None:
    for path in (folder / "runs").glob("*/config.yaml"):
        config = path.read_text()
        assert not [word for word in config.split() if word.startswith("/")], path


@pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
def test_a_recorded_run_has_all_that_repeats_it(folder: Path) -> None:
    for path in (folder / "runs").iterdir():
        results = json.loads((path / "results.json").read_text())
        assert results["training"].keys() >= {"steps", "threads", "fingerprint"}, path
        assert all(len(each["images"]) == each["number"] for each in results["sets"].values()), path
        for name, each in results["sets"].items():
            assert each["psnr"] > results["bicubic"][name]["psnr"], f"{path}: bicubic is better on {name}"
        config = OmegaConf.load(path / "config.yaml")
        assert (config.trainer.precision, config.layout) == ("bf16-mixed", "channels-last"), path
