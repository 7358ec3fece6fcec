"""How numbers are rounded: never in favour of a claim."""

import math

import pytest

from aldsr.analysis.statistics import Difference, MeanSd
from aldsr.reporting.tables.cells import difference_cell, format_mean_sd


@pytest.mark.parametrize(
    ("sd", "printed"),
    [
        (0.0301, "32.47 ± 0.04"),
        (0.03, "32.47 ± 0.03"),
        (0.0001, "32.47 ± 0.01"),
        (0.0, "32.47 ± 0.00"),
        (None, "32.47"),
    ],
)
def test_a_spread_is_rounded_up(sd: float | None, printed: str) -> None:
    assert format_mean_sd(MeanSd(32.468, sd, 3), 2) == printed


@pytest.mark.parametrize(
    ("difference", "cell"),
    [
        (Difference(0.1234, 0.0321, 0.2, 3, 5), ("+0.123", "[+0.032, +0.200]")),
        (Difference(0.1234, -0.0321, 0.2, 3, 5), ("+0.123", "[-0.033, +0.200]", "no difference shown")),
        (Difference(0.1234, 0.0009, 0.2, 3, 5), ("+0.123", "[+0.000, +0.200]", "no difference shown")),
        (Difference(0.1234, -math.inf, math.inf, 1, 1), ("+0.123", "no interval", "no difference shown")),
        (None, ("no seed in common",)),
    ],
)
def test_a_difference_is_in_words_where_the_printed_interval_holds_zero(
    difference: Difference | None, cell: tuple[str, ...]
) -> None:
    assert difference_cell(difference, "psnr") == cell
