"""The page's tables."""

import json
from pathlib import Path

from aldsr.reporting.html.tables import networks_sheet, render_sheet
from aldsr.reporting.tables.sheet import Cell, Column, Sheet
from tests.analysis.fake_runs import variants_by_name, write_variant


def read_columns(study: Path) -> dict[str, list[Cell]]:
    """The cells of bicubic, RDN and DW-RDN, by heading."""
    sheet = networks_sheet("study", list(variants_by_name(study).values()))
    assert sheet.rows == ["bicubic", "RDN", "DW-RDN"]
    return {column.head: list(column.cells) for column in sheet.columns}


def test_networks_have_scores_gains_and_costs(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0, 32.0], [30.2, 32.2]]})
    write_variant(tmp_path, "DW-RDN", {"mine": [[27.999, 27.999]]})
    cells = read_columns(tmp_path)
    assert [cell[0] for cell in cells["mine"]] == ["28.00", "31.10 ± 0.15", "28.00"]
    assert [cell[-1] for cell in cells["mine"][1:]] == ["+3.10 dB", "+0.00 dB"]  # what rounds to zero has no minus
    assert cells["seeds"] == [("-",), ("2",), ("1",)]
    assert cells["training"][1] == ("0:00:01",)
    assert "1280×720 (s)" not in cells  # was not measured

    file = tmp_path / "dw-rdn-determinant-seed1" / "results.json"
    cost = {"device": "a CPU", "unfolded": {"latency_s": 2.0}, "folded": {"latency_s": 1.25}}
    file.write_text(json.dumps({**json.loads(file.read_text()), "cost": cost}))
    assert read_columns(tmp_path)["1280×720 (s)"] == [("-",), ("-",), ("1.25", "a CPU")]  # of the folded form


def test_a_sheet_is_escaped_and_marks_the_paper_s_columns() -> None:
    columns = [Column("<b>", [("1", "2 & 3")]), Column("RDN", [("4",)], paper=True), Column("who", [("x",)], left=True)]
    html = render_sheet(Sheet("ours", "set", ["a"], columns, "theirs"))
    for expected in (
        "<figcaption>ours · theirs</figcaption>",
        '<th scope="col" class="number">&lt;b&gt;</th>',
        '<th scope="col" class="number paper">paper: RDN</th>',
        '<th scope="row">a</th><td class="number"><span>1</span><span>2 &amp; 3</span></td>',
        '<td class="left"><span>x</span></td>',
    ):
        assert expected in html
