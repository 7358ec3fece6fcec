"""Quality against cost: what the chart shows, not how."""

from pathlib import Path
from typing import Any

import pytest

from aldsr.analysis.loading import read_variants
from aldsr.analysis.variants import Variant
from aldsr.evaluation.results import ResultsError
from aldsr.reporting.charts.cost import check_latency, draw_cost_chart, select_sets
from tests.analysis.fake_runs import fake_config, fake_results, write_run
from tests.reporting.recorded import record

SECONDS = {"RDN": [3.0, 2.0, 4.0], "DW-RDN": [1.0, 1.5]}


def description(label: str) -> dict[str, Any]:
    return {"_target_": "aldsr.nn.RDN", "conv": {"_target_": label}}


def latency(*labels: str) -> dict[str, Any]:
    """Measurements of `aldsr.benchmark deployed`."""
    records = [record(label, SECONDS[label], description=description(label)) for label in labels]
    return {"device": "here", "threads": 2, "deployed": records}


@pytest.fixture
def found(tmp_path: Path) -> list[Variant]:
    """Two networks of two seeds on two sets."""
    for label, psnr in (("RDN", 31.0), ("DW-RDN", 30.0)):
        for seed in (1, 2):
            results = fake_results(label, {"Set5": [psnr + seed], "B100": [psnr - 5]})
            results["network"]["description"] = description(label)
            write_run(tmp_path / f"{label}-{seed}", fake_config(label, seed), results)
    return read_variants([tmp_path])[1]


def test_a_network_is_a_point_in_the_panel_of_every_set_and_cost(found: list[Variant]) -> None:
    figure = draw_cost_chart(found, sets=["Set5", "B100"], latency=latency("DW-RDN", "RDN"))
    panels = [axes for axes in figure.axes if axes.containers]
    points = [[tuple(float(each) for each in bar[0].get_xydata()[0]) for bar in axes.containers] for axes in panels]
    assert points == [
        [(4638.979, 32.5), (4638.979, 31.5)],
        [(200.0, 32.5), (200.0, 31.5)],
        [(3.0, 32.5), (1.25, 31.5)],
        [(4638.979, 26.0), (4638.979, 25.0)],
        [(200.0, 26.0), (200.0, 25.0)],
        [(3.0, 26.0), (1.25, 25.0)],
    ]
    assert all(axes.get_xlim()[0] == 0 for axes in panels)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["RDN", "DW-RDN"]
    assert "here, 2 threads, 32-true" in panels[-1].get_xlabel()


def test_bars_are_the_spread_over_seeds_and_the_range_of_seconds(found: list[Variant]) -> None:
    figure = draw_cost_chart(found, sets=["Set5"], latency=latency("DW-RDN", "RDN"))
    across, along = (bar.get_segments()[0] for bar in figure.axes[2].containers[0][2])
    assert across[:, 0].tolist() == [2.0, 4.0]
    assert along[:, 1].tolist() == pytest.approx([32.5 - 0.5**0.5, 32.5 + 0.5**0.5])


def test_without_seconds_there_are_no_panels_of_seconds(found: list[Variant]) -> None:
    assert len(draw_cost_chart(found, sets=["Set5"]).axes) == 2


def test_seconds_of_all_networks_are_needed(found: list[Variant]) -> None:
    check_latency(found, latency("RDN", "DW-RDN"), Path("seconds.json"))
    with pytest.raises(ResultsError, match=r"seconds\.json: has no seconds of DW-RDN; expected .* --networks STUDY"):
        check_latency(found, latency("RDN"), Path("seconds.json"))


def test_sets_that_are_not_there_are_named(found: list[Variant]) -> None:
    assert select_sets(found, None) == ["Set5", "B100"]
    assert select_sets(found, ["B100"]) == ["B100"]
    with pytest.raises(ResultsError, match="--chart-sets Set14: no set of this study; expected of Set5, B100"):
        select_sets(found, ["Set14"])
