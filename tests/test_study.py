"""`python -m aldsr.study` as a user meets it."""

from pathlib import Path

import pytest

from aldsr.compare import main as compare
from aldsr.core.run_files import FAILURE
from aldsr.study import main
from aldsr.sweep.plan import make_plan, write_plan
from tests.analysis.fake_runs import write_variant
from tests.command import run_command


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "no such folder"), ("empty", "holds no runs")])
def test_no_study_is_one_sentence(name: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run_command(main, str(tmp_path / name)) == 2
    said = capsys.readouterr()
    expected = f"error: {tmp_path / name}: {reason}; expected a study's folder, such as runs/linearity\n"
    assert (said.out, said.err) == ("", expected)


def test_a_study_is_shown_with_its_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_plan(tmp_path, make_plan(["model=rdn,dw_rdn", "seed=1"], {}))
    (tmp_path / "rdn").mkdir()
    (tmp_path / "rdn" / FAILURE).write_text("2026-01-31\nTraceback\nValueError: [red]no\n")
    assert run_command(main, str(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "1 failed, 1 waiting; how long the rest takes is not known before a run has made some steps" in " ".join(
        said.split()
    )
    assert said.splitlines()[-1] == f"failed  {tmp_path}/rdn/{FAILURE}: ValueError: [red]no"


def test_looking_at_a_study_changes_nothing(tmp_path: Path) -> None:
    write_plan(tmp_path, make_plan(["seed=1,2"], {}))
    (tmp_path / "seed1").mkdir()
    (tmp_path / "seed1" / "config.yaml").touch()
    before = sorted(tmp_path.rglob("*"))
    assert run_command(main, str(tmp_path)) == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_recorded_study_compares_like_the_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, to = tmp_path / "study", tmp_path / "kept"
    for label, psnr in (("RDN", [30.0, 31.0]), ("DW-RDN", [29.5, 30.9])):
        write_variant(study, label, {"Set5": [psnr, psnr]})
    (study / "rdn-determinant-seed1" / "log.csv").write_text("step,loss\n50,0.1\n")
    assert run_command(main, str(study), "--record", str(to)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"recorded  4 runs in {to}; python -m aldsr.compare {to}"
    assert (to / "rdn-determinant-seed1" / "log.csv").read_text() == "step,loss\n50,0.1\n"
    tables = []
    for folder in (study, to):
        assert run_command(compare, str(folder)) == 0
        tables.append(capsys.readouterr().out)
    assert "RDN" in tables[0]
    assert tables[0] == tables[1]


def test_nothing_to_record_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_plan(tmp_path, make_plan(["seed=1"], {}))
    (tmp_path / "seed1").mkdir()
    (tmp_path / "seed1" / "config.yaml").touch()
    assert run_command(main, str(tmp_path), "--record", str(tmp_path / "kept")) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}: none of its 1 runs")
    assert not (tmp_path / "kept").exists()
