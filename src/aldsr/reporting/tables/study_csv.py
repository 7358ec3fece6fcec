"""A study as CSV: a row per number, ours unrounded; `source` says whose it is."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from aldsr.analysis.scores import QUANTITIES, Comparison, bicubic_scores, mean_over_seeds, set_names
from aldsr.analysis.variants import Variant
from aldsr.evaluation.cost import block_parameters
from aldsr.reporting.tables.cells import NO_DIFFERENCE, NO_SEED, round_difference
from aldsr.reporting.tables.paper import PARAMETERS, SOURCE, TABLE_IV, find_table, match_sets

FIELDS = [
    "source",  # ours or paper
    "reference",  # of a number of the paper: the table
    "variant",
    "set",
    "quantity",  # psnr (dB), ssim, parameters, multi_adds, block_parameters
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
OURS: Row = {"source": "ours"}


def study_csv(comparison: Comparison) -> str:
    """The numbers of `study_sheets`."""
    study, variants = comparison.study.name, comparison.variants
    rows = list(_costs(study, variants))
    if study != PARAMETERS:
        rows += [*_scores(variants), *_differences(comparison), *_published(study, variants)]
    text = io.StringIO()
    table = csv.DictWriter(text, FIELDS, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _costs(study: str, variants: Sequence[Variant]) -> Iterator[Row]:
    for variant in variants:
        network, row = variant.first.results["network"], {**OURS, "variant": variant.name}
        for quantity in ("parameters", "multi_adds"):
            yield {**row, "quantity": quantity, "value": network.get(quantity)}
        if study == PARAMETERS:
            row["quantity"] = "block_parameters"
            yield {**row, "value": block_parameters(variant.first.config["model"])}
            if published := TABLE_IV.get(network["label"]):
                yield {**row, "source": "paper", "reference": f"{SOURCE}, Table IV", "value": published}


def _scores(variants: Sequence[Variant]) -> Iterator[Row]:
    for name in set_names(variants):
        bicubic = bicubic_scores(variants, name)
        for quantity in QUANTITIES:
            row = {**OURS, "set": name, "images": bicubic["number"], "quantity": quantity}
            yield {**row, "variant": "bicubic", "value": bicubic[quantity]}
            for variant in variants:
                if score := mean_over_seeds(variant, name, quantity):
                    numbers = {"seeds": score.number, "value": score.mean, "sd": score.sd}
                    yield {**row, "variant": variant.name, **numbers}


def _differences(comparison: Comparison) -> Iterator[Row]:
    for each in comparison.differences:
        for quantity in QUANTITIES:
            row = {**OURS, "variant": each.variant.name, "set": each.set_name, "quantity": quantity}
            row["against"] = comparison.reference.name
            difference = getattr(each, quantity)
            if difference is None:
                yield {**row, "verdict": NO_SEED}
                continue
            significant = round_difference(difference, quantity).significant
            numbers = {"difference": difference.mean, "low": difference.low, "high": difference.high}
            row |= {"seeds": difference.seeds, "images": difference.images, **numbers}
            yield {**row, "verdict": "difference shown" if significant else NO_DIFFERENCE}


def _published(study: str, variants: Sequence[Variant]) -> Iterator[Row]:
    if not (table := find_table(study, variants)):
        return
    row = {"source": "paper", "reference": f"{SOURCE}, {table.number}"}
    for name, published in match_sets(variants).items():
        for variant, score in zip(table.columns, table.scores.get(published or "", []), strict=False):
            for quantity in QUANTITIES if score else ():
                yield {**row, "variant": variant, "set": name, "quantity": quantity, "value": getattr(score, quantity)}
