"""What attention learned: r per layer, r against z, and what ablations change."""

from collections.abc import Sequence

import numpy as np

from aldsr.evaluation.attention import LayerAttention
from aldsr.reporting.charts.figures import FONT, Figure, create_figure
from aldsr.reporting.tables.attention import Attention, layer_names

COLUMNS = 4  # of panels


def draw_distribution(attention: Attention) -> Figure:
    """Above, r of every channel by layer; below, how far r varies within a layer, and how much of it is due to z."""
    layers = _pool_runs(attention)
    places = range(1, len(layers) + 1)
    figure = create_figure(width=max(1200, 64 * len(layers) + 400), height=1080)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    above.boxplot([layer.r for layer in layers], positions=places, widths=0.6, flierprops={"markersize": 2})
    above.set_ylabel("r")
    above.set_title(f"{attention.name}: r per layer")
    for key, label, colour in (("r_sd", "sd of r", "#222222"), ("due", "part of r due to z (RMS)", "#c44e52")):
        below.plot(places, [layer.statistics()[key] for layer in layers], ".-", label=label, color=colour)
    below.set_ylim(bottom=0)
    below.legend(fontsize=FONT, frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    below.set_xlabel("unit.layer")
    below.set_xticks(places, [layer_names(layer.place)[1] for layer in layers], rotation=90, fontsize=7)
    return figure


def draw_descriptor(attention: Attention) -> Figure:
    """r against z: a panel per RDB or other unit, a colour per layer, a point per channel."""
    from matplotlib import colormaps

    units: dict[str, list[LayerAttention]] = {}
    for layer in _pool_runs(attention):
        units.setdefault(layer_names(layer.place)[0], []).append(layer)
    rows, columns = -(-len(units) // COLUMNS), min(len(units), COLUMNS)
    figure = create_figure(width=520 * columns + 120, height=480 * rows + 160)
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes, (name, layers) in zip(panels, units.items(), strict=False):
        for place, layer in enumerate(layers):
            colour = colormaps["viridis"](place / max(1, len(layers) - 1) * 0.9)
            axes.plot(layer.z, layer.r, ".", markersize=3, alpha=0.6, color=colour, label=layer_names(layer.place)[1])
        axes.set_title(name, fontsize=9)
        axes.legend(fontsize=6, frameon=False, markerscale=2, handletextpad=0)
    for axes in panels[len(units) :]:
        axes.set_visible(False)
    figure.suptitle(f"{attention.name}: r against the descriptor z", fontsize=11)
    figure.supxlabel("z", fontsize=9)
    figure.supylabel("r", fontsize=9)
    return figure


def draw_ablations(attentions: Sequence[Attention]) -> Figure:
    """What each ablation changes in PSNR-Y, with 95 % intervals: a panel per set, a colour per network."""
    sets, names = attentions[0].sets, attentions[0].ablations
    figure = create_figure(width=680 * len(sets) + 240, height=68 * len(names) * len(attentions) + 320)
    panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    for axes, set_name in zip(panels, sets, strict=True):
        for place, attention in enumerate(attentions):
            changes = [attention.change(set_name, name) for name in names]
            mean = np.array([each.mean for each in changes])
            ends = np.array([[each.mean - each.low, each.high - each.mean] for each in changes]).T
            ends[~np.isfinite(ends)] = 0  # one image and one run have no interval
            heights = np.arange(len(names)) + 0.7 * ((place + 0.5) / len(attentions) - 0.5)
            axes.errorbar(mean, heights, xerr=ends, fmt="o", markersize=4, label=attention.name)
        axes.axvline(0, color="#999999", linewidth=0.8)
        axes.set_xscale("symlog", linthresh=0.01)  # losses of hundredths and of many dB in one panel
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_title(set_name, fontsize=10)
        axes.set_xlabel("change of PSNR-Y (dB)", fontsize=9)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=FONT, frameon=False, loc="outside lower center")
    return figure


def _pool_runs(attention: Attention) -> list[LayerAttention]:
    """The layers with the channels of all runs side by side."""
    return [
        LayerAttention(layers[0].place, *(np.concatenate(each) for each in zip(*(x[1:] for x in layers), strict=True)))
        for layers in zip(*(run.layers for run in attention.runs), strict=True)
    ]
