"""Tables and plots of attention: what is averaged over what, and that the figures are those of the data."""

import json
from typing import Any

import numpy as np
import pytest

from aldsr.analysis.statistics import paired_difference
from aldsr.evaluation.attention import LayerAttention
from aldsr.reporting.tables.attention import (
    Attention,
    AttentionRun,
    ablations_sheet,
    attention_data,
    attention_notes,
    layer_name,
    layers_sheet,
)
from aldsr.reporting.tables.sheet import Sheet

PLACES = ["RDBs.0.layers.0", "RDBs.0.layers.1", "RDBs.1.layers.0"]
PSNR = {"untouched": [30.0, 32.0], "z = 0": [29.5, 31.6], "r = 0": [20.0, 21.0]}


def layer(place: str, *, shift: float = 0.0, constant: bool = False) -> LayerAttention:
    z = np.full(4, 0.5) if constant else np.array([0.0, 1.0, 2.0, 3.0])
    return LayerAttention(place, z, np.array([1.0, -1.0]), np.array([0.1, 0.2, 0.3, 0.4]) + shift, np.full(4, 0.01))


def run(seed: int, **options: Any) -> AttentionRun:
    psnr = {name: {f"i{n}": value + seed * (n + 1) / 100 for n, value in enumerate(v)} for name, v in PSNR.items()}
    layers = [layer(place, shift=seed / 10, **options) for place in PLACES]
    return AttentionRun(f"runs/a{seed}", {"scale": 4}, layers, {"Set5": psnr})


def column(sheet: Sheet, head: str) -> list[tuple[str, ...]]:
    return next(each.cells for each in sheet.columns if each.head == head)


def test_layers_are_named_as_in_papers_and_figures_are_means_over_runs() -> None:
    sheet = layers_sheet(Attention("ALD-RDN (det)", [run(0), run(2)]))
    assert sheet.rows == ["1.1", "1.2", "2.1", "mean"]
    assert "2 runs" in sheet.title
    assert column(sheet, "filters") == [("4",)] * 3 + [("-",)]
    assert column(sheet, "live units")[0] == ("0.50 ± 0.00",)
    assert column(sheet, "mean of r") == [("0.350 ± 0.142",)] * 4  # 0.25 and 0.45, their sd rounded up
    assert column(sheet, "r due to z")[0] == ("0.0100 ± 0.0000",)


def test_where_nothing_correlates_there_is_no_figure() -> None:
    sheet = layers_sheet(Attention("ALD-RDN (none)", [run(0, constant=True)]))
    assert column(sheet, "Pearson") == [("-",)] * 4
    assert "1 run" in sheet.title


def test_layers_of_other_networks_keep_their_places() -> None:
    assert layer_name("body.3.conv") == "body.3.conv"


def test_ablations_are_paired_differences_from_the_untouched_network() -> None:
    found = Attention("ALD-RDN (det)", [run(0), run(1), run(2)])
    sheet = ablations_sheet(found)
    assert sheet.rows == ["untouched", "z = 0", "r = 0"]
    (cells,) = (each.cells for each in sheet.columns)
    assert sheet.columns[0].head == "Set5 (2 images)"
    assert cells[0] == ("31.015 ± 0.015",)
    assert cells[1][0] == "-0.450"
    tables = [np.array([list(each.psnr["Set5"][name].values()) for each in found.runs]) for name in PSNR]
    assert found.change("Set5", "z = 0") == paired_difference(tables[1], tables[0])
    assert cells[2][0] == "-10.500"


def test_notes_say_what_intervals_of_one_run_leave_out() -> None:
    several, single = ([Attention("ALD-RDN (det)", [run(seed) for seed in seeds])] for seeds in ((0, 1), (0,)))
    assert "images only" in dict(attention_notes(single, shuffles=5))["intervals"]
    assert "images only" not in dict(attention_notes(several, shuffles=5))["intervals"]
    assert "mean over 5 shuffles" in dict(attention_notes(several, shuffles=5))["shuffled"]


def test_json_holds_every_value_and_every_change() -> None:
    content = json.loads(json.dumps(attention_data([Attention("ALD-RDN (det)", [run(0)])])))
    (network,) = content
    assert network["runs"][0]["layers"][2]["values"]["z"] == [0, 1, 2, 3]
    assert network["runs"][0]["psnr_y"]["Set5"]["z = 0"] == {"i0": 29.5, "i1": 31.6}
    assert network["changes"]["Set5"]["r = 0"]["mean"] == pytest.approx(-10.5)


def test_plots_show_every_channel_and_every_change() -> None:
    pytest.importorskip("matplotlib")
    from aldsr.reporting.charts.attention import draw_ablations, draw_descriptor, draw_distribution

    found = Attention("ALD-RDN (det)", [run(0), run(1)])
    points = [line for axes in draw_descriptor(found).axes for line in axes.lines]
    assert sum(len(line.get_xdata()) for line in points) == 3 * 4 * 2  # layers, channels, runs
    above, below = draw_distribution(found).axes
    assert [tick.get_text() for tick in below.get_xticklabels()] == ["1.1", "1.2", "2.1"]
    low, high = above.get_ylim()
    assert low < 0.1
    assert high > 0.5
    both = draw_ablations([found, Attention("ALD-RDN (none)", [run(0)])])
    (axes,), (legend,) = both.axes, both.legends
    drawn = [container.lines[0].get_xdata().tolist() for container in axes.containers]
    assert drawn[1] == pytest.approx([-0.45, -10.5])
    assert [text.get_text() for text in legend.get_texts()] == ["ALD-RDN (det)", "ALD-RDN (none)"]
