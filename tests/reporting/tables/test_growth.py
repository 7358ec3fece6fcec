"""How steps grow: series, the fitted exponent, the table."""

import numpy as np
import pytest

from aldsr.reporting.tables.growth import find_series, growth_sheet
from tests.reporting.recorded import growth, printed


def test_every_series_holds_the_others_at_their_largest() -> None:
    found = {(series.network, series.key): series for series in find_series(growth()["growth"])}
    assert len(found) == 6
    assert found["RDN", "batch"].amounts == [1, 2, 4, 8]
    assert found["RDN", "patch_size"].amounts == [16, 64, 144, 256]
    assert found["ALD-RDN", "D"].medians == [0.125, 0.25, 0.5, 1.0]
    one_batch = [each for each in growth()["growth"] if each["batch"] == 8]
    assert {series.key for series in find_series(one_batch)} == {"patch_size", "D"}


@pytest.mark.parametrize("power", [0.5, 1.3])
def test_the_exponent_is_that_of_the_growth(power: float) -> None:
    for series in find_series(growth(power)["growth"]):
        exponent, factor = series.line
        assert exponent == pytest.approx(power)
        assert [exponent, np.log(factor)] == pytest.approx(
            np.polyfit(np.log(series.amounts), np.log(series.medians), 1)
        )


def test_linear_growth_takes_the_same_time_for_each() -> None:
    text = printed(growth_sheet(growth()))
    assert text.startswith("growth, small size, a step of up to 8 patches, LR up to 16x16: here, 2 threads")
    assert "ALD-RDN, patches 1 0.125 0.125-0.125 125" in text
    assert "8 1.000 1.000-1.000 125 1.00" in text
    assert "RDN, LR pixels 16 0.188 0.188-0.188 11.7" in text
