"""The lines under a study's tables: how the figures were taken, what they cover, and what was left out."""

from collections.abc import Iterable, Sequence
from typing import Any

from aldsr.analysis.budgets import unequal_budgets
from aldsr.analysis.scores import VariantDifference
from aldsr.analysis.statistics import RESAMPLES, Difference
from aldsr.analysis.study import Study, TrainingRun, shorten
from aldsr.analysis.variants import Variant
from aldsr.reporting.tables.paper import CONDITIONS, PARAMETERS, SOURCE, TABLES
from aldsr.reporting.tables.results import protocol_line
from aldsr.reporting.tables.study import counted, paper_table

Note = tuple[str, str]  # a word, and a sentence


def study_notes(study: Study, found: Sequence[Variant], differences: Sequence[VariantDifference]) -> list[Note]:
    """Every note that a study's tables need."""
    runs = study.runs
    notes = [] if study.name == PARAMETERS else [("protocol", protocol_line(runs[0].results))]
    if study.name != PARAMETERS:
        notes += [*_intervals(differences), *_paper(study, found)]
    notes += [*_left_out(study, found), *_conditions(runs)]
    unequal = unequal_budgets(runs)
    return [*notes, ("warning", f"{unequal}, among possibly more")] if unequal else notes


def _intervals(differences: Sequence[VariantDifference]) -> Iterable[Note]:
    found = [each for pair in differences for each in (pair.psnr, pair.ssim) if each]
    if not found:
        return
    yield (
        "intervals",
        "95 %, of differences paired by seed and image: the wider of a bootstrap over seeds and images "
        f"({RESAMPLES:,} resamples) and Student's t, rounded outwards; {len(found)} intervals, each by itself, not "
        "corrected for their number",
    )
    yield from (("intervals", words) for words in dict.fromkeys(map(_covered, found)) if words)


def _covered(found: Difference) -> str:
    """What an interval leaves out of one seed or one image."""
    if found.seeds == 1 and found.images == 1:
        return "one image and one seed say nothing of how far a difference can be trusted"
    if found.seeds == 1:
        return "with one seed an interval covers the choice of images only: another training may turn out otherwise"
    if found.images == 1:
        return "with one image an interval covers the choice of seeds only: another image may turn out otherwise"
    return ""


def _paper(study: Study, found: Sequence[Variant]) -> Iterable[Note]:
    if table := paper_table(study.name, found):
        yield "paper", f"{SOURCE}, {table.number}, as published: {CONDITIONS}; not measured by us, no seeds stated"
    elif study.name in TABLES:
        yield (
            "paper",
            f"{SOURCE}, {TABLES[study.name].number} is not shown: it is of x4, on Y, and of Set5, Set14, B100, "
            "Urban100 and DIV2K validation as a whole; nothing here is",
        )


def _left_out(study: Study, found: Sequence[Variant]) -> Iterable[Note]:
    if study.unfinished:
        verb = "is" if len(study.unfinished) == 1 else "are"
        yield "left out", f"{counted(len(study.unfinished), 'run')} {verb} unfinished: {shorten(study.unfinished)}"
    if repeated := [run.folder.name for each in found for run in each.repeated]:
        yield (
            "left out",
            f"{counted(len(repeated), 'run')} with network and seed of another run: {shorten(repeated)}",
        )


def _conditions(runs: Sequence[TrainingRun]) -> Iterable[Note]:
    """What describes the machine or the code, and was not the same in all runs."""
    for what, values in (
        ("precision", [run.config["trainer"].get("precision") for run in runs]),
        ("processes", [run.results.get("training", {}).get("ranks") for run in runs]),
        ("code version", [run.config.get("version") for run in runs]),
    ):
        if len(different := _distinct(values)) > 1:
            yield "runs", f"not all were trained with the same {what}: {shorten(different)}"


def _distinct(values: Iterable[Any]) -> list[str]:
    return [str(value) for value in dict.fromkeys(values) if value is not None]
