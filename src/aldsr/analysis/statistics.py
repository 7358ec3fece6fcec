"""Statistics of repeated runs: mean and spread over seeds, and whether two networks differ.

A network's scores on a set are a table of seeds × images, both of which are samples: of possible trainings, and of
images that the set could have had. Every seed meets every image (the two are crossed, not nested), so rows and
columns are resampled independently: McCullagh, "Resampling and exchangeable arrays", Bernoulli 6 (2000), and Owen,
"The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007), who shows that it errs towards wide intervals.

A percentile interval of few values is too narrow (of three values, a nominal 95 % interval covers the truth at most
three quarters of the time; Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69
(2015)). Therefore each end is that of the wider of two intervals: the percentile bootstrap, which follows skewed
values, and Student's t, which accounts for their number.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

ScoreTable = NDArray[np.float64]  # [seeds, images]
LEVEL = 0.95
RESAMPLES = 10_000


class MeanSd(NamedTuple):
    """Mean of `number` values and their standard deviation (n - 1), None of a single value."""

    mean: float
    sd: float | None
    number: int


class Difference(NamedTuple):
    """Mean of paired differences with its 95 % confidence interval, over `seeds` × `images`.

    With one image and one seed there is no interval: low is -inf and high is inf.
    """

    mean: float
    low: float
    high: float
    seeds: int
    images: int

    @property
    def significant(self) -> bool:
        """Whether 0 lies outside the interval; an end at 0 counts as inside."""
        return self.low > 0 or self.high < 0

    def round_outwards(self, decimals: int) -> "Difference":
        """Round for printing, the interval outwards, so that rounding never makes a difference significant."""
        unit = 10.0**decimals
        # The tolerance keeps 0.3, which has no exact binary form, from becoming 0.299.
        low = math.floor(self.low * unit + 1e-6) / unit if math.isfinite(self.low) else self.low
        high = math.ceil(self.high * unit - 1e-6) / unit if math.isfinite(self.high) else self.high
        # Adding 0 turns -0 into 0.
        return self._replace(mean=round(self.mean, decimals) + 0.0, low=low + 0.0, high=high + 0.0)


def mean_sd(values: Sequence[float]) -> MeanSd:
    """Mean and standard deviation of at least one value; no deviation from an infinite one."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 and np.isfinite(values).all() else None
    return MeanSd(float(np.mean(values)), sd, len(values))


def paired_difference(ours: ScoreTable, reference: ScoreTable, *, resamples: int = RESAMPLES) -> Difference:
    """Mean of ours - reference with a 95 % confidence interval; the same tables give the same interval.

    Both are `[seeds, images]` and paired: the same seed in a row and the same image in a column.
    """
    table = np.asarray(ours, dtype=np.float64) - np.asarray(reference, dtype=np.float64)
    mean, (seeds, images) = float(table.mean()), table.shape
    if table.size == 1:
        return Difference(mean, -math.inf, math.inf, seeds, images)
    low, high = percentile_interval(table, resamples=resamples)
    margin = t_margin(table)
    return Difference(mean, min(low, mean - margin), max(high, mean + margin), seeds, images)


def percentile_interval(table: ScoreTable, *, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of `[seeds, images]`, which are resampled independently."""
    rows, columns = draw_resamples(table.shape, resamples)
    means = ((rows @ table) * columns).sum(1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


@lru_cache(maxsize=8)
def draw_resamples(shape: tuple[int, int], resamples: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How often each seed and each image is drawn, as parts of 1: the same for all tables of a shape."""
    random = np.random.default_rng(0)
    rows, columns = (random.multinomial(n, np.full(n, 1 / n), size=resamples) / n for n in shape)
    return rows, columns


def t_margin(table: ScoreTable) -> float:
    """Half the width of Student's interval of a mean: those over seeds and over images, added in quadrature.

    Intervals of two sources are combined as in Zou and Donner, "Construction of confidence limits about effect
    measures", Statistics in Medicine 27 (2008). The interaction of seed and image counts in both, which errs towards
    wide intervals. In simulated studies of 2 to 5 seeds and 5 to 100 images the coverage was 95 % or more; with
    Satterthwaite's degrees of freedom, which 2 seeds cannot estimate, it fell to 88 %. With one seed this is the
    paired t-test over images, with one image that over seeds. The table is `[seeds, images]`, more than one value.
    """
    # A single seed, or image, has no variance: the note below a table says what its intervals cover.
    sides = [means for means in (table.mean(1), table.mean(0)) if len(means) > 1]
    return math.hypot(
        *(special.stdtrit(len(means) - 1, (1 + LEVEL) / 2) * means.std(ddof=1) / len(means) ** 0.5 for means in sides)
    )
