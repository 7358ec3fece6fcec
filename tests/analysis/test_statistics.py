"""Means, sds and intervals, against closed forms, scipy, and simulated studies whose truth is known."""

import math

import numpy as np
import pytest
from scipy import stats

from aldsr.analysis.statistics import mean_sd, paired_difference, percentile_interval, t_margin


def test_mean_and_standard_deviation_over_seeds() -> None:
    assert mean_sd([30.0, 31.0, 33.0]) == pytest.approx((31.3333333, math.sqrt(7 / 3), 3))
    assert mean_sd([30.0]) == (30.0, None, 1)


def test_with_one_seed_the_margin_is_that_of_the_paired_t_test() -> None:
    ours, reference = np.random.default_rng(0).normal(30, 2, (2, 1, 9))
    expected = stats.ttest_rel(ours[0], reference[0]).confidence_interval(0.95)
    mean, margin = (ours - reference).mean(), t_margin(ours - reference)
    assert (mean - margin, mean + margin) == pytest.approx((expected.low, expected.high))
    assert t_margin((ours - reference).T) == pytest.approx(margin)  # one image, nine seeds


def test_the_margin_of_both_sides_by_hand() -> None:
    table = np.array([[1.0, 3.0, 5.0], [2.0, 6.0, 7.0]])  # means of seeds 3 and 5, of images 1.5, 4.5 and 6
    mean_over_seeds, over_images = 12.7062 * math.sqrt(2 / 2), 4.30265 * math.sqrt(5.25 / 3)
    assert t_margin(table) == pytest.approx(math.sqrt(mean_over_seeds**2 + over_images**2), rel=1e-5)


def test_the_percentile_interval_along_one_side_is_scipys() -> None:
    values = np.random.default_rng(3).gamma(2.0, 0.1, 14)
    random = np.random.default_rng(1)
    expected = stats.bootstrap((values,), np.mean, n_resamples=40_000, method="percentile", rng=random)
    for table in (values[:, None], values[None]):
        interval = percentile_interval(table, resamples=40_000)
        assert interval == pytest.approx(tuple(expected.confidence_interval), abs=0.003)


def test_the_bootstrap_varies_as_rows_and_columns_drawn_by_hand() -> None:
    table = np.random.default_rng(5).normal(0, 1, (3, 4)).round(1)
    random = np.random.default_rng(6)
    drawn = [table[np.ix_(random.integers(0, 3, 3), random.integers(0, 4, 4))].mean() for _ in range(20_000)]
    assert percentile_interval(table) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.1)


def test_the_interval_is_the_wider_one_at_each_end_and_always_the_same() -> None:
    skewed = np.random.default_rng(0).gamma(0.2, 1.0, (1, 60))
    found = paired_difference(skewed, np.zeros((1, 60)))
    low, high = percentile_interval(skewed)
    margin = t_margin(skewed)
    assert high > skewed.mean() + margin  # else the test says nothing
    assert low > skewed.mean() - margin
    assert (found.low, found.high) == (skewed.mean() - margin, high)
    assert found == paired_difference(skewed, np.zeros((1, 60)))


@pytest.mark.parametrize(("seeds", "images", "sds"), [(2, 5, (0.1, 0.1)), (3, 14, (0.1, 0.02)), (5, 30, (0.02, 0.1))])
def test_nineteen_of_twenty_intervals_hold_the_truth(seeds: int, images: int, sds: tuple[float, float]) -> None:
    random = np.random.default_rng(seeds * 1000 + images)
    zeros, held = np.zeros((seeds, images)), 0
    for _ in range(400):  # crossed studies: every seed and every image has an effect of its own
        by_seed, by_image = random.normal(0, sds[0], (seeds, 1)), random.normal(0, sds[1], (1, images))
        table = 0.3 + by_seed + by_image + random.normal(0, 0.1, (seeds, images))
        found = paired_difference(table, zeros, resamples=100)
        held += found.low <= 0.3 <= found.high
    assert held / 400 >= 0.925  # 95 % less what 400 studies leave open


def test_one_number_has_no_interval_and_equal_scores_no_difference() -> None:
    found = paired_difference(np.array([[31.0]]), np.array([[30.0]]))
    assert found == (1.0, -math.inf, math.inf, 1, 1)
    assert not found.significant
    assert paired_difference(np.ones((2, 3)), np.ones((2, 3))) == (0, 0, 0, 2, 3)
    assert not paired_difference(np.ones((2, 3)), np.ones((2, 3))).significant
