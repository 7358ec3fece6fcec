"""What `aldsr.benchmark` has recorded, as tables for the terminal."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from aldsr.reporting.tables.study import counted

Figures = Mapping[str, Any]  # the content of the command's JSON file

STAGES = {
    "cut": "cut from the cache and collated (uint8)",
    "augmented": "… flipped and turned (uint8)",
    "float": "… and made float32",
}
NOTES = (
    "seconds: median of all runs; peak: beyond the weights; of roofline: the share of the time that all multi-adds "
    "would take at the rate of a large matrix product of the same precision"
)


class Row(NamedTuple):
    """A network in one way of use; without seconds if its process was killed."""

    record: Mapping[str, Any]  # see `as_data`
    seconds: list[float]  # of all runs, ascending
    peak: int | None  # bytes beyond the weights, the largest; None: not measured
    floor: float  # seconds, if all operations ran at the rate of a large matrix product

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def literal(self) -> bool:
        """Whether this is the paper's equations as most code has them, in the system's allocator."""
        return self.record["network"] == "literal" and not self.record["keep_memory"]

    @property
    def words(self) -> str:
        """What the row stands for."""
        found = self.record
        parts = [found["precision"], found["layout"]]
        parts += [f"{found['micro_batches']} micro-batches"] if found["micro_batches"] > 1 else []
        parts += ["checkpointing"] if found["checkpoint"] else []
        parts += ["freed memory kept" if found["keep_memory"] else "the system's allocator"]
        name = "ALD-RDN, the equations as typed in" if found["network"] == "literal" else found["network"]
        return f"{name}: {', '.join(parts)}"


def rows_of(records: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The rows of a benchmark's records, in their order."""
    rows = []
    for record in records:
        processes = record["processes"]
        peaks = [each["peak_memory"] for each in processes if each["peak_memory"] is not None]
        floor = median(each["floor"] for each in processes) if processes else 0.0
        seconds = sorted(second for each in processes for second in each["seconds"])
        rows.append(Row(record, seconds, max(peaks, default=None), floor))
    return rows


def title_of(what: str, figures: Figures) -> str:
    """What was measured, and where; of older figures, whose settings are not recorded, less."""
    settings = figures.get("settings", {})
    parts = [what]
    if settings:
        most = "up to " if what == "growth" else ""
        side = f"{settings['patch_size']}x{settings['patch_size']}"
        step = f"a step of {most}{settings['batch']} patches, LR {most}{side}"
        sizes = {"upscaling": [f"{settings['size']} size", "LR 320x180"], "deployed": ["output 1280x720"]}
        parts += sizes.get(what, [f"{settings['size']} size", step])
    return f"{', '.join(parts)}: {figures['device']}, {counted(figures['threads'], 'thread')}"


def speed_table(what: str, figures: Figures) -> Group:
    """One row per way: seconds, how many times as fast as the literal form and as RDN, if they are there, and so on."""
    rows = rows_of(figures[what])
    against = {
        "× literal": ([row for row in rows if row.literal], 1),
        "× RDN": ([row for row in rows if row.record["network"] == "RDN"], 2),
    }
    ratios = {head: (found[0], decimals) for head, (found, decimals) in against.items() if found}
    table = narrow_table(title_of(what, figures), ("", "seconds", "range", *ratios, "peak MiB", "of roofline"))
    for number, row in enumerate(rows, 1):
        name = f"{number} {row.record['network']}"
        if not row.seconds:
            table.add_row(name, "killed: out of memory?")
            continue
        table.add_row(
            name,
            f"{row.median:.3f}",
            f"{row.seconds[0]:.3f}-{row.seconds[-1]:.3f}",
            *(
                f"{base.median / row.median:.{decimals}f}" if base.seconds else "-"
                for base, decimals in ratios.values()
            ),
            "not measured" if row.peak is None else f"{row.peak / 2**20:,.0f}",
            f"{row.floor / row.median:.0%}",
        )
    lines = [f"{number} {row.words}" for number, row in enumerate(rows, 1)]
    return Group(table, Text("\n".join([*lines, NOTES])))


def loading_table(figures: Figures) -> Table:
    """Pairs per second after each stage of loading, and with files decoded for every patch."""
    rates, patch = figures["loading"], figures["settings"]["patch_size"]
    title = f"Patch loading, one core, LR {patch}x{patch}, x{figures['settings']['scale']}, batches of 16"
    table = Table(title=title, title_justify="left")
    table.add_column("stage")
    for column in ("pairs/s", "× decoding"):
        table.add_column(column, justify="right")
    decoding = rates["decoding"]
    table.add_row("PNG files of 1 megapixel decoded for every patch", f"{decoding:,.0f}", "1")
    for stage, words in STAGES.items():
        table.add_row(words, f"{rates[stage]:,.0f}", f"{rates[stage] / decoding:.0f}")
    return table


def resize_table(figures: Figures) -> Table:
    """Seconds to make LR of an image of DIV2K's size, and the ratio to a loop over rows."""
    seconds = figures["resize"]
    title = f"MATLAB's bicubic, 2040x1356 to 1/{figures['settings']['scale']}, one core"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in ("seconds", "ratio"):
        table.add_column(column, justify="right")
    table.add_row("literal port, a loop over rows, float", f"{seconds['rows']:.4f}", "1.0")
    ratio = seconds["rows"] / seconds["imresize"]
    table.add_row("aldsr.imaging.imresize, uint8, rounded twice", f"{seconds['imresize']:.4f}", f"{ratio:.1f}")
    return table


def narrow_table(title: str, columns: Sequence[str]) -> Table:
    """A table of figures with little room between them, its first column flush left."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table
