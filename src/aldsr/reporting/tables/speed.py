"""The measurements of `aldsr.benchmark` as tables, and how the seconds of a step grow: fitted exponents."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from math import inf
from statistics import linear_regression, median
from typing import Any, NamedTuple

from aldsr.evaluation import BACKBONES
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
GPU_NOTE = (
    "ms: median of all runs, by the GPU's clock; × RDN: relative to its fastest row; peak: allocated beyond the "
    "weights; arithmetic: all multi-adds at the rate of a large matrix product of the same precision; memory: the "
    "features of all layers, each read and written once, at the rate of a large copy; of roofline: the share of the "
    "larger of both. Measured in the same process: {}"
)
PRECISION_NOTE = "{} changes PSNR-Y by {:+.4f} dB (the package's network, x4, scikit-image's photographs)"
GROWTH_NOTE = (
    "seconds: median of all runs. exponent: slope of the line fitted to the logarithms of both by least squares; 1 is "
    "linear, less than 1 means a part that does not grow"
)


class Unit(NamedTuple):
    """In what times are shown."""

    name: str
    of_second: int  # how many are a second
    digits: int

    def show(self, *seconds: float) -> str:
        return "-".join(f"{self.of_second * each:.{self.digits}f}" for each in seconds)


def is_of_gpu(measurements: Measurements) -> bool:
    return "accelerator" in measurements


def time_unit(measurements: Measurements) -> Unit:
    """Milliseconds of a GPU, seconds of a CPU."""
    return Unit("ms", 1000, 2) if is_of_gpu(measurements) else Unit("seconds", 1, 3)


class Timing(NamedTuple):
    """Seconds and memory of a network run in one way; without seconds if its process was killed, or it failed."""

    record: Mapping[str, Any]  # as `aldsr.bench.speed.measure_speed` returns it
    seconds: list[float]  # of all runs, ascending
    peak: int | None  # bytes beyond the weights, the largest; None: not measured
    floor: float  # seconds, if all operations ran at the rate of a large matrix product
    memory_floor: float  # seconds, if all features moved at the rate of a large copy; 0: not counted

    @property
    def median(self) -> float:
        return median(self.seconds)

    def range(self, unit: Unit) -> str:
        """The least and the most time."""
        return unit.show(self.seconds[0], self.seconds[-1])

    @property
    def roofline(self) -> float:
        """The least seconds that arithmetic and memory allow."""
        return max(self.floor, self.memory_floor)

    @property
    def error(self) -> str:
        """Why there are no seconds; empty if the process was killed."""
        return next((each.get("error", "") for each in self.record["processes"]), "")

    @property
    def form(self) -> str:
        """How a GPU gets its work, where that is not launch by launch with torch's kernels."""
        how = self.record.get("compile", "none"), self.record.get("kernels", "torch")
        return ", ".join(each for each in how if each not in ("none", "torch"))

    @property
    def is_usual_literal(self) -> bool:
        """Whether it is the equations as most code has them: with the system's allocator, or launch by launch."""
        usual = self.record.get("device") == "cuda" or not self.record["keep_memory"]
        return self.name.startswith("literal") and usual and not self.form

    @property
    def name(self) -> str:
        return ", ".join(filter(None, (self.record["network"], self.form)))

    @property
    def description(self) -> str:
        """The network and how it was run."""
        record = self.record
        allocator = "freed memory kept" if record["keep_memory"] else "the system's allocator"
        options = [
            record["precision"],
            record["layout"],
            f"{record['micro_batches']} micro-batches" if record["micro_batches"] > 1 else "",
            "checkpointing" if record["checkpoint"] else "",
            self.form,
            allocator if record.get("device", "cpu") == "cpu" else "",
        ]
        backbone = record["network"].partition("-")[2] or "RDN"
        name = f"ALD-{backbone}, the equations as typed in" if self.name.startswith("literal") else record["network"]
        failure = f"; failed: {self.error}" if not self.seconds and self.error else ""
        return f"{name}: {', '.join(filter(None, options))}{failure}"


def summarise_timings(records: Sequence[Mapping[str, Any]]) -> list[Timing]:
    """The records of a benchmark, each with the runs of all its processes together."""
    timings = []
    for record in records:
        processes = record["processes"]
        peaks = [each["peak_memory"] for each in processes if each["peak_memory"] is not None]
        floors = [
            median(each.get(key, 0.0) for each in processes) if processes else 0.0 for key in ("floor", "memory_floor")
        ]
        seconds = sorted(second for each in processes for second in each["seconds"])
        timings.append(Timing(record, seconds, max(peaks, default=None), *floors))
    return timings


def benchmark_title(benchmark: str, measurements: Measurements) -> str:
    """What was measured, and where; older files have no settings."""
    parts, settings = [benchmark], measurements.get("settings", {})
    if benchmark == "deployed" and settings:
        parts += ["output 1280x720"]
    elif settings:
        up_to = "up to " if benchmark == "growth" else ""
        side = f"{settings['patch_size']}x{settings['patch_size']}"
        loss = f", {settings['loss']} loss" if "loss" in settings else ""
        step = f"a step of {up_to}{settings['batch']} patches, LR {up_to}{side}{loss}"
        parts += [f"{settings['size']} size", "LR 320x180" if benchmark == "upscaling" else step]
    threads = pluralise(measurements["threads"], "thread")
    runner = f"torch {measurements['torch']}" if is_of_gpu(measurements) else threads
    return f"{', '.join(parts)}: {measurements['device']}, {runner}"


def describe_ceilings(timings: Iterable[Timing]) -> str:
    """The rates of a copy and of matrix products that were measured beside the networks, the highest of each."""
    rates: dict[str, float] = {}
    for timing in timings:
        for each in timing.record["processes"]:
            product = f"TFLOP/s of matrix products in {timing.record['precision']}"
            for name, rate in (("TB/s of copies", each["copy_rate"]), (product, each["matmul_rate"])):
                rates[name] = max(rate, rates.get(name, 0.0))
    return ", ".join(f"{rate / 1e12:.3g} {name}" for name, rate in rates.items())


def find_dense(timings: Sequence[Timing]) -> Timing | None:
    """The fastest timing of RDN, or of the first other backbone with standard blocks."""
    names = [each.record["network"] for each in timings]
    name = next((each for each in BACKBONES if each in names), None)
    dense = [each for each in timings if each.record["network"] == name]
    return min(dense, key=lambda each: each.median if each.seconds else inf, default=None)


def speed_sheet(benchmark: str, measurements: Measurements) -> Sheet:
    """A row per timing, with its speed as a multiple of the literal form's and the backbone's where they are there."""
    timings, unit, on_gpu = summarise_timings(measurements[benchmark]), time_unit(measurements), is_of_gpu(measurements)
    literal = next((each for each in timings if each.is_usual_literal), None)
    found = ((literal, 1), (find_dense(timings), 2))
    bases = [(base.record["network"], base, digits) for base, digits in found if base]
    rows = []
    for timing in timings:
        if not timing.seconds:
            rows.append(["failed" if timing.error else "killed: out of memory?"])
            continue
        ratios = [f"{base.median / timing.median:.{digits}f}" if base.seconds else "-" for _, base, digits in bases]
        peak = "not measured" if timing.peak is None else f"{timing.peak / 2**20:,.0f}"
        floors = [unit.show(timing.floor), unit.show(timing.memory_floor)] if on_gpu else []
        share = f"{timing.roofline / timing.median:.0%}"
        rows.append([unit.show(timing.median), timing.range(unit), *ratios, peak, *floors, share])
    ratio_heads = [f"×\N{NO-BREAK SPACE}{name}" for name, *_ in bases]
    heads = [unit.name, "range", *ratio_heads, "peak MiB", *(["arithmetic", "memory"] if on_gpu else []), "of roofline"]
    names = [f"{number} {timing.name}" for number, timing in enumerate(timings, 1)]
    notes = [f"{number} {timing.description}" for number, timing in enumerate(timings, 1)]
    notes.append(GPU_NOTE.format(describe_ceilings(timings)) if on_gpu else SPEED_NOTE)
    if benchmark in ("upscaling", "deployed"):
        notes += [PRECISION_NOTE.format(*each) for each in measurements.get("precision_db", {}).items()]
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
    records = [record for record in records if any(each["seconds"] for each in record["processes"])]
    largest = {key: max((record[key] for record in records), default=0) for key in AXES}
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
    names, rows, unit = [], [], time_unit(measurements)
    for series in find_series(measurements["growth"]):
        last = series.amounts[-1]
        names += [f"{series.network}, {AXES[series.key]}", *[""] * (len(series.amounts) - 1)]
        for amount, timing in zip(series.amounts, series.timings, strict=True):
            milliseconds = 1000 * (timing.median / amount)
            each = f"{milliseconds:.3g}" if milliseconds < 1000 else f"{milliseconds:,.0f}"
            exponent = f"{series.line[0]:.2f}" if amount == last else ""
            rows.append([f"{amount:,}", unit.show(timing.median), timing.range(unit), each, exponent])
    columns = text_columns(("number", unit.name, "range", "ms each", "exponent"), rows)
    descriptions = dict.fromkeys(timing.description for timing in summarise_timings(measurements["growth"]))
    return Sheet(benchmark_title("growth", measurements), "", names, columns, notes=[*descriptions, GROWTH_NOTE])


def loading_sheet(measurements: Measurements) -> Sheet:
    """Pairs per second after each stage of loading, and with files decoded for every patch."""
    rates, patch = measurements["loading"], measurements["settings"]["patch_size"]
    gpu = f" and {measurements['device']}" if is_of_gpu(measurements) else ""
    title = f"Patch loading, one core{gpu}, LR {patch}x{patch}, x{measurements['settings']['scale']}, batches of 16"
    rows = [(f"{rates[stage]:,.0f}", f"{rates[stage] / rates['decoding']:.0f}") for stage in LOADING]
    return Sheet(title, "stage", list(LOADING.values()), text_columns(["pairs/s", "×\N{NO-BREAK SPACE}decoding"], rows))


def resize_sheet(measurements: Measurements) -> Sheet:
    """Seconds to make LR of an image of DIV2K's size, and the ratio to a loop over rows."""
    seconds = measurements["resize"]
    ways = {"rows": "literal port, a loop over rows, float", "imresize": "aldsr.imaging.imresize, uint8, rounded twice"}
    rows = [(f"{seconds[way]:.4f}", f"{seconds['rows'] / seconds[way]:.1f}") for way in ways]
    title = f"MATLAB's bicubic, 2040x1356 to 1/{measurements['settings']['scale']}, one core"
    return Sheet(title, "", list(ways.values()), text_columns(["seconds", "ratio"], rows))
