"""Charts of the benchmark's records: what they show."""

import pytest

from aldsr.reporting.charts.figures import FigureError
from aldsr.reporting.charts.speed import draw_growth_chart, draw_speed_chart
from aldsr.reporting.tables.speed import summarise_timings
from tests.reporting.recorded import growth, of_gpu, record, training

pytestmark = pytest.mark.needs("matplotlib")


def test_a_bar_is_as_long_as_its_median_and_a_process_that_was_killed_has_none() -> None:
    killed, alive = record("literal", keep_memory=False), record("ALD-RDN", [2.0, 4.0], checkpoint=True)
    measured = [*training()["training"], alive]
    (axes,) = draw_speed_chart("training", {**training(), "training": [killed, *measured]}).axes
    rows = summarise_timings(measured)
    assert [bar.get_width() for bar in axes.patches] == [row.median for row in rows]
    names = [label.get_text() for label in axes.get_yticklabels()]
    literal = ["literal, the system's allocator", "literal, freed memory kept"]
    assert names == [*literal, "RDN", "ALD-RDN", "ALD-RDN, checkpointing"]
    assert axes.texts[3].get_text() == "  1.5 s, 2.67 × RDN's speed"
    (floors,) = (each for each in axes.collections if "roofline" in str(each.get_label()))
    assert floors.get_offsets()[:, 0].tolist() == pytest.approx([row.floor for row in rows])
    with pytest.raises(FigureError, match="training: every process was killed"):
        draw_speed_chart("training", {"device": "here", "threads": 2, "training": [killed]})


def test_bars_of_a_gpu_are_milliseconds_up_to_the_larger_floor() -> None:
    (axes,) = draw_speed_chart("training", of_gpu()).axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([200, 50, 25])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["literal", "RDN", "RDN, graph"]
    assert axes.texts[1].get_text() == "  50 ms, 0.50 × RDN's speed"
    (floors,) = (each for each in axes.collections if "copy" in str(each.get_label()))
    assert floors.get_offsets()[:, 0].tolist() == pytest.approx([10, 10, 10])


def test_a_panel_for_each_thing_that_grows_says_the_exponents() -> None:
    panels = draw_growth_chart(growth(0.8)).axes
    assert [axes.get_xlabel() for axes in panels] == ["patches", "LR pixels", "RDBs"]
    for axes in panels:
        legend = [text.get_text() for text in axes.get_legend().get_texts()]
        assert legend == ["RDN: exponent 0.80", "ALD-RDN: exponent 0.80"]
    with pytest.raises(FigureError, match=r"growth: .*one size"):
        draw_growth_chart({**growth(), "growth": growth()["growth"][-2:]})
