"""A study's tables: what stands in their cells, and what is never rounded away."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aldsr.analysis.scores import compare_variants
from aldsr.analysis.statistics import Difference, MeanSd
from aldsr.analysis.study import read_study
from aldsr.analysis.variants import reference_of, variants
from aldsr.reporting.tables.sheet import NOTHING, Sheet
from aldsr.reporting.tables.study import difference_cell, spread, study_sheets
from tests.analysis.fake_runs import change_config, fake_config, fake_results, write_run, write_variant


def sheets(folder: Path) -> list[Sheet]:
    study = read_study(folder)
    found = variants(study.runs)
    reference = reference_of(found, None)
    return study_sheets(study, found, reference, compare_variants(found, reference))


def set5(value: float, seeds: int = 2) -> list[list[float]]:
    return (value + np.arange(seeds)[:, None] + np.zeros(5)).tolist()


def cells(sheet: Sheet, head: str, *, paper: bool = False) -> dict[str, Any]:
    (column,) = [each for each in sheet.columns if each.head == head and each.paper is paper]
    return dict(zip(sheet.rows, column.cells, strict=True))


def test_rows_are_sets_and_columns_variants_beside_the_papers(tmp_path: Path) -> None:
    for label, value in (("RDN", 32.0), ("DW-RDN", 31.0)):
        write_variant(tmp_path, label, {"Set5": set5(value), "mine": [[30.0], [31.0]]})
    scores, differences = sheets(tmp_path)
    assert scores.rows == ["seeds", "parameters", "multi-adds (G)", "Set5", "mine"]
    assert [column.head for column in scores.ours] == ["bicubic", "RDN", "DW-RDN"]
    assert [column.head for column in scores.theirs] == ["RDN", "RDN (re-implemented)", "DW-RDN", "ALD-RDN"]
    ours = cells(scores, "RDN")
    assert ours["seeds"] == ("2",)
    assert ours["parameters"] == ("4,638,979",)
    assert ours["Set5"] == ("32.50 ± 0.71", "0.9325 ± 0.0008")
    assert cells(scores, "bicubic")["Set5"] == ("28.00", "0.9280")
    published = cells(scores, "RDN", paper=True)
    assert published["Set5"] == ("32.47", "0.8990")
    assert published["mine"] == published["parameters"] == NOTHING
    assert "Table I" in scores.paper_title
    assert differences.title == "Differences from RDN, 95 % intervals"
    assert differences.columns[0].cells[0] == ("DW-RDN", "5 images × 2 seeds")
    assert differences.columns[1].cells[0] == ("-1.000", "[-1.000, -1.000]")


@pytest.mark.parametrize(
    ("study", "table"), [("benchmarks", "Table I"), ("linearity", "Table II"), ("descriptors", "Table III")]
)
def test_a_studys_name_chooses_its_table(study: str, table: str, tmp_path: Path) -> None:
    write_variant(tmp_path, "ALD-RDN", {"Set5": set5(32)}, study=study)
    (scores,) = sheets(tmp_path)  # a single variant has nothing to differ from
    assert scores.paper_title.endswith(f", {table}")


@pytest.mark.parametrize("case", ["another study", "another set", "another scale", "some images"])
def test_without_the_same_conditions_the_paper_is_not_shown(case: str, tmp_path: Path) -> None:
    name = "mine" if case == "another set" else "Set5"
    values = [32.0] * (3 if case == "some images" else 5)
    results = fake_results("RDN", {name: values})
    if case == "another scale":
        results["protocol"] |= {"scale": 2, "shave": 2}
    study = "reductions" if case == "another study" else "benchmarks"
    write_run(tmp_path / "run", fake_config("RDN", 1, study=study), results)
    assert not sheets(tmp_path)[0].theirs


def test_fewer_seeds_on_one_set_are_stated(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": set5(32, seeds=3)})
    extra = fake_results("RDN", {"Set5": [32.0] * 5, "mine": [30.0]})
    write_run(tmp_path / "rdn-determinant-seed1", None, extra)
    assert cells(sheets(tmp_path)[0], "RDN")["mine"] == ("30.00", "0.9300", "1 seed")


def test_options_stand_under_the_label(tmp_path: Path) -> None:
    write_variant(tmp_path, "ALD-RDN", {"Set5": set5(32)})
    change_config(tmp_path / "ald-rdn-determinant-seed2", {"model.conv.reduction": 8, "seed": 1})
    _, differences = sheets(tmp_path)
    assert differences.columns[0].cells == [("ALD-RDN (det)", "reduction=32", "5 images × 1 seed")]


def test_table_iv_counts_blocks_and_whole_networks(tmp_path: Path) -> None:
    for label in ("RDN", "ALD-RDN"):
        write_variant(tmp_path, label, {"Set5": [[30.0]]}, study="parameters")
    (sheet,) = sheets(tmp_path)
    assert cells(sheet, "RDB, counted") == {"RDN": ("1,363,968",), "ALD-RDN (det)": ("257,280",)}
    assert cells(sheet, "RDB", paper=True) == {"RDN": ("1,363,968",), "ALD-RDN (det)": ("257,280",)}
    assert cells(sheet, "whole network")["RDN"] == ("4,638,979",)
    assert cells(sheet, "multi-adds (G)")["RDN"] == ("200.0",)


@pytest.mark.parametrize(
    ("found", "printed"),
    [
        (MeanSd(32.468, 0.0301, 3), "32.47 ± 0.04"),
        (MeanSd(32.468, 0.03, 3), "32.47 ± 0.03"),
        (MeanSd(32.468, 0.0001, 3), "32.47 ± 0.01"),
        (MeanSd(32.468, 0.0, 3), "32.47 ± 0.00"),
        (MeanSd(32.468, None, 1), "32.47"),
    ],
)
def test_a_spread_is_rounded_up(found: MeanSd, printed: str) -> None:
    assert spread(found, 2) == printed


@pytest.mark.parametrize(
    ("found", "cell"),
    [
        (Difference(0.1234, 0.0321, 0.2, 3, 5), ("+0.123", "[+0.032, +0.200]")),
        (Difference(0.1234, -0.0321, 0.2, 3, 5), ("+0.123", "[-0.033, +0.200]", "no difference shown")),
        (Difference(0.1234, 0.0009, 0.2, 3, 5), ("+0.123", "[+0.000, +0.200]", "no difference shown")),
        (Difference(0.1234, -math.inf, math.inf, 1, 1), ("+0.123", "no interval", "no difference shown")),
        (None, ("no seed in common",)),
    ],
)
def test_a_difference_is_in_words_where_the_printed_interval_holds_zero(found: Any, cell: tuple[str, ...]) -> None:
    assert difference_cell(found, 3) == cell
