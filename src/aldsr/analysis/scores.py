"""Figures of variants: means over seeds, and paired differences from a reference."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aldsr.analysis.statistics import Difference, MeanSd, mean_sd, paired_difference
from aldsr.analysis.variants import Variant

QUANTITIES = ("psnr", "ssim")


class VariantDifference(NamedTuple):
    """A variant's differences from the reference on a set, per quantity; None without a seed that both have."""

    variant: Variant
    set_name: str
    psnr: Difference | None
    ssim: Difference | None


def set_names(found: Sequence[Variant]) -> list[str]:
    """Every set that some run was measured on, in the order of first appearance."""
    runs = [run for each in found for run in each.runs.values()]
    return list(dict.fromkeys(name for run in runs for name in run.results["sets"]))


def mean_over_seeds(variant: Variant, set_name: str, quantity: str) -> MeanSd | None:
    """Mean and standard deviation over a variant's seeds of a set's score; None if it was not measured.

    Args:
        variant: whose runs.
        set_name: of a set.
        quantity: "psnr" (dB) or "ssim".
    """
    sets = [run.results["sets"] for run in variant.runs.values()]
    values = [each[set_name][quantity] for each in sets if set_name in each]
    return mean_sd(values) if values else None


def compare_variants(found: Sequence[Variant], reference: Variant) -> list[VariantDifference]:
    """Every other variant against the reference, set by set, where both were measured."""
    return [
        VariantDifference(each, name, *(score_difference(each, reference, name, quantity) for quantity in QUANTITIES))
        for name in set_names([reference])
        for each in found
        if each is not reference and name in set_names([each])
    ]


def score_difference(variant: Variant, reference: Variant, set_name: str, quantity: str) -> Difference | None:
    """The variant's score on a set less the reference's, in pairs of the same seed and the same image.

    Args:
        variant, reference: runs that `check_comparable` has let pass.
        set_name: of a set.
        quantity: "psnr" (dB) or "ssim".

    Returns:
        See `paired_difference`; None without a seed and an image that both have.
    """
    seeds = [
        seed
        for seed, run in variant.runs.items()
        if seed in reference.runs and all(set_name in each.results["sets"] for each in (run, reference.runs[seed]))
    ]
    if not seeds:
        return None
    ours, theirs = (
        [each.runs[seed].results["sets"][set_name]["images"] for seed in seeds] for each in (variant, reference)
    )
    images = [image for image in ours[0] if all(image in run for run in [*ours, *theirs])]
    if not images:
        return None
    tables = [np.array([[run[image][quantity] for image in images] for run in runs]) for runs in (ours, theirs)]
    return paired_difference(*tables)
