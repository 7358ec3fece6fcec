"""Training curves: loss and validation PSNR against the step, a line per network with its range over seeds."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aldsr.analysis.variants import Variant
from aldsr.evaluation.results import ResultsError
from aldsr.reporting.charts.figures import Axes, network_style, style_axes

LOSS, VALIDATION = "loss", "psnr_y"  # columns of log.csv
POINTS = 100  # of a smoothed curve
BANDWIDTH = 0.08  # of the smoothing, as a share of a run's steps

Array = NDArray[np.float64]
Curve = tuple[Array, Array]  # steps and values


def draw_loss(axes: Axes, variants: Sequence[Variant]) -> None:
    """Draw the smoothed training loss on a logarithmic axis."""
    from matplotlib.ticker import MaxNLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(MaxNLocator(6))  # round numbers also where the loss spans less than a decade
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_ylabel("training loss, smoothed")
    _draw_curves(axes, variants, LOSS, smooth)


def draw_validation(axes: Axes, variants: Sequence[Variant]) -> None:
    """Draw the validation PSNR; a network that was validated once only has no curve."""
    axes.set_ylabel("validation PSNR (dB)")  # mean of the sets
    axes.ticklabel_format(axis="y", useOffset=False)
    _draw_curves(axes, variants, VALIDATION, lambda curve: curve)


def read_curve(log: Path, column: str) -> Curve:
    """Read a column of a run's log; empty if there is no log or it has no such column.

    Many runs repeated their last validation when they ended, a step later: the repetition alone counts. Raises
    ResultsError if the file is not the log of a run.
    """
    try:
        with log.open(newline="") as file:
            points = [(float(row["step"]), float(row[column])) for row in csv.DictReader(file) if row.get(column)]
    except FileNotFoundError:
        points = []
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise ResultsError(f"{log}: cannot be read as the log of a run ({error}); move it away") from error
    table = np.array([point for point in points if np.isfinite(point).all()]).reshape(-1, 2)
    if column == VALIDATION and len(table) > 1 and table[-1, 0] - table[-2, 0] <= 1:
        table = np.delete(table, -2, axis=0)
    return table[:, 0], table[:, 1]


def smooth(curve: Curve) -> Curve:
    """Average a curve with Gaussian weights (Nadaraya-Watson), at evenly spaced steps."""
    steps, values = curve
    at, width = np.linspace(steps[0], steps[-1], POINTS), BANDWIDTH * (steps[-1] - steps[0])
    return at, np.array([np.average(values, weights=np.exp(-0.5 * ((steps - step) / width) ** 2)) for step in at])


def average_seeds(curves: Sequence[Curve]) -> tuple[Array, Array, Array, Array]:
    """Return the steps that all curves reach, and over the curves mean, minimum and maximum."""
    steps = curves[0][0]
    steps = steps[(steps >= max(each[0] for each, _ in curves)) & (steps <= min(each[-1] for each, _ in curves))]
    values = np.array([np.interp(steps, *curve) for curve in curves])
    return steps, values.mean(0), values.min(0), values.max(0)


def _draw_curves(axes: Axes, variants: Sequence[Variant], column: str, prepare: Callable[[Curve], Curve]) -> None:
    """Draw the curves of those runs that have more than one value."""
    for place, variant in enumerate(variants):
        curves = [read_curve(run.folder / "log.csv", column) for run in variant.runs.values()]
        curves = [prepare(curve) for curve in curves if len(curve[0]) > 1 and curve[0][-1] > curve[0][0]]
        if not curves:
            continue
        steps, mean, low, high = average_seeds(curves)
        style = network_style(place)
        axes.fill_between(steps, low, high, color=style["color"], alpha=0.08, linewidth=0)
        axes.plot(steps, mean, linewidth=1, markersize=5, markevery=0.25, label=variant.name, **style)
    axes.set_xlabel("step")
    style_axes(axes, grid=True)
