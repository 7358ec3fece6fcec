"""Quality against cost: what the chart shows."""

from pathlib import Path

import pytest

from aldsr.evaluation.results import ResultsError
from aldsr.reporting.charts.cost import draw_cost_chart
from tests.analysis.fake_runs import fake_config, fake_results, variants_by_name, write_run
from tests.reporting.recorded import record

pytestmark = pytest.mark.needs("matplotlib")

DESCRIPTIONS = {label: {"_target_": "aldsr.nn.RDN", "conv": {"_target_": label}} for label in ("RDN", "DW-RDN")}


def test_a_network_is_a_point_in_the_panel_of_every_set_and_cost(tmp_path: Path) -> None:
    for label, psnr in (("RDN", 31.0), ("DW-RDN", 30.0)):
        for seed in (1, 2):
            results = fake_results(label, {"Set5": [psnr + seed], "B100": [psnr - 5]})
            results["network"]["description"] = DESCRIPTIONS[label]
            write_run(tmp_path / f"{label}-{seed}", fake_config(label, seed), results)
    variants = list(variants_by_name(tmp_path).values())
    seconds = {"DW-RDN": [1.0, 1.5], "RDN": [3.0, 2.0, 4.0]}
    deployed = [record(label, each, description=DESCRIPTIONS[label]) for label, each in seconds.items()]
    latency = {"device": "here", "threads": 2, "deployed": deployed}
    figure = draw_cost_chart(variants, latency=latency)
    panels = [axes for axes in figure.axes if axes.containers]
    points = [[tuple(float(each) for each in bar[0].get_xydata()[0]) for bar in axes.containers] for axes in panels]
    costs = [(4638.979, 4638.979), (200.0, 200.0), (3.0, 1.25)]
    scores = [(32.5, 31.5), (26.0, 25.0)]
    assert points == [list(zip(cost, score, strict=True)) for score in scores for cost in costs]
    assert all(axes.get_xlim()[0] == 0 for axes in panels)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["RDN", "DW-RDN"]
    assert "here, 2 threads, 32-true" in panels[-1].get_xlabel()
    across, along = (bar.get_segments()[0] for bar in panels[2].containers[0][2])
    assert across[:, 0].tolist() == [2.0, 4.0]  # range of the seconds
    assert along[:, 1].tolist() == pytest.approx([32.5 - 0.5**0.5, 32.5 + 0.5**0.5])  # sd over seeds
    assert len(draw_cost_chart(variants, sets=["Set5"]).axes) == 2  # without seconds

    first = variants[0].first.results
    first["measured"]["precision"] = "32-true"
    first["cost"] = {"device": "CPU", "threads": 1, "unfolded": {"activations_256x256": 7_000_000}}
    activations = draw_cost_chart(variants, sets=["Set5"]).axes[2]
    assert [bar[0].get_xydata().tolist() for bar in activations.containers] == [[[7.0, 32.5]]]

    with pytest.raises(ResultsError, match=r"--latency: .*DW-RDN"):
        draw_cost_chart(variants, latency={**latency, "deployed": deployed[1:]})
    with pytest.raises(ResultsError, match=r"--chart-sets Set14: .*Set5, B100"):
        draw_cost_chart(variants, sets=["Set14"])
