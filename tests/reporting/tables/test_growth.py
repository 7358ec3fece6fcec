"""How steps grow: series, the fitted exponent, the table."""

import numpy as np
import pytest

from aldsr.reporting.tables.growth import Series, growth_table, series_of
from tests.reporting.recorded import growth, printed


def test_every_series_holds_the_others_at_their_largest() -> None:
    found = {(series.network, series.key): series for series in series_of(growth()["growth"])}
    assert len(found) == 6
    assert found["RDN", "batch"].amounts == [1, 2, 4, 8]
    assert found["RDN", "patch_size"].amounts == [16, 64, 144, 256]
    assert found["ALD-RDN", "D"].medians == [0.125, 0.25, 0.5, 1.0]


@pytest.mark.parametrize("power", [0.5, 1.0, 1.3])
def test_the_exponent_is_that_of_the_growth(power: float) -> None:
    for series in series_of(growth(power)["growth"]):
        exponent, factor = series.line
        assert exponent == pytest.approx(power)
        assert factor * series.amounts[-1] ** exponent == pytest.approx(series.medians[-1])


def test_the_line_is_numpys() -> None:
    amounts, seconds = [1, 2, 4, 8], [0.3, 0.5, 1.3, 2.0]
    exponent, factor = Series("RDN", "batch", amounts, [[each] for each in seconds]).line
    assert [exponent, np.log(factor)] == pytest.approx(np.polyfit(np.log(amounts), np.log(seconds), 1))


def test_what_was_measured_at_one_amount_is_no_series() -> None:
    records = [each for each in growth()["growth"] if each["batch"] == 8]
    assert {series.key for series in series_of(records)} == {"patch_size", "D"}


def test_linear_growth_takes_the_same_time_for_each() -> None:
    said = printed(growth_table(growth()))
    assert said.startswith("growth, small size, a step of up to 8 patches, LR up to 16x16: here, 2 threads")
    assert "ALD-RDN, patches 1 0.125 0.125-0.125 125" in said
    assert "8 1.000 1.000-1.000 125 1.00" in said
    assert "RDN, LR pixels 16 0.188 0.188-0.188 11.7" in said
