"""How the seconds of a training step grow with the batch, the patch and the depth: fitted exponents and their table."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import linear_regression
from typing import Any, NamedTuple

from aldsr.reporting.tables.sheet import Sheet
from aldsr.reporting.tables.speed import Measurements, Timing, benchmark_title, summarise_timings, text_columns

# What grows, by its key in the records.
AXES = {"batch": "patches", "patch_size": "LR pixels", "D": "RDBs"}
NOTE = (
    "seconds: median of all runs. exponent: slope of the line fitted to the logarithms of both by least squares; 1 is "
    "linear, less than 1 means a part that does not grow"
)


class Series(NamedTuple):
    """Steps of one network as one quantity grows and the others stay at their largest."""

    network: str
    key: str  # of `AXES`
    amounts: list[int]  # ascending
    timings: list[Timing]  # one per amount

    @property
    def medians(self) -> list[float]:
        return [timing.median for timing in self.timings]

    @property
    def line(self) -> tuple[float, float]:
        """Exponent e and factor f of seconds = f · amount^e."""
        slope, intercept = linear_regression([*map(math.log, self.amounts)], [*map(math.log, self.medians)])
        return slope, math.exp(intercept)


def find_series(records: Sequence[Mapping[str, Any]]) -> Iterator[Series]:
    """The series of every network and axis that was measured at more than one amount."""
    largest = {key: max(record[key] for record in records) for key in AXES}
    for key in AXES:
        fixed = [other for other in AXES if other != key]
        alike = [record for record in records if all(record[other] == largest[other] for other in fixed)]
        for network in dict.fromkeys(record["network"] for record in alike):
            own = sorted((each for each in alike if each["network"] == network), key=lambda each: each[key])
            amounts = [each[key] ** 2 if key == "patch_size" else each[key] for each in own]
            if len(amounts) > 1:
                yield Series(network, key, amounts, summarise_timings(own))


def growth_sheet(measurements: Measurements) -> Sheet:
    """Seconds, and milliseconds per patch, pixel and RDB, which are the same in all rows where growth is linear."""
    names, rows = [], []
    for series in find_series(measurements["growth"]):
        last = series.amounts[-1]
        names += [f"{series.network}, {AXES[series.key]}", *[""] * (len(series.amounts) - 1)]
        for amount, timing in zip(series.amounts, series.timings, strict=True):
            each = _format_milliseconds(timing.median / amount)
            exponent = f"{series.line[0]:.2f}" if amount == last else ""
            rows.append([f"{amount:,}", f"{timing.median:.3f}", timing.range, each, exponent])
    columns = text_columns(("number", "seconds", "range", "ms each", "exponent"), rows)
    descriptions = dict.fromkeys(timing.description for timing in summarise_timings(measurements["growth"]))
    return Sheet(benchmark_title("growth", measurements), "", names, columns, notes=[*descriptions, NOTE])


def _format_milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g}" if seconds < 1 else f"{1000 * seconds:,.0f}"
