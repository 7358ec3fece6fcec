"""A study as CSV: a row per number, ours unrounded; `source` says whose it is."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from aldsr.analysis.scores import QUANTITIES, Comparison, bicubic_scores, mean_over_seeds, set_sizes
from aldsr.analysis.variants import Variant
from aldsr.reporting.tables.cells import NO_DIFFERENCE, difference_cell
from aldsr.reporting.tables.paper import SOURCE, find_table, match_sets
from aldsr.reporting.tables.results import measures_of

FIELDS = [
    "source",  # ours or paper
    "reference",  # of a number of the paper: the table
    "variant",
    "set",
    "quantity",  # psnr (dB), ssim, parameters, multi_adds
    "seeds",
    "images",
    "value",  # mean over seeds
    "sd",
    "against",  # of a difference: the variant that was subtracted
    "difference",
    "low",  # ends of the 95 % interval
    "high",
    "verdict",  # as printed in the tables
]
Row = dict[str, Any]


def study_csv(comparison: Comparison) -> str:
    """The numbers of `study_sheets`."""
    study, variants = comparison.study.name, comparison.variants
    rows = [*_costs(variants), *_scores(variants), *_differences(comparison), *_published(study, variants)]
    text = io.StringIO()
    table = csv.DictWriter(text, FIELDS, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _costs(variants: Sequence[Variant]) -> Iterator[Row]:
    for variant, quantity in product(variants, ("parameters", "multi_adds")):
        value = variant.first.results["network"].get(quantity)
        yield {"source": "ours", "variant": variant.name, "quantity": quantity, "value": value}


def _scores(variants: Sequence[Variant]) -> Iterator[Row]:
    for name in set_sizes(variants):
        bicubic = bicubic_scores(variants, name)
        for quantity in (*QUANTITIES, *measures_of(*(run.results for each in variants for run in each.runs.values()))):
            row = {"source": "ours", "set": name, "images": bicubic["number"], "quantity": quantity}
            yield {**row, "variant": "bicubic", "value": bicubic.get(quantity)}
            for variant in variants:
                if score := mean_over_seeds(variant, name, quantity):
                    numbers = {"seeds": score.number, "value": score.mean, "sd": score.sd}
                    yield {**row, "variant": variant.name, **numbers}


def _differences(comparison: Comparison) -> Iterator[Row]:
    for each, quantity in product(comparison.differences, QUANTITIES):
        difference = getattr(each, quantity)
        row = {"source": "ours", "variant": each.variant.name, "set": each.set_name, "quantity": quantity}
        paired = () if isinstance(difference, str) else difference
        numbers = dict(zip(("difference", "low", "high", "seeds", "images"), paired, strict=False))
        *_, last = difference_cell(difference, quantity)
        verdict = last if last == NO_DIFFERENCE or not paired else "difference shown"
        yield {**row, **numbers, "against": each.reference.name, "verdict": verdict}


def _published(study: str, variants: Sequence[Variant]) -> Iterator[Row]:
    if table := find_table(study, variants):
        row = {"source": "paper", "reference": f"{SOURCE}, {table.number}"}
        for (name, published), (variant, column) in product(match_sets(variants).items(), table.columns.items()):
            for quantity, value in zip(QUANTITIES, column[published], strict=False):
                if value != "-":
                    yield {**row, "variant": variant, "set": name, "quantity": quantity, "value": value}
