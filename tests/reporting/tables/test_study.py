"""A study's tables and CSV: what stands in their cells, and what is never rounded away."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aldsr.reporting.tables.sheet import NOTHING, Sheet
from aldsr.reporting.tables.study import study_sheets
from aldsr.reporting.tables.study_csv import FIELDS, study_csv
from tests.analysis.fake_runs import (
    change_config,
    fake_config,
    fake_results,
    read_comparison,
    write_run,
    write_variant,
)


def sheets(folder: Path) -> list[Sheet]:
    return study_sheets(read_comparison(folder))


def csv_rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(study_csv(read_comparison(folder)).splitlines()))


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
    assert (ours["seeds"], ours["parameters"], ours["multi-adds (G)"]) == (("2",), ("4,638,979",), ("200.0",))
    assert ours["Set5"] == ("32.50 ± 0.71", "0.9325 ± 0.0008")
    assert cells(scores, "bicubic")["Set5"] == ("28.00", "0.9280")
    published = cells(scores, "RDN", paper=True)
    assert published["Set5"] == ("32.47", "0.8990")
    assert published["mine"] == published["parameters"] == NOTHING
    assert "Table I" in scores.paper_title
    assert differences.title == "Differences from RDN, 95 % intervals"
    assert differences.rows == ["Set5", "mine"]
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
    results = fake_results("RDN", {name: [32.0] * (3 if case == "some images" else 5)})
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
    assert sheets(tmp_path)[1].columns[0].cells == [("ALD-RDN (det)", "reduction=32", "5 images × 1 seed")]


def test_table_iv_counts_blocks_and_whole_networks(tmp_path: Path) -> None:
    for label in ("RDN", "ALD-RDN"):
        write_variant(tmp_path, label, {"Set5": [[30.0]]}, study="parameters")
    (sheet,) = sheets(tmp_path)
    assert cells(sheet, "RDB, counted") == {"RDN": ("1,363,968",), "ALD-RDN (det)": ("257,280",)}
    assert cells(sheet, "RDB", paper=True) == {"RDN": ("1,363,968",), "ALD-RDN (det)": ("257,280",)}
    assert cells(sheet, "whole network")["RDN"] == ("4,638,979",)
    assert cells(sheet, "multi-adds (G)")["RDN"] == ("200.0",)
    found = {(row["source"], row["quantity"]): row["value"] for row in csv_rows(tmp_path) if row["variant"] == "RDN"}
    assert found == {
        ("ours", "parameters"): "4638979",
        ("ours", "multi_adds"): "200000000000",
        ("ours", "block_parameters"): "1363968",
        ("paper", "block_parameters"): "1363968",
    }


def test_every_number_of_the_csv_says_whose_it_is(tmp_path: Path) -> None:
    for label, value in (("RDN", 32.0), ("DW-RDN", 31.987654321)):
        write_variant(tmp_path, label, {"Set5": value + np.zeros((2, 5)), "mine": value + np.zeros((2, 3))})
    found = csv_rows(tmp_path)
    assert list(found[0]) == FIELDS
    psnr = {(*(row[key] for key in ("source", "variant", "set")), bool(row["against"])): row for row in found[::-1]}
    psnr |= {key: row for key, row in psnr.items() if row["quantity"] == "psnr"}
    published = psnr["paper", "RDN", "Set5", False]
    assert (published["value"], published["reference"]) == ("32.47", "Hwang et al., ALDNet, Table I")
    assert ("paper", "RDN", "mine", False) not in psnr
    assert float(psnr["ours", "bicubic", "Set5", False]["value"]) == 28.0
    mean, difference = (psnr["ours", "DW-RDN", "Set5", against] for against in (False, True))
    assert float(mean["value"]) == pytest.approx(31.987654321, abs=1e-9)  # not rounded
    assert (mean["seeds"], mean["images"], mean["sd"]) == ("2", "5", "0.0")
    assert (difference["against"], difference["verdict"]) == ("RDN", "difference shown")
    assert float(difference["difference"]) == pytest.approx(-0.012345679, abs=1e-9)


@pytest.mark.parametrize(("seed", "verdict"), [(1, "no difference shown"), (8, "no seed in common")])
def test_the_csv_says_where_nothing_differs_or_can_be_paired(seed: int, verdict: str, tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0, 31.0]]})
    write_run(tmp_path / "dw", fake_config("DW-RDN", seed), fake_results("DW-RDN", {"mine": [30.0, 31.0]}))
    assert [row["verdict"] for row in csv_rows(tmp_path) if row["against"] == "RDN"] == [verdict] * 2
