"""How numbers are rounded: never in favour of a claim."""

import math

import pytest

from aldsr.analysis.statistics import Difference, MeanSd
from aldsr.reporting.tables.cells import NO_DIFFERENCE, difference_cell, format_mean_sd


@pytest.mark.parametrize(
    ("sd", "printed"), [(0.0301, " ± 0.04"), (0.03, " ± 0.03"), (0.0001, " ± 0.01"), (0.0, " ± 0.00"), (None, "")]
)
def test_a_spread_is_rounded_up(sd: float | None, printed: str) -> None:
    assert format_mean_sd(MeanSd(32.468, sd, 3), 2) == f"32.47{printed}"


@pytest.mark.parametrize(
    ("low", "high", "cell"),
    [
        (0.0321, 0.2, ("[+0.032, +0.200]",)),
        (-0.3, -0.1, ("[-0.300, -0.100]",)),
        (-0.0321, 0.2011, ("[-0.033, +0.202]", NO_DIFFERENCE)),
        (0.0009, 0.2, ("[+0.000, +0.200]", NO_DIFFERENCE)),  # to three decimals it touches 0
        (-0.2, -0.0004, ("[-0.200, +0.000]", NO_DIFFERENCE)),  # no minus before a zero
        (-math.inf, math.inf, ("no interval", NO_DIFFERENCE)),
    ],
)
def test_intervals_are_rounded_outwards_and_decide_what_is_said(low: float, high: float, cell: tuple[str, ...]) -> None:
    assert difference_cell(Difference(-0.0001, low, high, 3, 5), "psnr") == ("+0.000", *cell)
