"""One table in three forms."""

import io

import pytest
from rich.console import Console

from aldsr.reporting.tables.sheet import Column, Sheet, latex_sheet, markdown_sheet, terminal_tables

SHEET = Sheet(
    "Ours_1 & more",
    "data set",
    ["seeds", "Set5"],
    [
        Column("RDN", [("3",), ("32.40 ± 0.01", "0.8970 ± 0.0002")]),
        Column("ALD-RDN [det]", [("2",), ("32.10", "0.8930")]),
        Column("RDN (re-implemented)", [("-",), ("32.40", "0.8977")], paper=True),
    ],
    "Published",
)


def printed(sheet: Sheet, width: int) -> tuple[list[str], list[str]]:
    """The titles of a sheet's tables and all of their lines."""
    console = Console(width=width, record=True, file=io.StringIO())
    found = terminal_tables(sheet, width=width)
    for _, table in found:
        console.print(table)
    return [title for title, _ in found], console.export_text().splitlines()


def test_where_there_is_room_the_paper_stands_beside_ours() -> None:
    titles, lines = printed(SHEET, 80)
    assert titles == ["Ours_1 & more"]
    assert any("32.40 ± 0.01" in line and line.rstrip().endswith("32.40") for line in lines)
    assert any("paper:" in line for line in lines)
    assert any("[det]" in line for line in lines)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (50, ["Ours_1 & more", "Published"]),
        (30, ["Ours_1 & more", "Ours_1 & more, continued", "Published"]),
    ],
)
def test_where_there_is_none_the_columns_follow_each_other(width: int, titles: list[str]) -> None:
    found, lines = printed(SHEET, width)
    assert found == titles
    assert max(map(len, lines)) <= width
    assert sum("Set5" in line for line in lines) == len(titles)
    for figure in ("32.40 ± 0.01", "0.8970 ± 0.0002", "0.8930", "0.8977"):
        assert any(figure in line for line in lines)


@pytest.mark.parametrize("width", range(26, 90))
def test_no_figure_is_ever_broken(width: int) -> None:
    text = "\n".join(printed(SHEET, width)[1])
    assert "32.40 ± 0.01" in text
    assert "0.8970 ± 0.0002" in text


def test_the_papers_columns_look_different() -> None:
    ((_, table),) = terminal_tables(SHEET, width=80)
    assert [column.style for column in table.columns[1:]] == ["", "", "dim italic"]


def test_markdown_has_the_papers_figures_under_their_own_heading() -> None:
    ours, theirs = markdown_sheet(SHEET).split("**Published**")
    assert ours.startswith("**Ours_1 & more**\n\n| data set | RDN | ALD-RDN [det] |\n| --- | ---: | ---: |\n")
    assert "| Set5 | 32.40 ± 0.01 / 0.8970 ± 0.0002 | 32.10 / 0.8930 |\n" in ours
    assert theirs.splitlines()[-1] == "| Set5 | 32.40 / 0.8977 |"
    assert "seeds" not in theirs


def test_latex_has_blocks_under_comments() -> None:
    lines = latex_sheet(SHEET).splitlines()
    assert lines[0] == "% Ours_1 & more"
    assert lines[3] == r"Set5 & 32.40 $\pm$ 0.01 / 0.8970 $\pm$ 0.0002 & 32.10 / 0.8930 \\"
    assert lines[4:] == ["", "% Published", r"data set & RDN (re-implemented) \\", r"Set5 & 32.40 / 0.8977 \\"]
