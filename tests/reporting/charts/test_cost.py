"""Quality against cost: what the chart shows."""

from pathlib import Path

import pytest

from aldsr.analysis.variants import Variant
from aldsr.evaluation.results import ResultsError
from aldsr.reporting.charts.cost import draw_cost_chart
from aldsr.reporting.charts.literature import PUBLISHED, STYLE, read_literature
from tests.analysis.fake_runs import fake_config, fake_results, variants_by_name, write_run
from tests.reporting.recorded import record

pytestmark = pytest.mark.needs("matplotlib")

ROOT = Path(__file__).parents[3]
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


ROWS = """\
network,scale,parameters,multi_adds_720p,set5_psnr,set14_psnr,b100_psnr,urban100_psnr,trained_on,source
IMDN,4,715K,40.9G,32.21,28.58,27.56,26.04,DIV2K,a table
CFSR,4,307000,,32.33,,,,,"a README, and a paper"
RDN,4,,,32.47,28.81,27.72,26.61,DIV2K,Table I
Rumour,4,1K,1M,39,39,39,39,DIV2K,
Twice,2,1K,1M,39,39,39,39,DIV2K,a table
"""


@pytest.fixture
def measured(tmp_path: Path) -> list[Variant]:
    """A network on Set5, and on a set that the literature has not."""
    results = fake_results("RDN", {"Set5": [30.0] * 5, "mine": [31.0] * 5})
    for each in results["sets"].values():
        each["lr_track"] = "bicubic"
    write_run(tmp_path / "study" / "RDN-1", fake_config("RDN", 1), results)
    return list(variants_by_name(tmp_path / "study").values())


def test_published_networks_are_hollow_gray_and_named_where_their_numbers_are_known(
    measured: list[Variant], tmp_path: Path
) -> None:
    (file := tmp_path / "rows.csv").write_text(ROWS)
    literature, notes = read_literature(file, measured)
    figure = draw_cost_chart(measured, literature=literature)
    parameters, multi_adds, *others = figure.axes
    both, one = {"IMDN": (715.0, 32.21), "CFSR": (307.0, 32.33)}, {"IMDN": (40.9, 32.21)}
    for axes, points in ((parameters, both), (multi_adds, one)):
        (drawn,) = [line for line in axes.lines if line.get_label() == PUBLISHED]
        assert sorted(map(tuple, drawn.get_xydata().tolist())) == sorted(points.values())
        assert (drawn.get_markerfacecolor(), drawn.get_color()) == ("none", STYLE["color"])
        assert {text.get_text(): text.xy for text in axes.texts} == points
        assert axes.get_xlim()[0] == 0
        assert axes.get_xlim()[1] > drawn.get_xdata().max()
    assert not any(axes.texts for axes in others)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [PUBLISHED, "RDN"]
    words, texts = zip(*notes, strict=True)
    assert words == ("published", "left out")
    assert "IMDN (DIV2K; a table), CFSR (not stated; a README, and a paper)" in texts[0]
    assert texts[1].endswith(": RDN, Rumour, Twice")
    with pytest.raises(ResultsError, match="--literature"):
        draw_cost_chart(measured, sets=["mine"], literature=literature)
    measured[0].first.results["protocol"]["colour"] = "rgb"
    with pytest.raises(ResultsError, match="--literature"):
        read_literature(file, measured)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("715K", "715", "line 2: parameters is '715'"),
        ("40.9G", "40.9", "line 2: multi_adds_720p is '40.9'"),
        ("32.33", "3233", "line 3: set5_psnr is '3233'"),
        ("32.33", "nan", "line 3: set5_psnr is 'nan'"),
        ("Twice,2", "Twice,", "line 6: scale is ''"),
        ("DIV2K,Table I", "Table I", "line 4: "),
        ("DIV2K,Table I", "DIV2K,Table I, page 5", "line 4: "),
        ("set5_psnr", "set5", "source"),
        (ROWS, "", "source"),
    ],
)
def test_damaged_literature_is_refused_by_its_line(
    old: str, new: str, fault: str, measured: list[Variant], tmp_path: Path
) -> None:
    (file := tmp_path / "rows.csv").write_text(ROWS.replace(old, new))
    with pytest.raises(ResultsError, match=f"rows.csv.*{fault}"):
        read_literature(file, measured)
    file.unlink()
    with pytest.raises(ResultsError, match=r"rows.csv: cannot be read"):
        read_literature(file, measured)


def test_the_recorded_literature_has_a_source_for_every_network(measured: list[Variant]) -> None:
    literature, _ = read_literature(ROOT / "experiments" / "literature.csv", measured)
    assert len(literature) == 14
    (imdn,) = [row for row in literature if row["network"] == "IMDN"]
    assert (imdn["parameters"], imdn["multi_adds_720p"]) == (715e3, 40.9e9)
