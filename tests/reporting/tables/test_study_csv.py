"""A study's figures as rows."""

import csv
from pathlib import Path

import numpy as np
import pytest

from aldsr.analysis.scores import compare_variants
from aldsr.analysis.study import read_study
from aldsr.analysis.variants import reference_of, variants
from aldsr.reporting.tables.study_csv import FIELDS, study_csv
from tests.analysis.fake_runs import fake_config, fake_results, write_run, write_variant


def rows(folder: Path) -> list[dict[str, str]]:
    study = read_study(folder)
    found = variants(study.runs)
    reference = reference_of(found, None)
    text = study_csv(study, found, reference, compare_variants(found, reference))
    return list(csv.DictReader(text.splitlines()))


def test_every_figure_says_whose_it_is(tmp_path: Path) -> None:
    for label, value in (("RDN", 32.0), ("DW-RDN", 31.987654321)):
        write_variant(tmp_path, label, {"Set5": value + np.zeros((2, 5)), "mine": value + np.zeros((2, 3))})
    found = rows(tmp_path)
    assert list(found[0]) == FIELDS
    assert {row["source"] for row in found} == {"ours", "paper"}
    scores = {(row["source"], row["variant"], row["set"]): row for row in found if row["quantity"] == "psnr"}
    published = scores["paper", "RDN", "Set5"]
    assert (published["value"], published["reference"]) == ("32.47", "Hwang et al., ALDNet, Table I")
    assert ("paper", "RDN", "mine") not in scores
    assert float(scores["ours", "bicubic", "Set5"]["value"]) == 28.0
    means = [row for row in found if (row["variant"], row["set"], row["quantity"]) == ("DW-RDN", "Set5", "psnr")]
    mean, difference, printed = sorted(means, key=lambda row: (row["source"], row["against"]))
    assert float(mean["value"]) == pytest.approx(31.987654321, abs=1e-9)  # not rounded
    assert (mean["seeds"], mean["images"], mean["sd"]) == ("2", "5", "0.0")
    assert difference["against"] == "RDN"
    assert float(difference["difference"]) == pytest.approx(-0.012345679, abs=1e-9)
    assert difference["verdict"] == "difference shown"
    assert printed["value"] == "32.10"


def test_of_equal_scores_no_difference_is_shown(tmp_path: Path) -> None:
    for label in ("RDN", "DW-RDN"):
        write_variant(tmp_path, label, {"mine": 32.0 + np.zeros((2, 3))})
    verdicts = {row["verdict"] for row in rows(tmp_path) if row["against"]}
    assert verdicts == {"no difference shown"}


def test_parameters_of_blocks_and_networks(tmp_path: Path) -> None:
    write_variant(tmp_path, "DW-RDN", {"Set5": [[32.0]]}, study="parameters")
    found = {(row["source"], row["quantity"]): row["value"] for row in rows(tmp_path)}
    assert found == {
        ("ours", "parameters"): "4638979",
        ("ours", "multi_adds"): "200000000000",
        ("ours", "block_parameters"): "205056",
        ("paper", "block_parameters"): "205056",
    }


def test_what_cannot_be_paired_is_said(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0, 31.0]]})
    write_run(tmp_path / "dw", fake_config("DW-RDN", 8), fake_results("DW-RDN", {"mine": [31.0, 32.0]}))
    assert [row["verdict"] for row in rows(tmp_path) if row["against"] == "RDN"] == ["no seed in common"] * 2
