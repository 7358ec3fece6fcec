"""Reading the runs of a study's folder."""

from pathlib import Path
from typing import Any

import pytest

from aldsr.analysis.study import is_study, read_config, read_study
from aldsr.evaluation.results import ResultsError
from tests.analysis.fake_runs import fake_config, fake_results, write_run, write_variant

SCORES = {"Set5": [[30.0, 31.0], [32.0, 33.0]]}


def test_finished_runs_are_read_and_others_named(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", SCORES)
    write_run(tmp_path / "dw-seed1", fake_config("DW-RDN", 1), None)
    archived = tmp_path / "rdn-archived-20260131-120000"
    write_run(archived, fake_config("RDN", 1), fake_results("RDN", {"Set5": [1.0]}))
    for name in (".locks", "report"):
        (tmp_path / name).mkdir()
    study = read_study(tmp_path)
    names = [(run.folder.name, run.seed) for run in study.runs]
    assert names == [("rdn-determinant-seed1", 1), ("rdn-determinant-seed2", 2)]
    assert study.unfinished == ["dw-seed1"]
    assert study.runs[1].results["sets"]["Set5"]["psnr"] == 32.5
    run = study.runs[0].folder
    paths = [tmp_path, run, tmp_path / "report", tmp_path / "nowhere", run / "results.json"]
    assert [is_study(path) for path in paths] == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("studies", "name"),
    [(["linearity"], "linearity"), ([{"name": "linearity"}], "linearity"), (["linearity", "benchmarks"], "both")],
)
def test_a_study_has_the_name_in_its_runs_else_that_of_its_folder(
    studies: list[Any], name: str, tmp_path: Path
) -> None:
    for label, study in zip(("RDN", "DW-RDN"), studies, strict=False):
        write_variant(tmp_path / "both", label, SCORES, study=study)
    assert read_study(tmp_path / "both").name == name


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "No such file"),
        ("a: [", "cannot be read"),
        ("[1, 2]", "seed"),
        ("model: {}\n", "seed"),
        ("seed: 1\nmodel: {}\ndata: {}\n", "trainer"),
    ],
)
def test_what_is_no_configuration_is_named(content: str | None, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ResultsError, match=f"(?s){path}: .*{fault}"):
        read_config(path)
