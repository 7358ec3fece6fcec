"""Reading the runs of a table, a page or a figure."""

from pathlib import Path

import pytest

from aldsr.analysis.loading import read_by_label, read_variants
from aldsr.evaluation.results import ResultsError
from tests.analysis.fake_runs import change_config, fake_config, fake_results, write_run, write_variant


def test_runs_that_are_named_are_a_variant_each(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0], [31.0]]})
    write_variant(tmp_path / "other", "RDN", {"mine": [[30.0]]})
    write_variant(tmp_path, "DW-RDN", {"mine": [[30.0]]})
    names = ("rdn-determinant-seed2", "other/rdn-determinant-seed1", "rdn-determinant-seed1")
    paths = [tmp_path / name for name in names]
    study, variants = read_variants([*paths, tmp_path / "dw-rdn-determinant-seed1" / "results.json"])
    unique, *equal = [each.name for each in variants]
    assert unique == "RDN rdn-determinant-seed2"
    assert equal == [f"RDN {paths[1]}", f"RDN {paths[2]}", "DW-RDN"]
    assert study.name == "'rdn-determinant-seed2', 'rdn-determinant-seed1', 'rdn-determinant-seed1' and 1 more"


TRAINED = {"optimizer._target_": "torch.optim.SGD", "ema": 0.9, "model.residual": "bicubic", "initial": "39f5"}


def test_runs_that_are_named_have_the_names_that_a_study_gives_them(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0], [31.0]]})
    runs = sorted(tmp_path.iterdir())
    change_config(runs[1], TRAINED)
    expected = [each.name for each in read_variants([tmp_path])[1]]
    assert "RDN ema=0.9 initial=39f5 residual=bicubic optimizer=torch.optim.SGD" in expected
    for names in ([each.name for each in read_variants(runs)[1]], [*read_by_label(runs)]):
        assert sorted(names) == sorted(expected)


def test_of_what_was_not_trained_here_the_network_alone_is_told(tmp_path: Path) -> None:
    write_variant(tmp_path, "LDW-RDN", {"mine": [[30.0]]})
    small, deployed, other = (fake_results("LDW-RDN", {"mine": [30.0]}) for _ in range(3))
    described = fake_config("LDW-RDN", 1)["model"]
    small["network"]["description"] = {**described, "D": 4}
    deployed["network"]["description"] = {"_target_": "aldsr.nn.deployed", "network": described, "collapsed": ["body"]}
    other["network"] |= {"label": "RDN", "description": {**described, "D": 2}}
    for name, results in {"small": small, "deployed": deployed, "other": other}.items():
        write_run(tmp_path / name, None, results)
    runs = [tmp_path / name for name in ("ldw-rdn-determinant-seed1", "small", "deployed", "other")]
    names = [f"LDW-RDN D=16 ({runs[0]})", "LDW-RDN D=4", f"LDW-RDN D=16 ({runs[2]})", "RDN"]
    assert [*read_by_label(runs)] == names


def test_unequal_budgets_are_refused_of_a_study_alone(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0], [31.0]]})
    runs = sorted(tmp_path.iterdir())
    change_config(runs[0], {"data.patch_size": 48})
    assert len(read_variants(runs)[1]) == 2
    with pytest.raises(ResultsError, match=r"unequal budgets: data\.patch_size.*--allow-unequal-budgets"):
        read_variants([tmp_path])


def test_runs_must_be_finished_and_comparable(tmp_path: Path) -> None:
    other = fake_results("RDN", {"mine": [30.0]})
    other["protocol"]["shave"] = 0
    for name, results in (("a", fake_results("RDN", {"mine": [30.0]})), ("b", other), ("c", None)):
        write_run(tmp_path / name, fake_config("RDN", 1), results)
    for name, fault in (("b", "the protocol's shave"), ("c", f"{tmp_path / 'c'}")):
        with pytest.raises(ResultsError, match=fault):
            read_variants([tmp_path / "a", tmp_path / name])
