"""Tables and plots of attention: what is averaged over what, and that the figures are those of the data."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from aldsr.analysis.statistics import paired_difference
from aldsr.evaluation.attention import LayerAttention
from aldsr.reporting.tables import attention as tables
from aldsr.reporting.tables.attention import Attention, AttentionRun
from aldsr.reporting.tables.sheet import Sheet

PLACES = ["RDBs.0.layers.0", "RDBs.0.layers.1", "RDBs.1.layers.0"]
PSNR = {"untouched": [30.0, 32.0], "z = 0": [29.5, 31.6], "r = 0": [20.0, 21.0]}


def networks(*seeds: int, z: tuple[float, ...] = (0, 1, 2, 3), places: Sequence[str] = PLACES) -> Attention:
    """Runs of a network of three layers with two hidden units, measured on two images."""
    runs = []
    for seed in seeds:
        psnr = {name: {f"i{n}": value + seed * (n + 1) / 100 for n, value in enumerate(v)} for name, v in PSNR.items()}
        values = np.array(z), np.array([1.0, -1.0]), np.array([0.1, 0.2, 0.3, 0.4]) + seed / 10, np.full(4, 0.01)
        layers = [LayerAttention(place, *values) for place in places]
        runs.append(AttentionRun(f"runs/a{seed}", {"scale": 4}, layers, {"Set5": psnr}))
    return Attention("ALD-RDN (det)", runs)


def column(sheet: Sheet, head: str) -> Any:
    return next(each.cells for each in sheet.columns if each.head == head)


def test_layers_are_named_as_in_papers_and_figures_are_means_over_runs() -> None:
    sheet = tables.layers_sheet(networks(0, 2))
    assert sheet.rows == ["1.1", "1.2", "2.1", "mean"]
    assert "2 runs" in sheet.title
    assert column(sheet, "filters") == [("4",)] * 3 + [("-",)]
    assert column(sheet, "live units")[0] == ("0.50 ± 0.00",)
    assert column(sheet, "mean of r") == [("0.350 ± 0.142",)] * 4  # 0.25 and 0.45, their sd rounded up
    assert column(sheet, "r due to z")[0] == ("0.0100 ± 0.0000",)
    constant = tables.layers_sheet(networks(0, z=(0.5,) * 4))
    assert "1 run" in constant.title
    assert column(constant, "Pearson") == [("-",)] * 4


def test_ablations_are_paired_differences_from_the_untouched_network() -> None:
    found = networks(0, 1, 2)
    sheet = tables.ablations_sheet(found)
    assert sheet.rows == ["untouched", "z = 0", "r = 0"]
    untouched, no_z, no_r = column(sheet, "Set5 (2 images)")
    assert (untouched, no_z[0], no_r[0]) == (("31.015 ± 0.015",), "-0.450", "-10.500")
    scores = [np.array([list(each.psnr["Set5"][name].values()) for each in found.runs]) for name in PSNR]
    assert found.change("Set5", "z = 0") == paired_difference(scores[1], scores[0])


def test_notes_say_what_intervals_of_one_run_leave_out() -> None:
    single, several = (dict(tables.attention_notes([networks(*seeds)], shuffles=5)) for seeds in ((0,), (0, 1)))
    assert "images only" in single["intervals"]
    assert "images only" not in several["intervals"]
    assert "mean over 5 shuffles" in several["shuffled"]


def test_json_holds_every_value_and_every_change() -> None:
    (network,) = json.loads(json.dumps(tables.attention_data([networks(0)])))
    assert network["runs"][0]["layers"][2]["values"]["z"] == [0, 1, 2, 3]
    assert network["runs"][0]["psnr_y"]["Set5"]["z = 0"] == {"i0": 29.5, "i1": 31.6}
    assert network["changes"]["Set5"]["r = 0"]["mean"] == pytest.approx(-10.5)


def test_plots_show_every_channel_and_every_change() -> None:
    pytest.importorskip("matplotlib")
    from aldsr.reporting.charts.attention import draw_ablations, draw_descriptor, draw_distribution

    found = networks(0, 1)
    points = [line for axes in draw_descriptor(found).axes for line in axes.lines]
    assert sum(len(line.get_xdata()) for line in points) == 3 * 4 * 2  # layers, channels, runs
    others = networks(0, places=["body.0.conv1", "body.0.conv2", "body.1.conv1"])
    assert tables.layers_sheet(others).rows[0] == "body.0.conv1"
    assert [axes.get_title() for axes in draw_descriptor(others).axes] == ["body.0", "body.1"]
    above, below = draw_distribution(found).axes
    assert [tick.get_text() for tick in below.get_xticklabels()] == ["1.1", "1.2", "2.1"]
    low, high = above.get_ylim()
    assert low < 0.1
    assert high > 0.5
    both = draw_ablations([found, networks(0)._replace(name="ALD-RDN (none)")])
    (axes,), (legend,) = both.axes, both.legends
    drawn = [container.lines[0].get_xdata().tolist() for container in axes.containers]
    assert drawn[1] == pytest.approx([-0.45, -10.5])
    assert [text.get_text() for text in legend.get_texts()] == ["ALD-RDN (det)", "ALD-RDN (none)"]
