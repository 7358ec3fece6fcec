"""What `aldsr.benchmark` recorded, as charts: bars of seconds, and lines of how they grow."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aldsr.reporting.charts.figures import FONT, Axes, Figure, FigureError, create_figure, style_axes
from aldsr.reporting.tables import speed

ORANGE, BLUE, GRAY, RED = "#dd8452", "#4c72b0", "#b0b0b0", "#c44e52"
PANEL = 640  # pixels of a panel of lines


def draw_speed_chart(benchmark: str, measurements: speed.Measurements) -> Figure:
    """Draw a bar per timing: median, range, roofline, relative speed. Raises FigureError if all were killed."""
    timings = [timing for timing in speed.summarise_timings(measurements[benchmark]) if timing.seconds]
    if not timings:
        raise FigureError(f"{benchmark}: every process was killed: nothing to draw; measure a smaller --size")
    figure = create_figure(width=1600, height=320 + 80 * len(timings))
    axes = figure.subplots()
    unit = speed.time_unit(measurements)
    places, median = np.arange(len(timings)), [unit.of_second * timing.median for timing in timings]
    colours = [GRAY if timing.name.startswith("literal") else BLUE for timing in timings]
    axes.barh(places, median, height=0.6, color=colours)
    ends = unit.of_second * _find_ends(timings)
    axes.errorbar(median, places, xerr=ends, fmt="none", ecolor="#333333", capsize=3, linewidth=1, label="all runs")
    floors = [unit.of_second * timing.roofline for timing in timings]
    label = "roofline: at the rate of a large matrix product" + (" or copy" if speed.is_of_gpu(measurements) else "")
    axes.scatter(floors, places, marker="|", s=180, linewidths=2, color=RED, zorder=3, label=label)
    dense, last = speed.find_dense(timings), [unit.of_second * timing.seconds[-1] for timing in timings]
    for place, timing in enumerate(timings):
        ratio = f", {dense.median / timing.median:.2f} × {dense.record['network']}'s speed" if dense else ""
        text = f"  {median[place]:.3g} {'ms' if speed.is_of_gpu(measurements) else 's'}{ratio}"
        axes.text(last[place], place, text, va="center", fontsize=FONT)
    axes.set_xlim(0, 1.5 * max(last))  # room for the text
    axes.set_yticks(places, [name_bar(timing) for timing in timings])
    axes.invert_yaxis()
    axes.set_xlabel(f"{unit.name}, median")
    axes.set_title(speed.benchmark_title(benchmark, measurements), fontsize=FONT, loc="left")
    axes.legend(fontsize=FONT, frameon=False)
    style_axes(axes)
    return figure


def _find_ends(timings: Sequence[speed.Timing]) -> NDArray[np.float64]:
    """Distances of the shortest and longest seconds from the median, `[2, N]`."""
    return np.array([[each.median - each.seconds[0], each.seconds[-1] - each.median] for each in timings]).T


def name_bar(timing: speed.Timing) -> str:
    """Name a bar by the network and what distinguishes it from the next one."""
    name = timing.name
    if name.startswith("literal") and timing.record.get("device", "cpu") == "cpu":
        name += ", freed memory kept" if timing.record["keep_memory"] else ", the system's allocator"
    return f"{name}, checkpointing" if timing.record["checkpoint"] else name


def draw_growth_chart(measurements: speed.Measurements) -> Figure:
    """Draw a panel for each thing that grows: medians, ranges, fitted lines. Raises FigureError if nothing grows."""
    found = list(speed.find_series(measurements["growth"]))
    if not found:
        raise FigureError("growth: was measured at one size only: nothing to draw; give a larger --batch")
    keys = list(dict.fromkeys(series.key for series in found))
    figure = create_figure(width=PANEL * len(keys), height=PANEL)
    panels = figure.subplots(1, len(keys), squeeze=False, sharey=True)[0]
    for axes, key in zip(panels, keys, strict=True):
        _draw_growth(axes, [series for series in found if series.key == key])
        axes.set_xlabel(speed.AXES[key])
        style_axes(axes)
    panels[0].set_ylabel("seconds of a step", fontsize=FONT)
    figure.suptitle(f"{speed.benchmark_title('growth', measurements)}. Dashed: linear", fontsize=FONT)
    return figure


def _draw_growth(axes: Axes, found: list[speed.Series]) -> None:
    """The networks' series, the lines through them and, dashed, linear growth up to their last steps."""
    from matplotlib.ticker import LogLocator

    axes.loglog()
    for series, colour in zip(found, (ORANGE, BLUE), strict=False):
        middle, amounts = np.array(series.medians), np.array(series.amounts)
        ends = _find_ends(series.timings)
        axes.errorbar(amounts, middle, yerr=ends, fmt="o", markersize=4, capsize=3, linewidth=1, color=colour)
        exponent, factor = series.line
        label = f"{series.network}: exponent {exponent:.2f}"
        axes.plot(amounts, factor * amounts**exponent, color=colour, linewidth=1, label=label)
        axes.plot(amounts, middle[-1] * amounts / amounts[-1], "--", color=colour, linewidth=0.7, alpha=0.6)
    axes.set_xticks(found[0].amounts, [f"{amount:,}" for amount in found[0].amounts])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(fontsize=FONT, frameon=False)
