"""What attention learned, as pictures: r per layer, r against z, and what ablations change. Needs matplotlib."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aldsr.evaluation.attention import LayerAttention
from aldsr.reporting.tables.attention import Attention, layer_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

R, DUE, QUIET = "#222222", "#c44e52", "#999999"
COLUMNS = 4  # of panels


def distribution_figure(found: Attention) -> "Figure":
    """Above, r of every channel by layer; below, how far r varies within a layer, and how much of it is due to z."""
    figure = _figure(width=max(6.0, 0.32 * len(found.runs[0].layers) + 2), height=5.4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    layers = _pooled(found)
    places = range(1, len(layers) + 1)
    above.boxplot([layer.r for layer in layers], positions=places, widths=0.6, flierprops={"markersize": 2})
    above.set_ylabel("r")
    above.set_title(f"{found.name}: r per layer")
    statistics = [layer.statistics() for layer in layers]
    for key, label, colour in (("r_sd", "sd of r", R), ("due", "part of r due to z (RMS)", DUE)):
        below.plot(places, [each[key] for each in statistics], ".-", label=label, color=colour)
    below.set_ylim(bottom=0)
    below.legend(fontsize=8, frameon=False)
    below.set_xlabel("RDB.layer")
    below.set_xticks(places, [layer_name(layer.place) for layer in layers], rotation=90, fontsize=7)
    return figure


def descriptor_figure(found: Attention) -> "Figure":
    """r against z, a point per channel, a panel per RDB, a colour per layer."""
    from matplotlib import colormaps

    blocks: dict[str, list[LayerAttention]] = {}
    for layer in _pooled(found):
        blocks.setdefault(layer_name(layer.place).partition(".")[0], []).append(layer)
    rows = -(-len(blocks) // COLUMNS)
    width = min(len(blocks), COLUMNS)
    figure = _figure(width=2.6 * width + 0.6, height=2.4 * rows + 0.8)
    panels = figure.subplots(rows, width, sharex=True, sharey=True, squeeze=False).flat
    for axes, (name, layers) in zip(panels, blocks.items(), strict=False):
        for place, layer in enumerate(layers):
            colour = colormaps["viridis"](place / max(1, len(layers) - 1) * 0.9)
            axes.plot(layer.z, layer.r, ".", markersize=3, alpha=0.6, color=colour, label=layer_name(layer.place))
        axes.set_title(f"RDB {name}", fontsize=9)
        axes.legend(fontsize=6, frameon=False, markerscale=2, handletextpad=0)
    for axes in list(panels)[len(blocks) :]:
        axes.set_visible(False)
    figure.suptitle(f"{found.name}: r against the descriptor z", fontsize=11)
    figure.supxlabel("z", fontsize=9)
    figure.supylabel("r", fontsize=9)
    return figure


def ablation_figure(found: Sequence[Attention]) -> "Figure":
    """What each ablation changes in PSNR-Y, with 95 % intervals: a panel per set, a colour per network."""
    sets, names = found[0].sets, found[0].ablations
    figure = _figure(width=3.4 * len(sets) + 1.2, height=0.34 * len(names) * len(found) + 1.6)
    panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    for axes, set_name in zip(panels, sets, strict=True):
        for place, each in enumerate(found):
            _intervals(axes, each, set_name, offset=0.7 * ((place + 0.5) / len(found) - 0.5))
        axes.axvline(0, color=QUIET, linewidth=0.8)
        axes.set_xscale("symlog", linthresh=0.01)  # losses of hundredths and of many dB in one picture
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_title(set_name, fontsize=10)
        axes.set_xlabel("change of PSNR-Y (dB)", fontsize=9)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    if len(found) > 1:
        figure.legend(*panels[0].get_legend_handles_labels(), fontsize=8, frameon=False, loc="outside lower center")
    else:
        figure.suptitle(found[0].name, fontsize=11)
    return figure


def _intervals(axes: "Axes", found: Attention, set_name: str, *, offset: float) -> None:
    """One network's changes on one set: dots with intervals, above or below their ablations' lines."""
    changes = [found.change(set_name, name) for name in found.ablations]
    mean = np.array([each.mean for each in changes])
    ends = np.array([[each.mean - each.low, each.high - each.mean] for each in changes]).T
    ends[~np.isfinite(ends)] = 0  # one image and one run have no interval
    axes.errorbar(mean, np.arange(len(mean)) + offset, xerr=ends, fmt="o", markersize=4, label=found.name)


def _pooled(found: Attention) -> list[LayerAttention]:
    """The layers with the channels of all runs side by side."""
    return [
        LayerAttention(layers[0].place, *(np.concatenate(each) for each in zip(*(x[1:] for x in layers), strict=True)))
        for layers in zip(*(run.layers for run in found.runs), strict=True)
    ]


def _figure(*, width: float, height: float) -> "Figure":
    """An empty figure, in inches, that belongs to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=150)
