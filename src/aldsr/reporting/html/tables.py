"""Tables of the page: a network per row with its scores and costs, and any sheet as an HTML table."""

from collections.abc import Sequence
from datetime import timedelta
from html import escape
from statistics import fmean

from aldsr.analysis.scores import set_sizes
from aldsr.analysis.variants import Variant
from aldsr.imaging import psnr_gain
from aldsr.reporting.tables.cells import read_costs
from aldsr.reporting.tables.sheet import NOTHING, Cell, Column, Sheet
from aldsr.reporting.tables.study import scores_sheet


def render_sheet(sheet: Sheet) -> str:
    """Render a sheet, its text escaped, as an HTML table that scrolls sideways where it is wider than the page."""
    head = body = ""
    classes = ["left" if column.left else "number paper" if column.paper else "number" for column in sheet.columns]
    for column, kind in zip(sheet.columns, classes, strict=True):
        name = f"paper: {column.head}" if column.paper else column.head
        head += f'<th scope="col" class="{kind}">{escape(name)}</th>'
    for row, name in enumerate(sheet.rows):
        body += f'<tr><th scope="row">{escape(name)}</th>'
        for column, kind in zip(sheet.columns, classes, strict=True):
            lines = "".join(f"<span>{escape(line)}</span>" for line in column.cells[row])
            body += f'<td class="{kind}">{lines}</td>'
        body += "</tr>"
    title = " · ".join(filter(None, (sheet.title, sheet.paper_title)))
    return (
        f'<figure class="sheet"><figcaption>{escape(title)}</figcaption>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(sheet.title)}"><table>'
        f'<thead><tr><th scope="col">{escape(sheet.corner)}</th>{head}</tr></thead><tbody>{body}</tbody>'
        "</table></div></figure>"
    )


def networks_sheet(study: str, variants: Sequence[Variant]) -> Sheet:
    """The study's scores with a network per row, its gain over bicubic and, where they were recorded, its times."""
    sheet, sets = scores_sheet(study, variants), set_sizes(variants)
    rows = dict(zip(sheet.rows, zip(*(column.cells for column in sheet.columns), strict=True), strict=True))
    columns = [Column(name, _add_gain(name, rows[name], variants)) for name in sets]
    columns += [Column(name, list(cells)) for name, cells in rows.items() if name not in sets]
    seconds = [(f"{cost['latency_s']:.3g}", cost["device"]) if cost else NOTHING for cost in read_costs(variants)]
    columns.append(Column("1280×720 (s)", [NOTHING, *seconds]))
    columns.append(Column("training", [NOTHING, *map(_training_cell, variants)]))
    columns = [column for column in columns if any(cell != NOTHING for cell in column.cells[1:])]
    return Sheet(sheet.title, "network", [column.head for column in sheet.columns], columns)


def _add_gain(set_name: str, cells: Sequence[Cell], variants: Sequence[Variant]) -> list[Cell]:
    """Add the mean gain over bicubic to a data set's cells, which are bicubic's and the networks'."""
    found = [cells[0]]
    for variant, cell in zip(variants, cells[1:], strict=True):
        runs = [run.results for run in variant.runs.values() if set_name in run.results["sets"]]
        gains = [psnr_gain(run["sets"][set_name], run["bicubic"][set_name]) for run in runs]
        found.append((*cell, f"{fmean(gains):+z.2f} dB") if gains else cell)
    return found


def _training_cell(variant: Variant) -> Cell:
    """Hours, minutes and seconds, mean over seeds."""
    runs = [run.results.get("training", {}).get("seconds") for run in variant.runs.values()]
    known = [seconds for seconds in runs if seconds is not None]
    return (str(timedelta(seconds=round(fmean(known)))),) if known else NOTHING
