"""A study as CSV: one row per figure, unrounded where it is ours; `source` says whose it is."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from aldsr.analysis.scores import QUANTITIES, VariantDifference, mean_over_seeds, set_names
from aldsr.analysis.study import Study
from aldsr.analysis.variants import Variant
from aldsr.evaluation.cost import block_parameters
from aldsr.reporting.tables.paper import PARAMETERS, SOURCE, TABLE_IV
from aldsr.reporting.tables.study import DECIMALS, NOT_SHOWN, paper_table, published_sets

FIELDS = [
    "source",  # ours or paper
    "reference",  # of a figure of the paper: which table
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


def study_csv(
    study: Study, found: Sequence[Variant], reference: Variant, differences: Sequence[VariantDifference]
) -> str:
    """The figures of a study's tables.

    Args:
        study: its name chooses what is in it, as in `study_sheets`.
        found: its variants.
        reference: one of them.
        differences: of the others from it.
    """
    rows = [*_costs(study, found)]
    if study.name != PARAMETERS:
        rows += [*_scores(found), *_differences(differences, reference), *_published(study, found)]
    text = io.StringIO()
    table = csv.DictWriter(text, FIELDS, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _costs(study: Study, found: Sequence[Variant]) -> Iterator[Row]:
    for each in found:
        network = each.first.results["network"]
        head = {"source": "ours", "variant": each.name}
        for quantity in ("parameters", "multi_adds"):
            yield {**head, "quantity": quantity, "value": network.get(quantity)}
        if study.name == PARAMETERS:
            yield {**head, "quantity": "block_parameters", "value": block_parameters(each.first.config["model"])}
            if published := TABLE_IV.get(network["label"]):
                theirs = {"source": "paper", "reference": f"{SOURCE}, Table IV"}
                yield {**head, **theirs, "quantity": "block_parameters", "value": published}


def _scores(found: Sequence[Variant]) -> Iterator[Row]:
    for name in set_names(found):
        runs = [run.results for each in found for run in each.runs.values() if name in run.results["sets"]]
        place = {"source": "ours", "set": name, "images": runs[0]["sets"][name]["number"]}
        for quantity in QUANTITIES:
            value = runs[0]["bicubic"][name][quantity]
            yield {**place, "variant": "bicubic", "quantity": quantity, "value": value}
            for each in found:
                if score := mean_over_seeds(each, name, quantity):
                    figures = {"seeds": score.number, "value": score.mean, "sd": score.sd}
                    yield {**place, "variant": each.name, "quantity": quantity, **figures}


def _differences(differences: Sequence[VariantDifference], reference: Variant) -> Iterator[Row]:
    for each in differences:
        for quantity, found in (("psnr", each.psnr), ("ssim", each.ssim)):
            head = {"source": "ours", "variant": each.variant.name, "set": each.set_name, "quantity": quantity}
            if found is None:
                yield {**head, "against": reference.name, "verdict": "no seed in common"}
                continue
            shown = found.round_outwards(DECIMALS[quantity][1]).significant
            figures = {"difference": found.mean, "low": found.low, "high": found.high}
            sizes = {"seeds": found.seeds, "images": found.images, "against": reference.name}
            yield {**head, **sizes, **figures, "verdict": "difference shown" if shown else NOT_SHOWN}


def _published(study: Study, found: Sequence[Variant]) -> Iterator[Row]:
    if not (table := paper_table(study.name, found)):
        return
    head = {"source": "paper", "reference": f"{SOURCE}, {table.number}"}
    for name, published in published_sets(found).items():
        for variant, score in zip(table.columns, table.scores.get(published or "", []), strict=False):
            for quantity in QUANTITIES if score else ():
                yield {**head, "variant": variant, "set": name, "quantity": quantity, "value": getattr(score, quantity)}
