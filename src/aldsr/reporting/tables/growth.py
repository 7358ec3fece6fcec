"""How a training step's time grows: recorded steps as series with a fitted exponent, and their table."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import linear_regression, median
from typing import Any, NamedTuple

from rich.console import Group
from rich.text import Text

from aldsr.reporting.tables.speed import Figures, narrow_table, rows_of, title_of

# What grows, by its key in the records.
AXES = {"batch": "patches", "patch_size": "LR pixels", "D": "RDBs"}
NOTE = (
    "seconds: median of all runs. exponent: slope of the line fitted to the logarithms of both by least squares; 1 is "
    "linear, less than 1 means a part that does not grow"
)


class Series(NamedTuple):
    """One network's steps as one thing grows and the others stay at their largest."""

    network: str
    key: str  # of `AXES`
    amounts: list[int]  # ascending
    seconds: list[list[float]]  # of each amount, those of all runs, ascending

    @property
    def medians(self) -> list[float]:
        return [median(each) for each in self.seconds]

    @property
    def line(self) -> tuple[float, float]:
        """Exponent e and factor f of seconds = f · amount^e."""
        slope, intercept = linear_regression([*map(math.log, self.amounts)], [*map(math.log, self.medians)])
        return slope, math.exp(intercept)


def series_of(records: Sequence[Mapping[str, Any]]) -> Iterator[Series]:
    """Every network's series, by what grows; none of what was measured at one amount only."""
    full = {key: max(record[key] for record in records) for key in AXES}
    for key in AXES:
        fixed = [other for other in AXES if other != key]
        alike = [record for record in records if all(record[other] == full[other] for other in fixed)]
        for network in dict.fromkeys(record["network"] for record in alike):
            own = sorted((each for each in alike if each["network"] == network), key=lambda each: each[key])
            amounts = [each[key] ** 2 if key == "patch_size" else each[key] for each in own]
            if len(amounts) > 1:
                yield Series(network, key, amounts, [row.seconds for row in rows_of(own)])


def growth_table(figures: Figures) -> Group:
    """Seconds, and seconds per patch, pixel and RDB: the same in every row of a series that grows linearly."""
    table = narrow_table(title_of("growth", figures), ("", "number", "seconds", "range", "ms each", "exponent"))
    for series in series_of(figures["growth"]):
        table.add_section()
        for place, (amount, seconds) in enumerate(zip(series.amounts, series.seconds, strict=True), 1):
            table.add_row(
                f"{series.network}, {AXES[series.key]}" if place == 1 else "",
                f"{amount:,}",
                f"{median(seconds):.3f}",
                f"{seconds[0]:.3f}-{seconds[-1]:.3f}",
                _milliseconds(median(seconds) / amount),
                f"{series.line[0]:.2f}" if place == len(series.amounts) else "",
            )
    ways = dict.fromkeys(row.words for row in rows_of(figures["growth"]))
    return Group(table, Text("\n".join([*ways, NOTE])))


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g}" if seconds < 1 else f"{1000 * seconds:,.0f}"
