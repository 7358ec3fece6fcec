"""The notes below a study's tables."""

import json
from pathlib import Path

import pytest

from aldsr.reporting.tables.notes import study_notes
from tests.analysis.fake_runs import change_config, fake_config, read_comparison, write_run, write_variant

PAIR = [[30.0, 31.0], [32.0, 33.0]]


def notes(folder: Path) -> str:
    return "\n".join(f"{word}: {text}" for word, text in study_notes(read_comparison(folder)))


def test_protocol_intervals_and_their_number_are_stated(tmp_path: Path) -> None:
    for label in ("RDN", "DW-RDN", "LDW-RDN"):
        write_variant(tmp_path, label, {"Set5": PAIR})
    text = notes(tmp_path)
    assert text.startswith("protocol: Y of YCbCr")
    assert "4 intervals, each by itself, not corrected" in text
    for absent in ("with one seed", "with one image", "left out", "warning", "not all were"):
        assert absent not in text


@pytest.mark.parametrize(
    ("scores", "note"),
    [
        ([[30.0, 31.0]], "with one seed an interval covers the choice of images only"),
        ([[30.0], [31.0]], "with one image an interval covers the choice of seeds only"),
        ([[30.0]], "one image and one seed say nothing"),
    ],
)
def test_what_an_interval_does_not_cover_is_said(scores: list[list[float]], note: str, tmp_path: Path) -> None:
    for label in ("RDN", "DW-RDN"):
        write_variant(tmp_path, label, {"mine": scores})
    assert note in notes(tmp_path)


@pytest.mark.parametrize(
    ("study", "scores", "note"),
    [
        ("benchmarks", {"Set5": [[30.0] * 5]}, "paper: Hwang et al., ALDNet, Table I, as published"),
        ("benchmarks", {"mine": PAIR}, "paper: Hwang et al., ALDNet, Table I is not shown"),
        ("mine", {"Set5": PAIR}, ""),
    ],
)
def test_the_papers_conditions_are_said_or_why_it_is_not_there(
    study: str, scores: dict[str, list[list[float]]], note: str, tmp_path: Path
) -> None:
    write_variant(tmp_path, "RDN", scores, study=study)
    assert note in notes(tmp_path) if note else "paper" not in notes(tmp_path)


def test_what_was_left_out_is_named(tmp_path: Path) -> None:
    for descriptor in ("average", "zero"):
        write_variant(tmp_path, "RDN", {"Set5": PAIR[:1]}, descriptor=descriptor)
    write_run(tmp_path / "dw-seed1", fake_config("DW-RDN", 1), None)
    text = notes(tmp_path)
    assert "left out: 1 run is unfinished: dw-seed1" in text
    assert "left out: 1 run with network and seed of another run: rdn-zero-seed1" in text


def test_other_conditions_are_mentioned_and_unequal_budgets_are_a_warning(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": PAIR})
    run = tmp_path / "rdn-determinant-seed2"
    change_config(run, {"trainer.precision": "bf16-mixed", "version": "0.2.0", "data.batch_size": 4})
    results = json.loads((run / "results.json").read_text())
    results["training"]["ranks"] = 2
    (run / "results.json").write_text(json.dumps(results))
    text = notes(tmp_path)
    for different in ("precision: 32-true, bf16-mixed", "processes: 1, 2", "code version: 0.1.0, 0.2.0"):
        assert f"not all were trained with the same {different}" in text
    assert "had unequal budgets: data.batch_size is '16' in the one and '4' in the other" in text
