"""A table independent of its form, and its forms: on the terminal, in Markdown, in LaTeX.

A column knows whether its numbers are ours or the paper's. The terminal sets the paper's dim and italic under
"paper:"; Markdown and LaTeX give them a table of their own.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

Cell = tuple[str, ...]  # the lines of a cell
NOTHING: Cell = ("-",)
LATEX = str.maketrans(
    {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "±": r"$\pm$", "×": r"$\times$", "↓": r"$\downarrow$"}
)


class Column(NamedTuple):
    """A column of a `Sheet`: one cell per row."""

    head: str
    cells: Sequence[Cell]
    paper: bool = False  # numbers that are not ours
    left: bool = False  # words, aligned to the left
    bold: Collection[int] = ()  # the rows whose cells are in bold


class Sheet(NamedTuple):
    """A table. `console.print(sheet)` shows it on a terminal, as several tables where one would be too wide.

    A row without a name belongs to the row above it. Rows in which a table has nothing are left out.
    """

    title: str
    corner: str  # the heading of the names of rows
    rows: Sequence[str]
    columns: Sequence[Column]
    paper_title: str = ""  # of the paper's columns where they are a table of their own
    glue: str = " / "  # joins the lines of a cell in Markdown and LaTeX
    notes: Sequence[str] = ()  # lines below the table on the terminal

    @property
    def blocks(self) -> list[tuple[str, Sequence[Column]]]:
        """The columns of this project and, if there are any, those of the paper, each with their title."""
        ours, theirs = ([column for column in self.columns if column.paper is paper] for paper in (False, True))
        return [(self.title, ours), (self.paper_title, theirs)] if theirs else [(self.title, ours)]

    def to_markdown(self) -> str:
        """One Markdown table, or two: ours, then the paper's; each below its title if it has one."""
        tables = []
        for title, columns in self.blocks:
            header, *rows = self._lines(columns, bold="**{}**")
            rule = ["---", *("---" if column.left else "---:" for column in columns)]
            table = "".join(f"| {' | '.join(line)} |\n" for line in (header, rule, *rows))
            tables.append(f"**{title}**\n\n{table}" if title else table)
        return "\n".join(tables)

    def to_latex(self) -> str:
        r"""Rows of LaTeX `tabular`s without their frames, cells & cells \\; titles are comments."""
        tables = []
        for title, columns in self.blocks:
            lines = self._lines(columns, bold=r"\textbf{{{}}}", escape=latex_text)
            table = "".join(f"{' & '.join(line)} \\\\\n" for line in lines)
            tables.append(f"% {title}\n{table}" if title else table)
        return "\n".join(tables)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        fits = len(list(self._panels(self.columns, console))) == 1
        for title, columns in [(self.title, self.columns)] if fits else self.blocks:
            for number, panel in enumerate(self._panels(columns, console)):
                yield Text(f"{title}, continued" if number else title, style="italic")
                yield self._terminal_table(panel)
                yield Text()
        if self.notes:
            yield Text("\n".join(self.notes))

    def _rows(self, columns: Sequence[Column]) -> Iterator[tuple[int, str, list[Cell]]]:
        """Number, name and cells of every row in which these columns have anything."""
        for number, name in enumerate(self.rows):
            cells = [column.cells[number] for column in columns]
            if any(cell != NOTHING for cell in cells):
                yield number, name, cells

    def _lines(
        self, columns: Sequence[Column], *, bold: str, escape: Callable[[str], str] = str
    ) -> Iterator[list[str]]:
        yield [escape(head) for head in (self.corner, *(column.head for column in columns))]
        for number, name, cells in self._rows(columns):
            texts = [escape(self.glue.join(cell)) for cell in cells]
            marked = zip(columns, texts, strict=True)
            yield [escape(name), *(bold.format(text) if number in column.bold else text for column, text in marked)]

    def _panels(self, columns: Sequence[Column], console: Console) -> Iterator[list[Column]]:
        """Columns in groups that fit beside the names of the rows."""
        endless = console.options.update_width(10_000)
        panel: list[Column] = []
        for column in columns:
            width = console.measure(self._terminal_table([*panel, column]), options=endless).maximum
            if panel and width > console.width:
                yield panel
                panel = []
            panel.append(column)
        yield panel

    def _terminal_table(self, columns: Sequence[Column]) -> Table:
        table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
        table.add_column(Text(self.corner))
        for column in columns:
            style = "dim italic" if column.paper else None
            table.add_column(Text(_wrap_head(column)), justify="left" if column.left else "right", style=style)
        for number, name, cells in self._rows(columns):
            styles = ["bold" if number in column.bold else "" for column in columns]
            texts = [Text("\n".join(cell), style) for cell, style in zip(cells, styles, strict=True)]
            complete = number + 1 == len(self.rows) or bool(self.rows[number + 1])
            bold = all(number in column.bold for column in self.columns)
            long = bold or not name or any(len(cell) > 1 for cell in cells)
            table.add_row(Text(name), *texts, end_section=complete and long)
        return table


def latex_text(text: str) -> str:
    """Text with the characters escaped that LaTeX would not print."""
    return text.translate(LATEX)


def _wrap_head(column: Column) -> str:
    """A heading, with line breaks for spaces where it is wider than the cells."""
    widest = max((len(line) for cell in column.cells for line in cell), default=0)
    name = column.head if len(column.head) <= widest else column.head.replace(" ", "\n")
    return f"paper:\n{name}" if column.paper else name


def print_sheets(
    sheets: Iterable[Sheet], notes: Iterable[tuple[str, str]] = (), *, form: str = "table", indent: int = 10
) -> None:
    """Print tables and the notes below them, a word and a sentence each: for the terminal, "markdown" or "latex".

    On the terminal the sentences are indented by `indent` characters.
    """
    if form == "table":
        console = Console()
        for sheet in sheets:
            console.print(sheet)
        for word, text in notes:
            console.print(f"{word:<{indent}}{text}", markup=False, highlight=False, soft_wrap=True)
        return
    print(format_sheets(sheets, notes, form), end="")


def format_sheets(sheets: Iterable[Sheet], notes: Iterable[tuple[str, str]], form: str) -> str:
    """Tables and the notes below them as "markdown" or "latex"."""
    if form == "markdown":
        texts = [*(sheet.to_markdown() for sheet in sheets), *(f"- {word}: {text}" for word, text in notes)]
    else:
        texts = [*(sheet.to_latex() for sheet in sheets), *(f"% {word}: {latex_text(text)}" for word, text in notes)]
    return "\n".join(texts).removesuffix("\n") + "\n"
