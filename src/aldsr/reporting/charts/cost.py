"""Quality against cost: PSNR of every network over what it costs, a panel per set and cost. Needs matplotlib."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aldsr.analysis.scores import mean_over_seeds, set_names
from aldsr.analysis.variants import Variant
from aldsr.evaluation.results import ResultsError
from aldsr.reporting.charts.canvas import canvas
from aldsr.reporting.tables.results import quantities
from aldsr.reporting.tables.speed import Figures, Row, rows_of
from aldsr.reporting.tables.study import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL, HEIGHT, LEGEND = 700, 560, 44  # pixels: of a panel, and of a line of the legend
FONT = 8  # points
MARKERS = "osD^v<>Pp*Xh"
DEPLOYED = "deployed"  # the benchmark's name in its file


class Cost(NamedTuple):
    """A kind of cost: what its axis is called, and of a variant the value with both ends of its range."""

    axis: str
    of: Callable[[Variant], tuple[float, float, float] | None]


def costs_of(latency: Figures | None) -> list[Cost]:
    """Parameters, multi-adds and, where they were measured, seconds.

    Args:
        latency: figures of `aldsr.benchmark deployed`.
    """
    found = [
        Cost("parameters (thousands)", lambda each: _counted(each, "parameters", 1e3)),
        Cost("multi-adds (G), output 1280x720", lambda each: _counted(each, "multi_adds", 1e9)),
    ]
    if latency is None:
        return found
    rows = rows_of(latency[DEPLOYED])
    where = f"{latency['device']}, {counted(latency['threads'], 'thread')}, {rows[0].record['precision']}"
    return [*found, Cost(f"seconds, deployed, output 1280x720\n({where})", lambda each: _seconds(each, rows))]


def cost_chart(found: Sequence[Variant], *, sets: Sequence[str], latency: Figures | None = None) -> "Figure":
    """Mean PSNR over seeds with its standard deviation, over costs; seconds are medians with their range.

    Args:
        found: a study's variants.
        sets: a row of panels each.
        latency: figures of `aldsr.benchmark deployed`; None: no panels of seconds.
    """
    costs = costs_of(latency)
    figure = canvas(width=PANEL * len(costs), height=HEIGHT * len(sets) + LEGEND * (len(found) // 3 + 2))
    figure.set_layout_engine("constrained")
    panels = figure.subplots(len(sets), len(costs), sharey="row", sharex="col", squeeze=False)
    for row, name in zip(panels, sets, strict=True):
        for axes, cost in zip(row, costs, strict=True):
            _points(axes, found, name, cost)
        row[0].set_ylabel(f"{name}: {quantities(found[0].first.results).partition(' ')[0]} (dB)", fontsize=FONT)
    for axes, cost in zip(panels[-1], costs, strict=True):
        axes.set_xlabel(cost.axis, fontsize=FONT)
        axes.set_xlim(left=0)  # so that half the cost looks like half
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=FONT, frameon=False, ncols=3, loc="outside lower center")
    return figure


def _points(axes: "Axes", found: Sequence[Variant], set_name: str, cost: Cost) -> None:
    """A point per network, with bars of what is known of its spread; hollow, since some lie on one another."""
    for place, each in enumerate(found):
        score, value = mean_over_seeds(each, set_name, "psnr"), cost.of(each)
        if score is None or value is None:
            continue
        middle, low, high = value
        axes.errorbar(
            [middle],
            [score.mean],
            xerr=[[middle - low], [high - middle]],
            yerr=[score.sd or 0.0],
            fmt=MARKERS[place % len(MARKERS)],
            color=f"C{place % 10}",
            markerfacecolor="none",
            markersize=6,
            linewidth=0.8,
            label=each.name,
        )
    axes.grid(linewidth=0.3)
    axes.tick_params(labelsize=FONT)
    axes.spines[["top", "right"]].set_visible(False)


def _counted(variant: Variant, key: str, unit: float) -> tuple[float, float, float] | None:
    value = variant.first.results["network"].get(key)
    return (value / unit,) * 3 if value else None


def _seconds(variant: Variant, rows: Sequence[Row]) -> tuple[float, float, float] | None:
    row = next(row for row in rows if row.record["description"] == variant.first.results["network"]["description"])
    return (row.median, row.seconds[0], row.seconds[-1]) if row.seconds else None


def check_latency(found: Sequence[Variant], figures: Figures, file: Path) -> None:
    """Whether every network's seconds were measured.

    Raises:
        ResultsError: naming the first that is missing.
    """
    records: Sequence[Mapping[str, object]] = figures.get(DEPLOYED, [])
    described = [record.get("description") for record in records]
    if lacking := [each.name for each in found if each.first.results["network"].get("description") not in described]:
        raise ResultsError(
            f"{file}: has no seconds of {lacking[0]}; expected figures of all networks; measure them with: "
            f"python -m aldsr.benchmark {DEPLOYED} --networks STUDY --json {file}"
        )


def chart_sets(found: Sequence[Variant], wanted: Sequence[str] | None) -> list[str]:
    """The sets to draw: those that were named, else all.

    Raises:
        ResultsError: for a name that is no set of the study.
    """
    known = set_names(found)
    if unknown := [name for name in wanted or [] if name not in known]:
        raise ResultsError(f"--chart-sets {unknown[0]}: no set of this study; expected of {', '.join(known)}")
    return list(wanted or known)
