"""A table before it has a form, and its forms: for the terminal, in Markdown and in LaTeX.

A column knows whether its figures are ours or the paper's. The terminal sets the paper's dim and italic under
"paper:"; Markdown and LaTeX give them a table of their own.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

Cell = tuple[str, ...]  # the lines of a cell
NOTHING: Cell = ("-",)
GAP = 2  # spaces between columns on the terminal
SIGNS = {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "±": r"$\pm$", "×": r"$\times$"}  # as LaTeX wants them


class Column(NamedTuple):
    """A heading and a cell per row; `paper` for figures that are not ours."""

    head: str
    cells: list[Cell]
    paper: bool = False
    left: bool = False  # for words: set flush left


class Sheet(NamedTuple):
    """A table: what stands over it, its first column, and the others; `glue` joins a cell's lines in print."""

    title: str
    corner: str
    rows: list[str]
    columns: list[Column]
    paper_title: str = ""
    glue: str = " / "

    @property
    def ours(self) -> list[Column]:
        """The columns of this project."""
        return [column for column in self.columns if not column.paper]

    @property
    def theirs(self) -> list[Column]:
        """The columns of the paper."""
        return [column for column in self.columns if column.paper]


def terminal_tables(sheet: Sheet, *, width: int) -> list[tuple[str, Table]]:
    """The sheet as one titled table or, where that is wider than the terminal, as several: ours, then the paper's.

    Args:
        sheet: to be shown.
        width: of the terminal, in characters.
    """
    if len(list(_panels(sheet, sheet.columns, width))) == 1:
        return [(sheet.title, _terminal_table(sheet, sheet.columns))]
    return [
        (f"{title}, continued" if place else title, _terminal_table(sheet, panel))
        for title, columns in _blocks(sheet)
        for place, panel in enumerate(_panels(sheet, columns, width))
    ]


def _panels(sheet: Sheet, columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """Columns in groups that fit beside the first one."""
    room = width - max(map(len, (sheet.corner, *sheet.rows))) - 1
    panel: list[Column] = []
    used = 0
    for column in columns:
        wanted = GAP + max(len(line) for lines in (_head(column).split("\n"), *column.cells) for line in lines)
        if panel and used + wanted > room:
            yield panel
            panel, used = [], 0
        panel.append(column)
        used += wanted
    yield panel


def _terminal_table(sheet: Sheet, columns: Sequence[Column]) -> Table:
    # One space after each cell and one between columns make the GAP that `_panels` counts on.
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(sheet.corner)
    for column in columns:
        style = "dim italic" if column.paper else None
        table.add_column(escape(_head(column)), justify="left" if column.left else "right", style=style)
    for place, name, cells in _rows(sheet, columns):
        # A row without a name goes on with the one above it, which a line would hide.
        ends = place + 1 == len(sheet.rows) or bool(sheet.rows[place + 1])
        several = any(len(cell) > 1 for cell in cells)
        table.add_row(escape(name), *(escape("\n".join(cell)) for cell in cells), end_section=ends and several)
    return table


def _rows(sheet: Sheet, columns: Sequence[Column]) -> list[tuple[int, str, list[Cell]]]:
    """Place, name and cells of every row of which these columns say something."""
    rows = [(place, name, [column.cells[place] for column in columns]) for place, name in enumerate(sheet.rows)]
    return [row for row in rows if any(cell != NOTHING for cell in row[2])]


def _head(column: Column) -> str:
    """A heading, broken at its spaces where it would be wider than its figures."""
    widest = max((len(line) for cell in column.cells for line in cell), default=0)
    name = column.head if len(column.head) <= widest else column.head.replace(" ", "\n")
    return f"paper:\n{name}" if column.paper else name


def markdown_sheet(sheet: Sheet) -> str:
    """The sheet as one Markdown table, or as two: ours, and under its own heading the paper's."""
    return "\n".join(
        f"**{title}**\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in _with_rule(sheet, columns))
        for title, columns in _blocks(sheet)
    )


def latex_sheet(sheet: Sheet) -> str:
    r"""Rows of LaTeX `tabular`s without their frames, cells & cells \\, each block under a comment with its title."""
    return "\n".join(
        f"% {title}\n" + "".join(f"{' & '.join(map(latex_text, line))} \\\\\n" for line in _lines(sheet, columns))
        for title, columns in _blocks(sheet)
    )


def latex_text(text: str) -> str:
    """Text as LaTeX prints it in any encoding."""
    for sign, printed in SIGNS.items():
        text = text.replace(sign, printed)
    return text


def _blocks(sheet: Sheet) -> list[tuple[str, list[Column]]]:
    ours, theirs = (sheet.title, sheet.ours), (sheet.paper_title, sheet.theirs)
    return [ours, theirs] if theirs[1] else [ours]


def _lines(sheet: Sheet, columns: Sequence[Column]) -> list[list[str]]:
    rows = [[name, *map(sheet.glue.join, cells)] for _, name, cells in _rows(sheet, columns)]
    return [[sheet.corner, *(column.head for column in columns)], *rows]


def _with_rule(sheet: Sheet, columns: Sequence[Column]) -> list[list[str]]:
    header, *rows = _lines(sheet, columns)
    return [header, ["---", *("---" if column.left else "---:" for column in columns)], *rows]
