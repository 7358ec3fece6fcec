"""The published numbers, as printed."""

import pytest

from aldsr.reporting.tables.paper import SETS, TABLE_I, TABLE_II, TABLE_III, TABLE_IV, TABLES, PaperTable, match_set


@pytest.mark.parametrize(
    ("table", "name", "column", "printed"),
    [
        (TABLE_I, "Set5", "RDN", ("32.47", "0.8990")),
        (TABLE_I, "Set14", "ALD-RDN", ("28.62", "0.7837")),
        (TABLE_I, "DIV2K validation", "RDN", None),
        (TABLE_I, "DIV2K validation", "RDN (re-implemented)", ("30.65", "0.8430")),
        (TABLE_II, "B100", "LDW-RDN", ("27.59", "0.7367")),
        (TABLE_III, "Set5", "ALD-RDN (max)", ("32.23", "0.8957")),
        (TABLE_III, "Urban100", "ALD-RDN (det)", ("26.23", "0.7914")),
    ],
)
def test_cells(table: PaperTable, name: str, column: str, printed: tuple[str, str] | None) -> None:
    assert table.scores[name][table.columns.index(column)] == printed


def test_tables_are_complete_and_agree_where_they_share_a_network() -> None:
    for table in TABLES.values():
        assert list(table.scores) == list(SETS)
        assert {len(row) for row in table.scores.values()} == {len(table.columns)}
    for name in SETS:
        assert TABLE_I.scores[name][2] == TABLE_II.scores[name][0]  # DW-RDN
        assert TABLE_I.scores[name][3] == TABLE_III.scores[name][2]  # ALD-RDN with the determinant
    assert list(TABLE_IV.values()) == [1363968, 205056, 205056, 257280]


@pytest.mark.parametrize(
    ("name", "number", "published"),
    [
        ("Set5", 5, "Set5"),
        ("Set5", 3, None),  # some of its images only
        ("BSD100", 100, "B100"),
        ("DIV2K_valid", 100, "DIV2K validation"),
        ("photographs", 8, None),
    ],
)
def test_which_set_is_one_of_the_papers(name: str, number: int, published: str | None) -> None:
    assert match_set(name, number) == published
