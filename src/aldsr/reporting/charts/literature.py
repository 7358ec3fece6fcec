"""Networks of the literature in a chart: read from a file of published figures with their sources, and drawn apart."""

import csv
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from aldsr.analysis.variants import Variant
from aldsr.evaluation.results import ResultsError
from aldsr.reporting.charts.figures import FONT, Axes
from aldsr.reporting.tables.results import quantities

LIMITS = {"scale": (2, 8), "parameters": (1e3, 1e12), "multi_adds_720p": (1e6, 1e15)}  # of the numbers in a column
LIMITS |= {f"{name}_psnr": (10, 100) for name in ("set5", "set14", "b100", "urban100")}
COLUMNS = ("network", *LIMITS, "trained_on", "source")
PLACES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))  # of a name: to the right, above
ACROSS, ALONG = ("center", "left", "right"), ("center", "bottom", "top")  # alignment at 0, 1 and -1
STYLE: dict[str, Any] = {"color": "0.6", "marker": "o", "markersize": 4, "markerfacecolor": "none", "linestyle": "none"}
UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}

PUBLISHED = "published, not measured here;\nother training data and steps"  # in the legend

Published = dict[str, Any]  # a row by its columns
Point = tuple[float, float, str]  # cost, PSNR and name


def read_literature(path: Path, variants: Sequence[Variant]) -> tuple[list[Published], list[tuple[str, str]]]:
    """Read what may stand beside a study, and notes on it: a word and a sentence each.

    Raises ResultsError if the file or a number in it cannot be read, or the study's scores are of another kind.
    """
    protocol = variants[0].first.results["protocol"]
    if not quantities(variants[0].first.results).startswith("PSNR-Y") or protocol["shave"] != protocol["scale"]:
        raise ResultsError("--literature: published PSNR is of Y without the border, this study's is not; leave it out")
    rows = _read_rows(path)
    known = [row for row in rows if row["source"] and (row["parameters"] or row["multi_adds_720p"])]
    used = [row for row in known if row["scale"] == protocol["scale"]]
    listed = (f"{row['network']} ({row['trained_on'] or 'not stated'}; {row['source']})" for row in used)
    text = (
        f"hollow gray points, from {path}: not measured here, other training data and steps. PSNR and multi-adds are "
        "as stated by the sources, which need not score and count as here, such as Set14's gray image. "
        f"Network (training data; source): {', '.join(listed)}"
    )
    notes = [("published", text)]
    if left_out := [row["network"] for row in rows if row not in used]:
        notes.append(("left out", f"of {path}, without source or cost, or of another scale: {', '.join(left_out)}"))
    return used, notes


def _read_rows(path: Path) -> list[Published]:
    try:
        with path.expanduser().open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, strict=True)
            head = set(table.fieldnames or ())
            rows = [(f"{path}, line {table.line_num}", row) for row in table]
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ResultsError(f"{path}: cannot be read ({reason}); expected CSV with {', '.join(COLUMNS)}") from error
    if head != set(COLUMNS):
        raise ResultsError(f"{path}: has other columns; expected {', '.join(COLUMNS)}")
    return [{name: _read_cell(where, name, text) for name, text in row.items()} for where, row in rows]


def _read_cell(where: str, column: str | None, text: Any) -> Any:
    """A text, or a number such as 32.21, 715176, 715K and 40.9G."""
    if column is None or text is None:
        raise ResultsError(f"{where}: expected {len(COLUMNS)} cells, a text with a comma in quotes")
    text = text.strip()
    if column not in LIMITS or (not text and column != "scale"):
        return text
    number, (least, most) = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)", text.upper()), LIMITS[column]
    value = float(number[1]) * UNITS[number[2]] if number else 0
    if not least <= value <= most:
        raise ResultsError(f"{where}: {column} is '{text}'; expected {least:g} to {most:g}, such as 4, 32.21 or 40.9G")
    return value


def find_points(rows: Sequence[Published], cost: str, unit: float, set_name: str) -> list[Point]:
    """Those whose cost and PSNR are known."""
    known = [row for row in rows if row.get(cost) and row.get(f"{set_name.lower()}_psnr")]
    return [(row[cost] / unit, row[f"{set_name.lower()}_psnr"], row["network"]) for row in known]


def name_points(axes: Axes, points: Sequence[Point]) -> None:
    """Write names beside points of a finished panel, on no point and no other name where there is room."""
    marks = [mark for line in axes.lines for mark in axes.transData.transform(line.get_xydata())]
    taken = [type(axes.viewLim).from_extents(x - 7, y - 7, x + 7, y + 7) for x, y in marks]
    for x, y, name in sorted(points):
        text = axes.annotate(name, (x, y), (0, 0), textcoords="offset points", fontsize=FONT - 2, color="0.4")
        text.set_in_layout(False)
        for far, (right, up) in product((4, 9, 14, 20), PLACES):
            text.set(position=(right * far, up * far), ha=ACROSS[right], va=ALONG[up])
            box = text.get_window_extent()
            if not box.count_overlaps(taken) and axes.bbox.containsx(box.x0) and axes.bbox.containsx(box.x1):
                break
        taken.append(box)
