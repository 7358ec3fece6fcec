"""A study in the layout of the paper's tables: rows are data sets, columns are networks; and their differences.

The notes below say how the numbers were measured, what they cover, and what was left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from aldsr.analysis.budgets import find_budget_difference, recipe_parts
from aldsr.analysis.scores import QUANTITIES, Comparison, VariantDifference, bicubic_scores, set_sizes
from aldsr.analysis.statistics import RESAMPLES
from aldsr.analysis.study import TrainingRun
from aldsr.analysis.variants import Variant
from aldsr.core.errors import list_names
from aldsr.imaging.perceptual import TITLES
from aldsr.reporting.tables import paper
from aldsr.reporting.tables.cells import cost_cells, difference_cell, full_cost_cells, pluralise, score_cell, seeds_cell
from aldsr.reporting.tables.results import find_unlike, measures_of, protocol_line, quantities
from aldsr.reporting.tables.sheet import NOTHING, Cell, Column, Sheet

Note = tuple[str, str]  # a word, and a sentence

# What an interval does not cover, by whether it is of one seed and of one image.
COVERS = "an interval covers the choice of"
UNCOVERED = {
    (True, True): "one image and one seed say nothing of how far a difference can be trusted",
    (True, False): f"with one seed {COVERS} images only: another training may turn out otherwise",
    (False, True): f"with one image {COVERS} seeds only: another image may turn out otherwise",
}


def study_sheets(comparison: Comparison) -> list[Sheet]:
    """The tables of a study: scores, and differences."""
    study, variants = comparison.study.name, comparison.variants
    sheets = [scores_sheet(study, variants, paper.find_table(study, variants))]
    if comparison.differences:
        sheets.append(differences_sheet(comparison))
    return sheets


def scores_sheet(study: str, variants: Sequence[Variant], published: paper.PaperTable | None = None) -> Sheet:
    """Mean ± standard deviation over seeds per set and variant, with seeds and costs; bicubic first, the paper last."""
    results, sets = variants[0].first.results, set_sizes(variants)
    rows: dict[str, tuple[str, Sequence[str]]] = {name: (name, QUANTITIES) for name in sets}
    for name, measure in product(sets, measures_of(*(run.results for each in variants for run in each.runs.values()))):
        rows[f"{name}, {TITLES[measure]}"] = (name, (measure,))
    bicubic = [score_cell(bicubic_scores(variants, name), keys) for name, keys in rows.values()]
    full = full_cost_cells([run.results for run in variant.runs.values()] for variant in variants)
    heads = ["seeds", "parameters", "multi-adds (G)", *full]
    columns = [Column("bicubic", [NOTHING, ("0",), *[NOTHING] * (len(heads) - 2), *bicubic])]
    for place, variant in enumerate(variants):
        costs = (*cost_cells(variant.first.results["network"]), *(cells[place] for cells in full.values()))
        scores = [seeds_cell(variant, name, keys) for name, keys in rows.values()]
        columns.append(Column(variant.name, [(str(len(variant.runs)),), *costs, *scores]))
    for head, scores_of in published.columns.items() if published else ():
        names = [paper.match_sets(variants).get(name, "") for name in rows]
        scores = [scores_of.get(name, NOTHING) for name in names]
        columns.append(Column(head, [*[NOTHING] * len(heads), *scores], paper=True))
    repeats = "mean ± sd over seeds" if any(len(variant.runs) > 1 for variant in variants) else "one seed each"
    title = f"{study}: {quantities(results)}, x{results['protocol']['scale']}, {repeats}"
    paper_title = f"Published, not measured by us: {paper.SOURCE}, {published.number}" if published else ""
    return Sheet(title, "data set", [*heads, *rows], columns, paper_title)


def differences_sheet(comparison: Comparison) -> Sheet:
    """Each variant less the reference, per set, with 95 % intervals, and in words where they hold 0."""
    differences = comparison.differences
    names = list(dict.fromkeys(each.reference.name for each in differences))
    sets = [each.set_name for each in differences]
    rows = [name if name not in sets[max(0, n - 1) : n] else "" for n, name in enumerate(sets)]
    columns = [
        Column("variant", [_variant_cell(each, against=len(names) > 1) for each in differences], left=True),
        Column("PSNR (dB)", [difference_cell(each.psnr, "psnr") for each in differences]),
        Column("SSIM", [difference_cell(each.ssim, "ssim") for each in differences]),
    ]
    title = f"Differences from {names[0] if len(names) == 1 else 'what is named below each'}, 95 % intervals"
    return Sheet(title, "data set", rows, columns, glue=", ")


def _variant_cell(difference: VariantDifference, *, against: bool) -> Cell:
    """The label, an option a line, what it is compared with if that is asked for, and the size of what was paired."""
    variant, psnr = difference.variant, difference.psnr
    options = re.split(r" (?=\w+=)", variant.name.removeprefix(variant.label).strip())
    size = f"{pluralise(psnr.images, 'image')} × {pluralise(psnr.seeds, 'seed')}" if not isinstance(psnr, str) else ""
    reference = f"less {difference.reference.name}" if against else ""
    return tuple(line for line in (variant.label, *options, reference, size) if line)


def study_notes(comparison: Comparison) -> list[Note]:
    """Every note that a study's tables need."""
    runs = comparison.study.runs
    notes = [("protocol", protocol_line(*(run.results for run in runs))), *recipe_note([run.config for run in runs])]
    notes += [*_intervals(comparison), *_paper(comparison), *_left_out(comparison), *_conditions(runs)]
    if unequal := find_budget_difference(runs):
        notes.append(("warning", f"{unequal}, among possibly more"))
    return notes


def recipe_note(configs: Sequence[Mapping[str, Any]]) -> list[Note]:
    """What all runs were trained with; in what they differ stands in the names of variants."""
    first, *others = map(recipe_parts, configs)
    common = [text for part, text in first.items() if all(each.get(part) == text for each in others)]
    return [("recipe", "; ".join(common))] if common else []


def _intervals(comparison: Comparison) -> Iterator[Note]:
    intervals = [each for pair in comparison.differences for each in pair[3:] if not isinstance(each, str)]
    if intervals:
        over = "seeds alone, the images of a set taken as fixed" if comparison.fixed_images else "seeds and images"
        yield (
            "intervals",
            f"95 %, of differences paired by seed and image: the wider of a bootstrap over {over} "
            f"({RESAMPLES:,} resamples) and Student's t, rounded outwards; {len(intervals)} intervals, each by itself, "
            "not corrected for their number",
        )
    if comparison.fixed_images:
        return
    for single in dict.fromkeys((each.seeds == 1, each.images == 1) for each in intervals):
        if single in UNCOVERED:
            yield "intervals", UNCOVERED[single]


def _paper(comparison: Comparison) -> Iterator[Note]:
    study = comparison.study.name
    if table := paper.TABLES.get(study):
        source = f"{paper.SOURCE}, {table.number}"
        if paper.find_table(study, comparison.variants):
            yield "paper", f"{source}, as published: {paper.CONDITIONS}; not measured by us, no seeds stated"
        else:
            sets = "Set5, Set14, B100, Urban100 and DIV2K validation as a whole; nothing here is"
            yield "paper", f"{source} is not shown: it is of x4, on Y, and of {sets}"


def _left_out(comparison: Comparison) -> Iterator[Note]:
    if unfinished := comparison.study.unfinished:
        verb = "is" if len(unfinished) == 1 else "are"
        yield "left out", f"{pluralise(len(unfinished), 'run')} {verb} unfinished: {list_names(unfinished)}"
    if repeated := [run.folder.name for variant in comparison.variants for run in variant.repeated]:
        number = pluralise(len(repeated), "run")
        yield "left out", f"{number} with network and seed of another run: {list_names(repeated)}"


def _conditions(runs: Sequence[TrainingRun]) -> Iterator[Note]:
    """What belongs to the machine or the code and was not the same in all runs."""
    conditions: dict[str, list[Any]] = {
        "precision": [run.config["trainer"].get("precision") for run in runs],
        "processes": [run.results.get("training", {}).get("ranks") for run in runs],
        "code version": [run.config.get("version") for run in runs],
    }
    if unlike := find_unlike(*(run.results for run in runs)):
        yield "warning", unlike
    for condition, values in conditions.items():
        distinct = [str(value) for value in dict.fromkeys(values) if value is not None]
        if len(distinct) > 1:
            yield "runs", f"not all were trained with the same {condition}: {', '.join(distinct)}"
