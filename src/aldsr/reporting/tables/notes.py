"""The notes below a study's tables: how the numbers were measured, what they cover, and what was left out."""

from collections.abc import Iterator, Sequence
from typing import Any

from aldsr.analysis.budgets import find_budget_difference
from aldsr.analysis.scores import Comparison
from aldsr.analysis.statistics import RESAMPLES
from aldsr.analysis.study import TrainingRun, shorten
from aldsr.reporting.tables.cells import pluralise
from aldsr.reporting.tables.paper import CONDITIONS, PARAMETERS, SOURCE, TABLES, find_table
from aldsr.reporting.tables.results import protocol_line

Note = tuple[str, str]  # a word, and a sentence

# What an interval does not cover, by whether it is of one seed and of one image.
COVERS = "an interval covers the choice of"
UNCOVERED = {
    (True, True): "one image and one seed say nothing of how far a difference can be trusted",
    (True, False): f"with one seed {COVERS} images only: another training may turn out otherwise",
    (False, True): f"with one image {COVERS} seeds only: another image may turn out otherwise",
}


def study_notes(comparison: Comparison) -> list[Note]:
    """Every note that a study's tables need."""
    runs, notes = comparison.study.runs, []
    if comparison.study.name != PARAMETERS:
        notes = [("protocol", protocol_line(runs[0].results)), *_intervals(comparison), *_paper(comparison)]
    notes += [*_left_out(comparison), *_conditions(runs)]
    if unequal := find_budget_difference(runs):
        notes.append(("warning", f"{unequal}, among possibly more"))
    return notes


def _intervals(comparison: Comparison) -> Iterator[Note]:
    intervals = [each for pair in comparison.differences for each in (pair.psnr, pair.ssim) if each]
    if not intervals:
        return
    yield (
        "intervals",
        "95 %, of differences paired by seed and image: the wider of a bootstrap over seeds and images "
        f"({RESAMPLES:,} resamples) and Student's t, rounded outwards; {len(intervals)} intervals, each by itself, not "
        "corrected for their number",
    )
    for single in dict.fromkeys((each.seeds == 1, each.images == 1) for each in intervals):
        if single in UNCOVERED:
            yield "intervals", UNCOVERED[single]


def _paper(comparison: Comparison) -> Iterator[Note]:
    study = comparison.study.name
    if table := find_table(study, comparison.variants):
        yield "paper", f"{SOURCE}, {table.number}, as published: {CONDITIONS}; not measured by us, no seeds stated"
    elif study in TABLES:
        yield (
            "paper",
            f"{SOURCE}, {TABLES[study].number} is not shown: it is of x4, on Y, and of Set5, Set14, B100, "
            "Urban100 and DIV2K validation as a whole; nothing here is",
        )


def _left_out(comparison: Comparison) -> Iterator[Note]:
    if unfinished := comparison.study.unfinished:
        verb = "is" if len(unfinished) == 1 else "are"
        yield "left out", f"{pluralise(len(unfinished), 'run')} {verb} unfinished: {shorten(unfinished)}"
    if repeated := [run.folder.name for variant in comparison.variants for run in variant.repeated]:
        number = pluralise(len(repeated), "run")
        yield "left out", f"{number} with network and seed of another run: {shorten(repeated)}"


def _conditions(runs: Sequence[TrainingRun]) -> Iterator[Note]:
    """What belongs to the machine or the code and was not the same in all runs."""
    conditions: dict[str, list[Any]] = {
        "precision": [run.config["trainer"].get("precision") for run in runs],
        "processes": [run.results.get("training", {}).get("ranks") for run in runs],
        "code version": [run.config.get("version") for run in runs],
    }
    for condition, values in conditions.items():
        distinct = [str(value) for value in dict.fromkeys(values) if value is not None]
        if len(distinct) > 1:
            yield "runs", f"not all were trained with the same {condition}: {shorten(distinct)}"
