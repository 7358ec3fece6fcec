"""A study's folder, read."""

from pathlib import Path
from typing import Any

import pytest

from aldsr.analysis.study import is_study, read_config, read_study, shorten
from aldsr.evaluation.results import ResultsError
from tests.analysis.fake_runs import fake_config, fake_results, write_run, write_variant

TABLE = {"Set5": [[30.0, 31.0], [32.0, 33.0]]}


def test_finished_runs_are_read_and_others_named(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", TABLE)
    write_run(tmp_path / "dw-seed1", fake_config("DW-RDN", 1), None)
    archived = tmp_path / "rdn-archived-20260131-120000"
    write_run(archived, fake_config("RDN", 1), fake_results("RDN", {"Set5": [1.0]}))
    for name in (".locks", "report"):
        (tmp_path / name).mkdir()
    study = read_study(tmp_path)
    assert [(run.folder.name, run.seed) for run in study.runs] == [
        ("rdn-determinant-seed1", 1),
        ("rdn-determinant-seed2", 2),
    ]
    assert study.unfinished == ["dw-seed1"]
    assert study.runs[1].results["sets"]["Set5"]["psnr"] == 32.5


@pytest.mark.parametrize("study", ["linearity", {"name": "linearity", "budget": "small"}])
def test_a_study_goes_by_the_name_in_its_runs(study: Any, tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", TABLE, study=study)
    assert read_study(tmp_path).name == "linearity"


def test_runs_of_several_studies_go_by_their_folder(tmp_path: Path) -> None:
    write_variant(tmp_path / "both", "RDN", TABLE, study="linearity")
    write_variant(tmp_path / "both", "DW-RDN", TABLE, study="benchmarks")
    assert read_study(tmp_path / "both").name == "both"


def test_what_is_a_study(tmp_path: Path) -> None:
    write_variant(tmp_path / "study", "RDN", TABLE)
    run = next((tmp_path / "study").iterdir())
    (tmp_path / "empty").mkdir()
    found = [tmp_path / "study", run, tmp_path / "empty", tmp_path / "nowhere", run / "results.json"]
    assert [is_study(path) for path in found] == [True, False, False, False, False]


def test_a_study_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    for number in range(7):
        write_run(tmp_path / f"run{number}", fake_config("RDN", number), None)
    with pytest.raises(ResultsError, match=r"none of its 7 runs has finished \(run0, run1, .*, run4 and 2 more\)"):
        read_study(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file; expected the configuration beside a run's results.json"),
        ("a: [", "cannot be read as a configuration"),
        ("[1, 2]", "has no whole number as seed"),
        ("model: {}\n", "has no whole number as seed"),
        ("seed: 1\nmodel: {}\ndata: {}\n", "has no section trainer"),
    ],
)
def test_what_is_no_configuration_is_named(content: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ResultsError, match=said) as error:
        read_config(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_few_of_many() -> None:
    assert shorten(["a", "b"]) == "a, b"
    assert shorten(list("abcdefg"), limit=2) == "a, b and 5 more"
