"""Tables of the page: a network per row with its costs and scores, and the sheets that `aldsr.compare` prints."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from html import escape
from statistics import fmean
from typing import Any

from aldsr.analysis.scores import mean_over_seeds, set_names
from aldsr.analysis.variants import Variant
from aldsr.reporting.tables.results import quantities
from aldsr.reporting.tables.sheet import NOTHING, Cell, Column, Sheet
from aldsr.reporting.tables.study import DECIMALS, costs, spread

BICUBIC = "bicubic"


def render_sheet(sheet: Sheet) -> str:
    """A sheet as an HTML table that scrolls sideways by itself where it is wider than the page.

    Args:
        sheet: its text is escaped here; a cell's further lines are set below its first, smaller.
    """
    head = "".join(_head(column) for column in sheet.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(_cell(column, place) for column in sheet.columns)}</tr>'
        for place, name in enumerate(sheet.rows)
    )
    title = " · ".join(filter(None, (sheet.title, sheet.paper_title)))
    return (
        f'<figure class="sheet"><figcaption>{escape(title)}</figcaption>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(sheet.title)}"><table>'
        f'<thead><tr><th scope="col">{escape(sheet.corner)}</th>{head}</tr></thead><tbody>{rows}</tbody>'
        "</table></div></figure>"
    )


def _head(column: Column) -> str:
    name = f"paper: {column.head}" if column.paper else column.head
    return f'<th scope="col" class="{_kind(column)}">{escape(name)}</th>'


def _cell(column: Column, place: int) -> str:
    lines = "".join(f"<span>{escape(line)}</span>" for line in column.cells[place])
    return f'<td class="{_kind(column)}">{lines}</td>'


def _kind(column: Column) -> str:
    return " ".join(["left" if column.left else "number", *(["paper"] if column.paper else [])])


def networks_sheet(found: Sequence[Variant]) -> Sheet:
    """Bicubic and every network: per set PSNR, SSIM and the gain over bicubic, as means over seeds, then costs.

    Columns of what no run has recorded are left out.

    Args:
        found: runs that `check_comparable` has let pass.
    """
    results = found[0].first.results
    columns = [
        Column(name, [_bicubic(found, name), *(_scores(each, name) for each in found)]) for name in set_names(found)
    ]
    columns += [column for column in _cost_columns(found) if any(cell != NOTHING for cell in column.cells[1:])]
    several = any(len(each.runs) > 1 for each in found)
    title = f"{quantities(results)}, gain over bicubic{'; mean ± sd over seeds' if several else ''}"
    return Sheet(title, "network", [BICUBIC, *(each.name for each in found)], columns)


def _cost_columns(found: Sequence[Variant]) -> Iterator[Column]:
    if any(len(each.runs) > 1 for each in found):
        yield Column("seeds", [NOTHING, *((str(len(each.runs)),) for each in found)])
    parameters, operations = zip(*(costs(each.first.results["network"]) for each in found), strict=True)
    yield Column("parameters", [("0",), *parameters])
    yield Column("multi-adds (G)", [NOTHING, *operations])
    yield Column("1280×720 (s)", [NOTHING, *map(_upscaling, found)])
    yield Column("training", [NOTHING, *map(_training, found)])


def _upscaling(variant: Variant) -> Cell:
    """Measured seconds of one 1280x720 output, and on what."""
    cost = _measured_cost(variant)
    return (f"{cost['latency_s']:.3g}", cost["device"]) if cost else NOTHING


def upscaling_seconds(variant: Variant) -> float | None:
    """Of one 1280x720 output, folded where the network can be; None where no run was measured with cost=true."""
    return _measured_cost(variant).get("latency_s")


def _measured_cost(variant: Variant) -> Mapping[str, Any]:
    """What the first run that recorded it says of the network's fastest form; empty if none did."""
    for cost in (run.results.get("cost") for run in variant.runs.values()):
        if cost:
            return {"device": cost["device"], **(cost.get("folded") or cost["unfolded"])}
    return {}


def _training(variant: Variant) -> Cell:
    """Hours, minutes and seconds, as a mean over seeds."""
    runs = [run.results.get("training", {}).get("seconds") for run in variant.runs.values()]
    known = [seconds for seconds in runs if seconds is not None]
    return (str(timedelta(seconds=round(fmean(known)))),) if known else NOTHING


def _scores(variant: Variant, name: str) -> Cell:
    found = {quantity: mean_over_seeds(variant, name, quantity) for quantity in DECIMALS}
    lines = [spread(each, DECIMALS[quantity][0]) for quantity, each in found.items() if each]
    return (*lines, f"{format_gain(gain_over_bicubic(variant, name))} dB") if lines else NOTHING


def format_gain(gain: float) -> str:
    """ "+1.23"; what rounds to nothing has no minus."""
    return f"{round(gain, 2) + 0.0:+.2f}"


def gain_over_bicubic(variant: Variant, name: str) -> float:
    """Mean PSNR on a set less bicubic's, in dB."""
    runs = [run.results for run in variant.runs.values() if name in run.results["sets"]]
    return fmean(run["sets"][name]["psnr"] - run["bicubic"][name]["psnr"] for run in runs)


def _bicubic(found: Sequence[Variant], name: str) -> Cell:
    scores = bicubic_scores(found, name)
    return tuple(f"{scores[quantity]:.{decimals}f}" for quantity, (decimals, _) in DECIMALS.items())


def bicubic_scores(found: Sequence[Variant], name: str) -> Mapping[str, float]:
    """Bicubic's on a set, which are the same in all runs."""
    runs = (run.results["bicubic"] for each in found for run in each.runs.values())
    return next(run[name] for run in runs if name in run)
