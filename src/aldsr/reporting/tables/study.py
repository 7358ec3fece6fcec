"""A study in the layout of the paper's tables: rows are data sets, columns are networks; and their differences."""

import re
from collections.abc import Sequence

from aldsr.analysis.scores import Comparison, VariantDifference, bicubic_scores, set_names
from aldsr.analysis.variants import Variant
from aldsr.reporting.tables.cells import cost_cells, difference_cell, pluralise, score_cell, seeds_cell
from aldsr.reporting.tables.paper import (
    BLOCKS_TITLE,
    PARAMETERS,
    SOURCE,
    PaperTable,
    block_columns,
    find_table,
    match_sets,
)
from aldsr.reporting.tables.results import quantities
from aldsr.reporting.tables.sheet import NOTHING, Cell, Column, Sheet


def study_sheets(comparison: Comparison) -> list[Sheet]:
    """The tables of a study: the paper's Table IV for `parameters`, for every other scores and differences."""
    study, variants = comparison.study.name, comparison.variants
    if study == PARAMETERS:
        return [parameters_sheet(variants)]
    sheets = [scores_sheet(study, variants, find_table(study, variants))]
    if comparison.differences:
        sheets.append(differences_sheet(comparison))
    return sheets


def scores_sheet(study: str, variants: Sequence[Variant], paper: PaperTable | None = None) -> Sheet:
    """Mean ± standard deviation over seeds per set and variant, with seeds and costs; bicubic first, the paper last."""
    results, sets = variants[0].first.results, set_names(variants)
    bicubic = [score_cell(bicubic_scores(variants, name)) for name in sets]
    columns = [Column("bicubic", [NOTHING, ("0",), NOTHING, *bicubic])]
    for variant in variants:
        costs = cost_cells(variant.first.results["network"])
        scores = [seeds_cell(variant, name) for name in sets]
        columns.append(Column(variant.name, [(str(len(variant.runs)),), *costs, *scores]))
    for head, published in paper.columns.items() if paper else ():
        names = [match_sets(variants).get(name, "") for name in sets]
        columns.append(Column(head, [*[NOTHING] * 3, *(published.get(name, NOTHING) for name in names)], paper=True))
    repeats = "mean ± sd over seeds" if any(len(variant.runs) > 1 for variant in variants) else "one seed each"
    title = f"{study}: {quantities(results)}, x{results['protocol']['scale']}, {repeats}"
    paper_title = f"Published, not measured by us: {SOURCE}, {paper.number}" if paper else ""
    return Sheet(title, "data set", ["seeds", "parameters", "multi-adds (G)", *sets], columns, paper_title)


def differences_sheet(comparison: Comparison) -> Sheet:
    """Each variant less the reference, per set, with 95 % intervals, and in words where they hold 0."""
    differences = comparison.differences
    sets = [each.set_name for each in differences]
    rows = [name if name not in sets[max(0, n - 1) : n] else "" for n, name in enumerate(sets)]
    columns = [
        Column("variant", [_variant_cell(each) for each in differences], left=True),
        Column("PSNR (dB)", [difference_cell(each.psnr, "psnr") for each in differences]),
        Column("SSIM", [difference_cell(each.ssim, "ssim") for each in differences]),
    ]
    return Sheet(f"Differences from {comparison.reference.name}, 95 % intervals", "data set", rows, columns, glue=", ")


def _variant_cell(difference: VariantDifference) -> Cell:
    """The label, an option a line, and the size of what was paired."""
    variant, psnr = difference.variant, difference.psnr
    options = re.split(r" (?=\w+=)", variant.name.removeprefix(variant.label).strip())
    size = f"{pluralise(psnr.images, 'image')} × {pluralise(psnr.seeds, 'seed')}" if psnr else ""
    return tuple(line for line in (variant.label, *options, size) if line)


def parameters_sheet(variants: Sequence[Variant]) -> Sheet:
    """Table IV: parameters of one building block, then of the study's whole networks, with multi-adds."""
    networks = [variant.first.results["network"] for variant in variants]
    labels, models = [network["label"] for network in networks], [each.first.config["model"] for each in variants]
    parameters, multi_adds = zip(*map(cost_cells, networks), strict=True)
    scale = variants[0].first.results["protocol"]["scale"]
    return Sheet(
        f"parameters: one RDB (C 8, G 64, G0 64, weights without biases); this study's networks, x{scale}",
        "network",
        [variant.name for variant in variants],
        [*block_columns(labels, models), Column("whole network", parameters), Column("multi-adds (G)", multi_adds)],
        BLOCKS_TITLE,
    )
