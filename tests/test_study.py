"""`python -m aldsr.study`."""

from pathlib import Path

import pytest

from aldsr.compare import main as compare
from aldsr.core.run_files import FAILURE
from aldsr.study import main
from aldsr.sweep.plan import make_plan, write_plan
from tests.analysis.fake_runs import write_variant
from tests.command import run_command


def test_a_folder_without_runs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert run_command(main, str(folder)) == 2
        assert capsys.readouterr().err.startswith(f"error: {folder}: ")


def test_the_runs_of_the_plan_and_others_in_the_folder_are_printed_and_stay_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_plan(tmp_path, make_plan(["model=rdn,dw_rdn", "seed=2,1"], {}))
    others = ("extra/config.yaml", "rdn-seed1-archived-20260131-120000/config.yaml", "notes/readme.txt")
    for name in (*others, f"rdn-seed2/{FAILURE}"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("2026-01-31\nTraceback\nValueError: [red]no\n")
    write_variant(tmp_path, "RDN", {"Set5": [30.0]})
    (tmp_path / "rdn-determinant-seed1").rename(tmp_path / "rdn-seed1")
    before = sorted(tmp_path.rglob("*"))
    assert run_command(main, str(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split("│")[1:3]).split() for line in lines if "│" in line] == [
        ["rdn-seed2", "failed"],
        ["rdn-seed1", "done"],
        ["dw_rdn-seed2", "waiting"],
        ["dw_rdn-seed1", "waiting"],
        ["extra", "interrupted"],
    ]
    assert lines[-1] == f"failed  {tmp_path}/rdn-seed2/{FAILURE}: ValueError: [red]no"
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


def test_what_cannot_be_recorded_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tmp_path / "study"
    write_plan(study, make_plan(["seed=1"], {}))
    assert run_command(main, str(study), "--record", str(tmp_path / "kept")) == 2
    assert str(study) in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()
    write_variant(study, "RDN", {"Set5": [30.0]})
    before = {file: file.read_bytes() for file in study.rglob("*.*") if file.is_file()}
    assert run_command(main, str(study), "--record", f"{study}/../study") == 2
    assert f"--record {study}" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in study.rglob("*.*") if file.is_file()} == before
    (tmp_path / "file").touch()
    assert run_command(main, str(study), "--record", str(tmp_path / "file")) == 2
    assert f"{tmp_path / 'file'}" in capsys.readouterr().err
