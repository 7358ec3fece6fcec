"""Scores of variants: means over seeds, and paired differences from a reference."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from aldsr.analysis.statistics import Difference, MeanSd, mean_sd, paired_difference
from aldsr.analysis.study import Study
from aldsr.analysis.variants import Variant, find_reference, split_label

QUANTITIES = ("psnr", "ssim")  # in dB, and from 0 to 1


class VariantDifference(NamedTuple):
    """A variant's differences from the reference on a set, or why there are none."""

    variant: Variant
    reference: Variant
    set_name: str
    psnr: Difference | str
    ssim: Difference | str


class Comparison(NamedTuple):
    """A study's variants, and how they differ from one of them, or each from the plain one of its backbone."""

    study: Study
    variants: Sequence[Variant]
    differences: list[VariantDifference]
    fixed_images: bool = False  # whether intervals are over seeds alone


def compare_variants(
    study: Study, variants: Sequence[Variant], against: str | None = None, *, fixed_images: bool = False
) -> Comparison:
    """Compare the variants of a study, see `group_variants`, on every set that both of a pair were measured on.

    Each is compared with the named one; without a name with its backbone's baseline (see `find_reference`), and that
    with the first backbone's. `fixed_images`: see `score_difference`. Raises ResultsError if there is no such variant.
    """
    reference = find_reference(variants, against)
    pairs = [(each, reference if against else _find_baseline(each, variants, reference)) for each in variants]
    return Comparison(study, variants, compare_pairs(pairs, fixed_images=fixed_images), fixed_images)


def compare_pairs(
    pairs: Sequence[tuple[Variant, Variant]], *, fixed_images: bool = False, ssim: bool = True
) -> list[VariantDifference]:
    """Compare each first with its second, unless it is that itself, on every set that both were measured on.

    In PSNR and, unless it is left out, SSIM.
    """

    def score(variant: Variant, reference: Variant, name: str, what: str) -> Difference | str:
        if what == "ssim" and not ssim:
            return "left out"
        return score_difference(variant, reference, name, what, fixed_images=fixed_images)

    return [
        VariantDifference(each, other, name, *(score(each, other, name, what) for what in QUANTITIES))
        for name in set_sizes([other for _, other in pairs])
        for each, other in pairs
        if each is not other and all(name in set_sizes([one]) for one in (each, other))
    ]


def _find_baseline(variant: Variant, variants: Sequence[Variant], reference: Variant) -> Variant:
    own = [each for each in variants if split_label(each.label)[0] == split_label(variant.label)[0]]
    return reference if variant is (baseline := find_reference(own, None)) else baseline


def set_sizes(variants: Sequence[Variant]) -> dict[str, int]:
    """Every set that some run was measured on, in the order of first appearance, and its number of images."""
    runs = [run.results["sets"] for variant in variants for run in variant.runs.values()]
    return {name: each["number"] for run in runs for name, each in run.items()}


def bicubic_scores(variants: Sequence[Variant], set_name: str) -> Mapping[str, Any]:
    """Bicubic's scores on a set, which are the same in all runs."""
    runs = (run.results["bicubic"] for variant in variants for run in variant.runs.values())
    return next(run[set_name] for run in runs if set_name in run)


def mean_over_seeds(variant: Variant, set_name: str, quantity: str) -> MeanSd | None:
    """Mean and standard deviation over seeds of a score on a set; None if it was not measured."""
    sets = [run.results["sets"] for run in variant.runs.values()]
    values = [each[set_name][quantity] for each in sets if quantity in each.get(set_name, ())]
    return mean_sd(values) if values else None


def score_difference(
    variant: Variant, reference: Variant, set_name: str, quantity: str, *, fixed_images: bool = False
) -> Difference | str:
    """One of `QUANTITIES` of a variant on a set minus the reference's, see `paired_difference`.

    The pairs are of the same seed and image, without images that equal HR, whose PSNR is infinite. Without a pair, why.
    `fixed_images`: the set's images are all there are, no sample, so the interval is over seeds alone.
    """
    ours, theirs = _images_by_seed(variant, set_name), _images_by_seed(reference, set_name)
    seeds = [seed for seed in ours if seed in theirs]
    runs = [images[seed] for images in (ours, theirs) for seed in seeds]
    shared = [image for image in runs[0] if all(image in run for run in runs)] if runs else []
    images = [image for image in shared if all(isfinite(run[image][quantity]) for run in runs)]
    if not images:
        return "every image equals HR" if shared else f"no {'image' if seeds else 'seed'} in common"
    values = np.array([[run[image][quantity] for image in images] for run in runs])
    values = values.mean(1, keepdims=True) if fixed_images else values
    return paired_difference(values[: len(seeds)], values[len(seeds) :])._replace(images=len(images))


def _images_by_seed(variant: Variant, set_name: str) -> dict[int, Mapping[str, Any]]:
    sets = {seed: run.results["sets"].get(set_name) for seed, run in variant.runs.items()}
    return {seed: each["images"] for seed, each in sets.items() if each}
