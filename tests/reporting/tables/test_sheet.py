"""One table in three forms."""

import io

import pytest
from rich.console import Console

from aldsr.reporting.tables.sheet import Column, Sheet, print_sheets

SHEET = Sheet(
    "Ours_1 & more",
    "data set",
    ["seeds", "Set5"],
    [
        Column("RDN", [("3",), ("32.40 ± 0.01", "0.8970 ± 0.0002")], bold=[1]),
        Column("ALD-RDN [det]", [("2",), ("32.10", "0.8930")]),
        Column("RDN (re-implemented)", [("-",), ("32.40", "0.8977")], paper=True),
    ],
    "Published",
    notes=["[a] note"],
)


def printed(width: int, sheet: Sheet = SHEET, **options: object) -> str:
    console = Console(width=width, file=io.StringIO(), **options)  # type: ignore[arg-type]
    console.print(sheet)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (80, ["Ours_1 & more"]),
        (50, ["Ours_1 & more", "Published"]),
        (26, ["Ours_1 & more", "Ours_1 & more, continued", "Published"]),
    ],
)
def test_a_terminal_shows_as_many_tables_as_it_takes(width: int, titles: list[str]) -> None:
    lines = printed(width).splitlines()
    assert [line for line in lines if line.startswith(("Ours", "Published"))] == titles
    assert max(map(len, lines)) <= width
    assert sum("Set5" in line for line in lines) == len(titles)
    for number in ("32.40 ± 0.01", "0.8970 ± 0.0002", "0.8930", "0.8977", "paper:", "[det]"):  # none is broken
        assert any(number in line for line in lines)
    assert lines[-1] == "[a] note"


def test_bold_cells_and_the_papers_columns_look_different() -> None:
    text = printed(80, force_terminal=True, color_system="standard")
    assert "\x1b[1m0.8970 ± 0.0002" in text
    assert "\x1b[2;3m          0.8977" in text


def test_rows_without_a_name_belong_to_the_row_above() -> None:
    sheet = Sheet("", "", ["a", "", "b"], [Column("x", [("1",), ("2",), ("3",)])])
    assert [line.split() for line in printed(40, sheet).splitlines()][3:7] == [["a", "1"], ["2"], [], ["b", "3"]]


def test_markdown_has_the_papers_numbers_under_their_own_heading(capsys: pytest.CaptureFixture[str]) -> None:
    print_sheets([SHEET], [("word", "a sentence")], form="markdown")
    assert capsys.readouterr().out == (
        "**Ours_1 & more**\n\n"
        "| data set | RDN | ALD-RDN [det] |\n"
        "| --- | ---: | ---: |\n"
        "| seeds | 3 | 2 |\n"
        "| Set5 | **32.40 ± 0.01 / 0.8970 ± 0.0002** | 32.10 / 0.8930 |\n"
        "\n**Published**\n\n"
        "| data set | RDN (re-implemented) |\n"
        "| --- | ---: |\n"
        "| Set5 | 32.40 / 0.8977 |\n"
        "\n- word: a sentence\n"
    )


def test_latex_has_rows_below_comments(capsys: pytest.CaptureFixture[str]) -> None:
    ours = SHEET._replace(columns=SHEET.columns[:2])
    print_sheets([ours], [("word", "100 %")], form="latex")
    assert capsys.readouterr().out.splitlines() == [
        "% Ours_1 & more",
        r"data set & RDN & ALD-RDN [det] \\",
        r"seeds & 3 & 2 \\",
        r"Set5 & \textbf{32.40 $\pm$ 0.01 / 0.8970 $\pm$ 0.0002} & 32.10 / 0.8930 \\",
        "",
        r"% word: 100 \%",
    ]
    assert "%" not in ours._replace(title="").to_latex()
