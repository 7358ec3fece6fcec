"""Charts of the page: quality against cost, and training curves, as SVG images of matplotlib."""

import base64
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from aldsr.analysis.scores import set_names
from aldsr.analysis.variants import Variant
from aldsr.reporting.charts.cost import Cost, Range, draw_cost_panel, list_costs
from aldsr.reporting.charts.curves import draw_loss, draw_validation
from aldsr.reporting.charts.figures import INSTALL, create_figure, has_matplotlib, network_style, render_svg
from aldsr.reporting.html.tables import read_cost

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 560, 460  # of a panel, in pixels of `create_figure`
ICON = 44
NOTE = (
    "Quality: mean over seeds ± standard deviation. Curves: mean over seeds, shaded from the lowest to the highest "
    "seed; the loss of the training patches is averaged over neighbouring steps."
)

Draw = Callable[["Axes", Sequence[Variant]], None]


def render_charts(variants: Sequence[Variant]) -> str:
    """Render legend and charts as HTML; without matplotlib a sentence that says how to get them.

    Raises:
        ResultsError: if a run's log cannot be read.
    """
    if not has_matplotlib():
        return f'<p class="note">Charts need matplotlib: {escape(INSTALL)}, then write this page again.</p>'
    icons = "".join(f"<li>{_render_icon(place)}{escape(each.name)}</li>" for place, each in enumerate(variants))
    costs = [*list_costs(), Cost("seconds, output 1280x720", _read_seconds)]
    quality = [partial(draw_cost_panel, set_name=name, cost=cost) for cost in costs for name in set_names(variants)]
    draws: list[Draw] = [*quality, draw_loss, draw_validation]
    charts = "".join(_render_chart(draw, variants) for draw in draws)
    return f'<ul class="legend">{icons}</ul><div class="charts">{charts}</div><p class="note">{NOTE}</p>'


def _read_seconds(variant: Variant) -> Range | None:
    seconds = read_cost(variant).get("latency_s")
    return None if seconds is None else (seconds,) * 3


def _render_chart(draw: Draw, variants: Sequence[Variant]) -> str:
    """Draw and render a chart; empty if no network has anything to show in it."""
    figure = create_figure(width=WIDTH, height=HEIGHT)
    axes = figure.subplots()
    draw(axes, variants)
    description = f"{axes.get_ylabel()} against {axes.get_xlabel()}"
    return _render_image(figure, description) if axes.has_data() else ""


def _render_icon(place: int) -> str:
    figure = create_figure(width=ICON, height=ICON, constrained=False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.plot([0], [0], markersize=6, **network_style(place))
    axes.set_axis_off()
    return _render_image(figure, "")


def _render_image(figure: "Figure", description: str) -> str:
    source = base64.b64encode(render_svg(figure)).decode()
    return f'<img src="data:image/svg+xml;base64,{source}" alt="{escape(description)}">'
