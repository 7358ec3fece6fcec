"""The measurements of `aldsr.benchmark` as tables."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from aldsr.reporting.tables.cells import pluralise
from aldsr.reporting.tables.sheet import Column, Sheet

Measurements = Mapping[str, Any]  # the content of the command's JSON file

LOADING = {
    "cut": "cut from the cache and collated (uint8)",
    "augmented": "… flipped and turned (uint8)",
    "float": "… and made float32",
}
NOTE = (
    "seconds: median of all runs; peak: beyond the weights; of roofline: the share of the time that all multi-adds "
    "would take at the rate of a large matrix product of the same precision"
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
    def literal(self) -> bool:
        """Whether this is the paper's equations as most code has them, with the system's allocator."""
        return self.record["network"] == "literal" and not self.record["keep_memory"]

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
    bases = {
        "×\N{NO-BREAK SPACE}literal": ([each for each in timings if each.literal], 1),
        "×\N{NO-BREAK SPACE}RDN": ([each for each in timings if each.record["network"] == "RDN"], 2),
    }
    ratios = {head: (found[0], decimals) for head, (found, decimals) in bases.items() if found}
    rows = []
    for timing in timings:
        if not timing.seconds:
            rows.append(["killed: out of memory?"])
            continue
        rows.append(
            [
                f"{timing.median:.3f}",
                timing.range,
                *(f"{base.median / timing.median:.{n}f}" if base.seconds else "-" for base, n in ratios.values()),
                "not measured" if timing.peak is None else f"{timing.peak / 2**20:,.0f}",
                f"{timing.floor / timing.median:.0%}",
            ]
        )
    names = [f"{number} {timing.record['network']}" for number, timing in enumerate(timings, 1)]
    notes = [f"{number} {timing.description}" for number, timing in enumerate(timings, 1)]
    columns = text_columns(["seconds", "range", *ratios, "peak MiB", "of roofline"], rows)
    return Sheet(benchmark_title(benchmark, measurements), "", names, columns, notes=[*notes, NOTE])


def text_columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[Column]:
    """Columns of the texts of rows, of which some may be shorter."""
    padded = [[*row, *["-"] * (len(heads) - len(row))] for row in rows]
    return [Column(head, [(row[n],) for row in padded]) for n, head in enumerate(heads)]


def loading_sheet(measurements: Measurements) -> Sheet:
    """Pairs per second after each stage of loading, and with files decoded for every patch."""
    rates, patch = measurements["loading"], measurements["settings"]["patch_size"]
    title = f"Patch loading, one core, LR {patch}x{patch}, x{measurements['settings']['scale']}, batches of 16"
    stages = {"decoding": "PNG files of 1 megapixel decoded for every patch", **LOADING}
    rows = [(f"{rates[stage]:,.0f}", f"{rates[stage] / rates['decoding']:.0f}") for stage in stages]
    return Sheet(title, "stage", list(stages.values()), text_columns(["pairs/s", "×\N{NO-BREAK SPACE}decoding"], rows))


def resize_sheet(measurements: Measurements) -> Sheet:
    """Seconds to make LR of an image of DIV2K's size, and the ratio to a loop over rows."""
    seconds = measurements["resize"]
    ways = {"rows": "literal port, a loop over rows, float", "imresize": "aldsr.imaging.imresize, uint8, rounded twice"}
    rows = [(f"{seconds[way]:.4f}", f"{seconds['rows'] / seconds[way]:.1f}") for way in ways]
    title = f"MATLAB's bicubic, 2040x1356 to 1/{measurements['settings']['scale']}, one core"
    return Sheet(title, "", list(ways.values()), text_columns(["seconds", "ratio"], rows))
