"""The runs of a table, a page or a figure."""

from pathlib import Path

import pytest

from aldsr.analysis.comparison import read_comparison
from aldsr.evaluation.results import ResultsError
from tests.analysis.fake_runs import change_config, fake_config, fake_results, write_run, write_variant


def test_a_study_has_variants_with_seeds(tmp_path: Path) -> None:
    for label in ("RDN", "DW-RDN"):
        write_variant(tmp_path, label, {"mine": [[30.0], [31.0]]})
    study, found = read_comparison([tmp_path])
    assert study.name == "benchmarks"
    assert {each.name: list(each.runs) for each in found} == {"RDN": [1, 2], "DW-RDN": [1, 2]}


def test_runs_that_are_named_stand_by_themselves(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0], [31.0]]})
    write_variant(tmp_path / "other", "RDN", {"mine": [[30.0]]})
    write_variant(tmp_path, "DW-RDN", {"mine": [[30.0]]})
    names = ("rdn-determinant-seed2", "other/rdn-determinant-seed1", "rdn-determinant-seed1")
    paths = [tmp_path / name for name in names]
    study, found = read_comparison([*paths, tmp_path / "dw-rdn-determinant-seed1" / "results.json"])
    assert [each.name for each in found] == [
        "RDN rdn-determinant-seed2",
        f"RDN {paths[1]}",
        f"RDN {paths[2]}",
        "DW-RDN",
    ]
    assert study.name == "rdn-determinant-seed2, rdn-determinant-seed1, rdn-determinant-seed1 and 1 more"


def test_unequal_budgets_are_refused_of_a_study_alone(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0], [31.0]]})
    runs = sorted(tmp_path.iterdir())
    change_config(runs[0], {"data.patch_size": 48})
    with pytest.raises(ResultsError, match="unequal budgets"):
        read_comparison([tmp_path])
    assert len(read_comparison([tmp_path], allow_unequal_budgets=True)[1]) == 2
    assert len(read_comparison(runs)[1]) == 2


def test_what_must_not_share_a_table_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "a", fake_config("RDN", 1), fake_results("RDN", {"mine": [30.0]}))
    other = fake_results("RDN", {"mine": [30.0]})
    other["protocol"]["shave"] = 0
    write_run(tmp_path / "b", fake_config("RDN", 1), other)
    with pytest.raises(ResultsError, match="cannot share a table: the protocol's shave is '4' in the one and '0'"):
        read_comparison([tmp_path / "a", tmp_path / "b"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultsError, match=r"holds no results\.json; expected a run's folder"):
        read_comparison([tmp_path / "a", tmp_path / "empty"])
