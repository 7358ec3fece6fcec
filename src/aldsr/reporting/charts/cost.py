"""Quality against cost: mean PSNR of every network over what it costs, a panel per data set and cost."""

from collections.abc import Sequence

from aldsr.analysis.scores import mean_over_seeds, set_sizes
from aldsr.analysis.variants import Variant
from aldsr.evaluation.results import ResultsError
from aldsr.reporting.charts.figures import FONT, Axes, Figure, create_figure, network_style, style_axes
from aldsr.reporting.charts.literature import PUBLISHED, STYLE, Point, Published, find_points, name_points
from aldsr.reporting.tables.cells import pluralise, read_costs
from aldsr.reporting.tables.paper import match_sets
from aldsr.reporting.tables.results import quantities
from aldsr.reporting.tables.speed import Measurements, Timing, summarise_timings

PANEL, HEIGHT, LEGEND = 700, 560, 44  # pixels: width and height of a panel, height of a line of the legend
DEPLOYED = "deployed"  # the benchmark's name in its file

COUNTS = {  # the label of an axis: key in results, unit
    "parameters (thousands)": ("parameters", 1e3),
    "multi-adds (G), output 1280x720": ("multi_adds", 1e9),
    "activations (M), LR 256x256": ("activations_256x256", 1e6),
}

Range = tuple[float, float, float]  # a value with the lower and upper end of its range


def list_costs(variants: Sequence[Variant], latency: Measurements | None = None) -> dict[str, list[Range | None]]:
    """List what every variant costs (None: unknown), by the label of an axis.

    Parameters, multi-adds, activations if some are known and, if `latency` (the content of a benchmark's file) is
    given, measured seconds.
    """
    full = read_costs(variants)
    networks = [cost | variant.first.results["network"] for cost, variant in zip(full, variants, strict=True)]
    costs: dict[str, list[Range | None]] = {
        label: [(network[key] / unit,) * 3 if network.get(key) else None for network in networks]
        for label, (key, unit) in COUNTS.items()
        if key != "activations_256x256" or any(network.get(key) for network in networks)
    }
    if latency is not None:
        timings = summarise_timings(latency.get(DEPLOYED, []))
        precisions = ", ".join(dict.fromkeys(timing.record["precision"] for timing in timings))
        device = f"{latency['device']}, {pluralise(latency['threads'], 'thread')}, {precisions}"
        label = f"seconds, deployed, output 1280x720\n({device})"
        costs[label] = [_find_seconds(variant, timings) for variant in variants]
    return costs


def _find_seconds(variant: Variant, timings: Sequence[Timing]) -> Range | None:
    description = variant.first.results["network"].get("description")
    for timing in timings:
        if timing.record.get("description") == description:
            return (timing.median, timing.seconds[0], timing.seconds[-1]) if timing.seconds else None
    raise ResultsError(
        f"--latency: its file has no seconds of {variant.name}; expected those of all networks; measure them with: "
        f"python -m aldsr.benchmark {DEPLOYED} --networks STUDY --json FILE"
    )


def draw_cost_chart(
    variants: Sequence[Variant],
    *,
    sets: Sequence[str] | None = None,
    latency: Measurements | None = None,
    literature: Sequence[Published] = (),
) -> Figure:
    """Draw a row of panels per data set (None: all) and a column per cost, see `list_costs`.

    Published networks (see `read_literature`) are hollow, gray and named. Raises ResultsError if the study has no such
    set or none, `latency` lacks a network, or no published network has a place.
    """
    known, costs = set_sizes(variants), list_costs(variants, latency)
    if unknown := [name for name in sets or [] if name not in known]:
        raise ResultsError(f"--chart-sets {unknown[0]}: no set of this study; expected some of {', '.join(known)}")
    if not (sets := sets or list(known)):
        raise ResultsError("--chart: nothing was measured, so there is no quality to draw; run aldsr.evaluate first")
    figure = create_figure(width=PANEL * len(costs), height=HEIGHT * len(sets) + LEGEND * (len(variants) // 3 + 2))
    panels = figure.subplots(len(sets), len(costs), sharey="row", sharex="col", squeeze=False)
    published, columns = match_sets(variants), {"parameters": "parameters", "multi_adds": "multi_adds_720p"}
    points: dict[Axes, list[Point]] = {}
    for row, name in zip(panels, sets, strict=True):
        for axes, (label, values) in zip(row, costs.items(), strict=True):
            key, unit = COUNTS.get(label, ("", 1))
            if found := find_points(literature, columns.get(key, ""), unit, published.get(name, "")):
                points[axes] = found
                axes.plot([x for x, *_ in found], [y for _, y, _ in found], label=PUBLISHED, **STYLE)
            draw_cost_panel(axes, variants, values, set_name=name, label=label)
            axes.label_outer()
    if literature and not points:
        raise ResultsError("--literature: has no PSNR of these data sets; leave it out")
    legend = next(iter(points), panels[0][0]).get_legend_handles_labels()
    figure.legend(*legend, fontsize=FONT, frameon=False, ncols=3, loc="outside lower center")
    if points:
        figure.draw_without_rendering()  # which gives panels their places
    for axes, found in points.items():
        name_points(axes, found)
    return figure


def draw_cost_panel(
    axes: Axes, variants: Sequence[Variant], costs: Sequence[Range | None], *, set_name: str, label: str
) -> None:
    """Draw a point per network: mean PSNR over seeds ± standard deviation against its cost with its range."""
    for place, (variant, cost) in enumerate(zip(variants, costs, strict=True)):
        score = mean_over_seeds(variant, set_name, "psnr")
        if score is None or cost is None:
            continue
        middle, low, high = cost
        ends = [[middle - low], [high - middle]]
        style = {**network_style(place), "linestyle": "none", "markersize": 6, "linewidth": 0.8}
        axes.errorbar([middle], [score.mean], xerr=ends, yerr=[score.sd or 0.0], label=variant.name, **style)
    axes.set_xlabel(label)
    axes.set_ylabel(f"{set_name}: {quantities(variants[0].first.results).partition(' ')[0]} (dB)")
    axes.ticklabel_format(axis="y", useOffset=False)
    style_axes(axes, grid=True)
