"""Charts of recorded figures: what they show, not how."""

import pytest

from aldsr.reporting.charts.figures import FigureError
from aldsr.reporting.charts.speed import draw_growth_chart, draw_speed_chart
from aldsr.reporting.tables.speed import summarise_timings
from tests.reporting.recorded import growth, record, training


def test_a_bar_is_as_long_as_its_median() -> None:
    (axes,) = draw_speed_chart("training", training()).axes
    rows = summarise_timings(training()["training"])
    assert [bar.get_width() for bar in axes.patches] == [row.median for row in rows]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "literal, the system's allocator",
        "literal, freed memory kept",
        "RDN",
        "ALD-RDN",
    ]
    assert axes.texts[-1].get_text() == "  1.5 s, 2.67 × RDN's speed"
    (floors,) = (each for each in axes.collections if "roofline" in str(each.get_label()))
    assert floors.get_offsets()[:, 0].tolist() == pytest.approx([row.floor for row in rows])


def test_a_process_that_was_killed_has_no_bar() -> None:
    records = [record("literal", keep_memory=False), record("ALD-RDN", [2.0, 4.0], checkpoint=True)]
    (axes,) = draw_speed_chart("checkpointing", {"device": "here", "threads": 2, "checkpointing": records}).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ALD-RDN, checkpointing"]
    assert axes.texts[0].get_text() == "  3 s"


def test_a_panel_for_each_thing_that_grows_says_the_exponents() -> None:
    panels = draw_growth_chart(growth(0.8)).axes
    assert [axes.get_xlabel() for axes in panels] == ["patches", "LR pixels", "RDBs"]
    for axes in panels:
        said = [text.get_text() for text in axes.get_legend().get_texts()]
        assert said == ["RDN: exponent 0.80", "ALD-RDN: exponent 0.80"]


def test_nothing_to_draw_is_told() -> None:
    killed = {"device": "here", "threads": 2, "training": [record("RDN")]}
    with pytest.raises(FigureError, match="training: every process was killed"):
        draw_speed_chart("training", killed)
    with pytest.raises(FigureError, match="growth: was measured at one size only"):
        draw_growth_chart({**growth(), "growth": growth()["growth"][-2:]})
