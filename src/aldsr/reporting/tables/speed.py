"""The measurements of `aldsr.benchmark` as tables, and how the seconds of a step grow: fitted exponents."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from statistics import linear_regression, median
from typing import Any, NamedTuple

from aldsr.reporting.tables.cells import pluralise
from aldsr.reporting.tables.sheet import Column, Sheet

Measurements = Mapping[str, Any]  # the content of the command's JSON file

LOADING = {
    "decoding": "PNG files of 1 megapixel decoded for every patch",
    "cut": "cut from the cache and collated (uint8)",
    "augmented": "… flipped and turned (uint8)",
    "float": "… and made float32",
}
# What grows, by its key in the records.
AXES = {"batch": "patches", "patch_size": "LR pixels", "D": "RDBs"}
SPEED_NOTE = (
    "seconds: median of all runs; peak: beyond the weights; of roofline: the share of the time that all multi-adds "
    "would take at the rate of a large matrix product of the same precision"
)
GROWTH_NOTE = (
    "seconds: median of all runs. exponent: slope of the line fitted to the logarithms of both by least squares; 1 is "
    "linear, less than 1 means a part that does not grow"
)


class Timing(NamedTuple):
    """Seconds and memory of a network run in one way; without seconds if its process was killed."""

    record: Mapping[str, Any]  # see `as_data`
    seconds: list[float]  # of all runs, ascending
    peak: int | None  # bytes beyond the weights, the largest; None: not measured
    floor: float  # seconds, if all operations ran at the rate of a large matrix product

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def range(self) -> str:
        """The least and the most seconds."""
        return f"{self.seconds[0]:.3f}-{self.seconds[-1]:.3f}"

    @property
    def description(self) -> str:
        """The network and how it was run."""
        record = self.record
        options = [
            record["precision"],
            record["layout"],
            f"{record['micro_batches']} micro-batches" if record["micro_batches"] > 1 else "",
            "checkpointing" if record["checkpoint"] else "",
            "freed memory kept" if record["keep_memory"] else "the system's allocator",
        ]
        name = "ALD-RDN, the equations as typed in" if record["network"] == "literal" else record["network"]
        return f"{name}: {', '.join(filter(None, options))}"


def summarise_timings(records: Sequence[Mapping[str, Any]]) -> list[Timing]:
    """The records of a benchmark, each with the runs of all its processes together."""
    timings = []
    for record in records:
        processes = record["processes"]
        peaks = [each["peak_memory"] for each in processes if each["peak_memory"] is not None]
        floor = median(each["floor"] for each in processes) if processes else 0.0
        seconds = sorted(second for each in processes for second in each["seconds"])
        timings.append(Timing(record, seconds, max(peaks, default=None), floor))
    return timings


def benchmark_title(benchmark: str, measurements: Measurements) -> str:
    """What was measured, and where; older files have no settings."""
    parts, settings = [benchmark], measurements.get("settings", {})
    if benchmark == "deployed" and settings:
        parts += ["output 1280x720"]
    elif settings:
        up_to = "up to " if benchmark == "growth" else ""
        side = f"{settings['patch_size']}x{settings['patch_size']}"
        step = f"a step of {up_to}{settings['batch']} patches, LR {up_to}{side}"
        parts += [f"{settings['size']} size", "LR 320x180" if benchmark == "upscaling" else step]
    return f"{', '.join(parts)}: {measurements['device']}, {pluralise(measurements['threads'], 'thread')}"


def speed_sheet(benchmark: str, measurements: Measurements) -> Sheet:
    """A row per timing, with its speed as a multiple of that of the literal form and of RDN where they are there."""
    timings = summarise_timings(measurements[benchmark])
    # The equations as most code has them: with the system's allocator.
    literal = [each for each in timings if each.record["network"] == "literal" and not each.record["keep_memory"]]
    dense = [each for each in timings if each.record["network"] == "RDN"]
    bases = [(name, found[0], n) for name, found, n in (("literal", literal, 1), ("RDN", dense, 2)) if found]
    rows = []
    for timing in timings:
        if not timing.seconds:
            rows.append(["killed: out of memory?"])
            continue
        ratios = [f"{base.median / timing.median:.{n}f}" if base.seconds else "-" for _, base, n in bases]
        peak = "not measured" if timing.peak is None else f"{timing.peak / 2**20:,.0f}"
        rows.append([f"{timing.median:.3f}", timing.range, *ratios, peak, f"{timing.floor / timing.median:.0%}"])
    heads = ["seconds", "range", *(f"×\N{NO-BREAK SPACE}{name}" for name, *_ in bases), "peak MiB", "of roofline"]
    names = [f"{number} {timing.record['network']}" for number, timing in enumerate(timings, 1)]
    notes = [*(f"{number} {timing.description}" for number, timing in enumerate(timings, 1)), SPEED_NOTE]
    return Sheet(benchmark_title(benchmark, measurements), "", names, text_columns(heads, rows), notes=notes)


def text_columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[Column]:
    """Columns of the texts of rows, of which some may be shorter."""
    columns = zip_longest(heads, *rows, fillvalue="-")
    return [Column(head, [(text,) for text in texts]) for head, *texts in columns]


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
            milliseconds = 1000 * (timing.median / amount)
            each = f"{milliseconds:.3g}" if milliseconds < 1000 else f"{milliseconds:,.0f}"
            exponent = f"{series.line[0]:.2f}" if amount == last else ""
            rows.append([f"{amount:,}", f"{timing.median:.3f}", timing.range, each, exponent])
    columns = text_columns(("number", "seconds", "range", "ms each", "exponent"), rows)
    descriptions = dict.fromkeys(timing.description for timing in summarise_timings(measurements["growth"]))
    return Sheet(benchmark_title("growth", measurements), "", names, columns, notes=[*descriptions, GROWTH_NOTE])


def loading_sheet(measurements: Measurements) -> Sheet:
    """Pairs per second after each stage of loading, and with files decoded for every patch."""
    rates, patch = measurements["loading"], measurements["settings"]["patch_size"]
    title = f"Patch loading, one core, LR {patch}x{patch}, x{measurements['settings']['scale']}, batches of 16"
    rows = [(f"{rates[stage]:,.0f}", f"{rates[stage] / rates['decoding']:.0f}") for stage in LOADING]
    return Sheet(title, "stage", list(LOADING.values()), text_columns(["pairs/s", "×\N{NO-BREAK SPACE}decoding"], rows))


def resize_sheet(measurements: Measurements) -> Sheet:
    """Seconds to make LR of an image of DIV2K's size, and the ratio to a loop over rows."""
    seconds = measurements["resize"]
    ways = {"rows": "literal port, a loop over rows, float", "imresize": "aldsr.imaging.imresize, uint8, rounded twice"}
    rows = [(f"{seconds[way]:.4f}", f"{seconds['rows'] / seconds[way]:.1f}") for way in ways]
    title = f"MATLAB's bicubic, 2040x1356 to 1/{measurements['settings']['scale']}, one core"
    return Sheet(title, "", list(ways.values()), text_columns(["seconds", "ratio"], rows))
