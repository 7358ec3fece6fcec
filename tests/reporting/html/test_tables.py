"""The page's tables."""

import json
from pathlib import Path

import pytest

from aldsr.reporting.html.tables import format_gain, networks_sheet, render_sheet, upscaling_seconds
from aldsr.reporting.tables.sheet import Column, Sheet
from tests.analysis.fake_runs import read_variants, write_variant


def test_networks_have_scores_gains_and_costs(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0, 32.0], [30.2, 32.2]]})
    write_variant(tmp_path, "DW-RDN", {"mine": [[28.0, 28.0]]})
    sheet = networks_sheet(list(read_variants(tmp_path).values()))
    assert sheet.rows == ["bicubic", "RDN", "DW-RDN"]
    cells = {column.head: column.cells for column in sheet.columns}
    assert cells["mine"] == [
        ("28.00", "0.9280"),
        ("31.10 ± 0.15", "0.9311 ± 0.0002", "+3.10 dB"),
        ("28.00", "0.9280", "+0.00 dB"),
    ]
    assert cells["seeds"] == [("-",), ("2",), ("1",)]
    assert cells["parameters"][1:] == [("4,638,979",)] * 2
    assert cells["training"][1] == ("0:00:01",)
    assert "1280×720 (s)" not in cells  # was not measured


def test_measured_seconds_are_those_of_the_folded_form(tmp_path: Path) -> None:
    write_variant(tmp_path, "DW-RDN", {"mine": [[30.0]]})
    file = tmp_path / "dw-rdn-determinant-seed1" / "results.json"
    cost = {"device": "a CPU", "unfolded": {"latency_s": 2.0}, "folded": {"latency_s": 1.25}}
    file.write_text(json.dumps({**json.loads(file.read_text()), "cost": cost}))
    found = list(read_variants(tmp_path).values())
    assert upscaling_seconds(found[0]) == 1.25
    cells = {column.head: column.cells for column in networks_sheet(found).columns}
    assert cells["1280×720 (s)"] == [("-",), ("1.25", "a CPU")]


def test_a_sheet_keeps_its_lines_and_tells_whose_figures_they_are() -> None:
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


@pytest.mark.parametrize(("gain", "said"), [(-0.001, "+0.00"), (-0.006, "-0.01"), (1.234, "+1.23")])
def test_what_rounds_to_nothing_has_no_minus(gain: float, said: str) -> None:
    assert format_gain(gain) == said
