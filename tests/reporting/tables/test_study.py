"""A study's tables, notes and CSV: what stands in their cells, and what is never rounded away."""

import csv
import json
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aldsr.reporting.tables.paper import TABLE_IV, TABLES, match_sets
from aldsr.reporting.tables.sheet import NOTHING, Sheet
from aldsr.reporting.tables.study import study_notes, study_sheets
from aldsr.reporting.tables.study_csv import FIELDS, study_csv
from tests.analysis.fake_runs import (
    change_config,
    fake_config,
    fake_results,
    read_comparison,
    variants_by_name,
    write_run,
    write_variant,
)

PAIR = [[30.0, 31.0], [32.0, 33.0]]


def sheets(folder: Path) -> list[Sheet]:
    return study_sheets(read_comparison(folder))


def notes(folder: Path) -> str:
    return "\n".join(f"{word}: {text}" for word, text in study_notes(read_comparison(folder)))


def csv_rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(study_csv(read_comparison(folder)).splitlines()))


def set5(value: float, seeds: int = 2) -> list[list[float]]:
    return (value + np.arange(seeds)[:, None] + np.zeros(5)).tolist()


def cells(sheet: Sheet, head: str, *, paper: bool = False) -> dict[str, Any]:
    (column,) = [each for each in sheet.columns if each.head == head and each.paper is paper]
    return dict(zip(sheet.rows, column.cells, strict=True))


@pytest.mark.parametrize(
    ("study", "column", "name", "printed"),
    [
        ("benchmarks", "RDN", "Set5", "32.47 / 0.8990"),
        ("benchmarks", "ALD-RDN", "Set14", "28.62 / 0.7837"),
        ("benchmarks", "RDN", "DIV2K validation", "-"),
        ("benchmarks", "RDN (re-implemented)", "DIV2K validation", "30.65 / 0.8430"),
        ("linearity", "LDW-RDN", "B100", "27.59 / 0.7367"),
        ("descriptors", "ALD-RDN (max)", "Set5", "32.23 / 0.8957"),
        ("descriptors", "ALD-RDN (det)", "Urban100", "26.23 / 0.7914"),
    ],
)
def test_published_numbers_are_those_of_the_paper(study: str, column: str, name: str, printed: str) -> None:
    assert " / ".join(TABLES[study].columns[column][name]) == printed
    assert list(TABLE_IV.values()) == [1363968, 205056, 205056, 257280]


def test_which_sets_are_the_papers(tmp_path: Path) -> None:
    images = {"Set5": 5, "Set14": 3, "BSD100": 100, "DIV2K_valid": 100, "photographs": 8}
    write_variant(tmp_path, "RDN", {name: np.full((1, number), 30.0) for name, number in images.items()})
    expected = {"Set5": "Set5", "BSD100": "B100", "DIV2K_valid": "DIV2K validation"}
    assert match_sets(list(variants_by_name(tmp_path).values())) == expected


def test_rows_are_sets_and_columns_variants_beside_the_papers(tmp_path: Path) -> None:
    for label, value in (("RDN", 32.0), ("DW-RDN", 31.0)):
        write_variant(tmp_path, label, {"Set5": set5(value), "mine": [[30.0], [31.0]]})
    scores, differences = sheets(tmp_path)
    assert scores.rows == ["seeds", "parameters", "multi-adds (G)", "Set5", "mine"]
    assert [[column.head for column in columns] for _, columns in scores.blocks] == [
        ["bicubic", "RDN", "DW-RDN"],
        ["RDN", "RDN (re-implemented)", "DW-RDN", "ALD-RDN"],
    ]
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
    ("study", "scale", "name", "table", "note"),
    [
        ("benchmarks", 4, "Set5", "Table I", "Table I, as published"),
        ("linearity", 4, "Set5", "Table II", "Table II, as published"),
        ("descriptors", 4, "Set5", "Table III", "Table III, as published"),
        ("benchmarks", 2, "Set5", "", "Table I is not shown"),
        ("benchmarks", 4, "mine", "", "Table I is not shown"),
        ("reductions", 4, "Set5", "", ""),
    ],
)
def test_a_studys_name_chooses_its_table_under_the_same_conditions(
    study: str, scale: int, name: str, table: str, note: str, tmp_path: Path
) -> None:
    results = fake_results("RDN", {name: [32.0] * 5})
    results["protocol"] |= {"scale": scale, "shave": scale}
    write_run(tmp_path / "run", fake_config("RDN", 1, study=study), results)
    (scores,) = sheets(tmp_path)  # a single variant has nothing to differ from
    assert scores.paper_title.rpartition(", ")[2] == table
    assert len(scores.blocks) == 1 + bool(table)
    assert f"paper: Hwang et al., ALDNet, {note}" in notes(tmp_path) if note else "paper" not in notes(tmp_path)


def test_fewer_seeds_on_one_set_are_stated(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": set5(32, seeds=3)})
    extra = fake_results("RDN", {"Set5": [32.0] * 5, "mine": [30.0]})
    write_run(tmp_path / "rdn-determinant-seed1", None, extra)
    assert cells(sheets(tmp_path)[0], "RDN")["mine"] == ("30.00", "0.9300", "1 seed")


def test_further_measures_have_rows_of_their_own_with_the_seeds_that_have_them(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": set5(32, seeds=3)})
    for seed, value in ((1, 0.3), (2, 0.32)):
        results = fake_results("RDN", {"Set5": [31.0 + seed] * 5})
        results["protocol"]["lpips"] = "alex, RGB in [-1, 1]"
        results["sets"]["Set5"]["lpips"] = value
        run = tmp_path / f"rdn-determinant-seed{seed}"
        write_run(run, None, results)
        change_config(run, {"measures": ["lpips"]})  # which makes no other variant
    column = cells(sheets(tmp_path)[0], "RDN")
    assert column["Set5, LPIPS ↓"] == ("0.3100 ± 0.0142", "2 seeds")
    assert column["Set5"] == ("33.00 ± 1.00", "0.9330 ± 0.0010")
    (row,) = (row for row in csv_rows(tmp_path) if row["quantity"] == "lpips" and row["variant"] == "RDN")
    assert (row["seeds"], float(row["value"])) == ("2", pytest.approx(0.31))


def test_options_stand_under_the_label(tmp_path: Path) -> None:
    write_variant(tmp_path, "ALD-RDN", {"Set5": set5(32)})
    change_config(tmp_path / "ald-rdn-determinant-seed2", {"model.conv.reduction": 8, "seed": 1})
    assert sheets(tmp_path)[1].columns[0].cells == [("ALD-RDN (det)", "reduction=32", "5 images × 1 seed")]


def test_every_number_of_the_csv_says_whose_it_is(tmp_path: Path) -> None:
    for label, value in (("RDN", 32.0), ("DW-RDN", 31.987654321)):
        write_variant(tmp_path, label, {"Set5": value + np.zeros((2, 5)), "mine": value + np.zeros((2, 3))})
    found = csv_rows(tmp_path)
    assert list(found[0]) == FIELDS
    keys = ("source", "variant", "set")
    psnr = {(*map(row.get, keys), bool(row["against"])): row for row in found if row["quantity"] == "psnr"}
    published = psnr["paper", "RDN", "Set5", False]
    assert (published["value"], published["reference"]) == ("32.47", "Hwang et al., ALDNet, Table I")
    assert ("paper", "RDN", "mine", False) not in psnr
    assert float(psnr["ours", "bicubic", "Set5", False]["value"]) == 28.0
    mean, difference = (psnr["ours", "DW-RDN", "Set5", against] for against in (False, True))
    assert float(mean["value"]) == pytest.approx(31.987654321, abs=1e-9)  # not rounded
    assert (mean["seeds"], mean["images"], mean["sd"]) == ("2", "5", "0.0")
    assert (difference["against"], difference["verdict"]) == ("RDN", "difference shown")
    assert (difference["seeds"], difference["images"]) == ("2", "5")
    for field in ("difference", "low", "high"):
        assert float(difference[field]) == pytest.approx(-0.012345679, abs=1e-9)


@pytest.mark.parametrize(
    ("seed", "image", "psnr", "verdict"),
    [
        (1, "image0", 30.0, "no difference shown"),
        (8, "image0", 30.0, "no seed in common"),
        (1, "unknown", 30.0, "no image in common"),
        (1, "image0", inf, "every image equals HR"),
    ],
)
def test_the_csv_says_where_nothing_differs_or_can_be_paired(
    seed: int, image: str, psnr: float, verdict: str, tmp_path: Path
) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0]]})
    results = fake_results("DW-RDN", {"mine": [30.0]})
    results["sets"]["mine"]["images"] = {image: {"psnr": psnr, "ssim": 0.93}}
    write_run(tmp_path / "dw", fake_config("DW-RDN", seed), results)
    ssim = verdict if isfinite(psnr) else "no difference shown"
    assert [row["verdict"] for row in csv_rows(tmp_path) if row["against"] == "RDN"] == [verdict, ssim]


@pytest.mark.parametrize(
    ("scores", "note"),
    [
        (PAIR, "2 intervals, each by itself, not corrected"),
        ([[30.0, 31.0]], "with one seed an interval covers the choice of images only"),
        ([[30.0], [31.0]], "with one image an interval covers the choice of seeds only"),
        ([[30.0]], "one image and one seed say nothing"),
    ],
)
def test_what_an_interval_covers_is_said(scores: list[list[float]], note: str, tmp_path: Path) -> None:
    for label in ("RDN", "DW-RDN"):
        write_variant(tmp_path, label, {"mine": scores})
    text = notes(tmp_path)
    assert text.startswith("protocol: Y of YCbCr")
    assert note in text
    absent = ("left out", "warning", "not all were", *(("with one", "one image") if scores == PAIR else ()))
    assert not [words for words in absent if words in text]


def test_what_all_were_trained_with_is_stated(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": PAIR})
    recipe = "l1_loss; Adam, lr 0.001, betas [0.9, 0.999]; cosine; 16 LR patches of 24; LR (bicubic)"
    assert f"recipe: {recipe}\n" in f"{notes(tmp_path)}\n"
    loss, patches = {"_target_": "aldsr.training.charbonnier", "eps": 0.001}, {"0": 24, "100": 48}
    for run in tmp_path.iterdir():
        change_config(run, {"loss": loss, "schedule.warmup_steps": 0, "lr_track": "bd", "data.patch_size": patches})
    change_config(run, {"optimizer.lr": 0.1})  # stands in the names
    assert "recipe: charbonnier, eps 0.001; cosine; 16 LR patches of {0: 24, 100: 48}; LR (bd)" in notes(tmp_path)


def test_what_was_left_out_or_differs_is_named(tmp_path: Path) -> None:
    for descriptor in ("average", "zero"):
        write_variant(tmp_path, "RDN", {"Set5": PAIR}, descriptor=descriptor)
    write_run(tmp_path / "dw-seed1", fake_config("DW-RDN", 1), None)
    run = tmp_path / "rdn-average-seed2"
    change_config(run, {"trainer.precision": "bf16-mixed", "version": "0.2.0", "data.batch_size": 4})
    results = json.loads((run / "results.json").read_text())
    results["training"]["ranks"] = 2
    (run / "results.json").write_text(json.dumps(results))
    text = notes(tmp_path)
    assert "left out: 1 run is unfinished: 'dw-seed1'" in text
    assert "left out: 1 run with network and seed of another run: 'rdn-zero-seed1'" in text
    for different in ("precision: 32-true, bf16-mixed", "processes: 1, 2", "code version: 0.1.0, 0.2.0"):
        assert f"not all were trained with the same {different}" in text
    assert "had unequal budgets: data.batch_size is '16' in the one and '4' in the other" in text
