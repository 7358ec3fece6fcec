"""Charts of the page: quality against cost, and training curves, as SVG images of matplotlib."""

import base64
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from aldsr.analysis.scores import set_names
from aldsr.analysis.variants import Variant
from aldsr.reporting.charts.cost import Cost, draw_cost_panel, list_costs
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

Panel = tuple[str, Callable[["Axes", Sequence[Variant]], None]]  # description and drawing function


def render_charts(variants: Sequence[Variant]) -> str:
    """Render legend and charts as HTML; without matplotlib a sentence that says how to get them.

    Raises:
        ResultsError: if a run's log cannot be read.
    """
    if not has_matplotlib():
        return f'<p class="note">Charts need matplotlib: {escape(INSTALL)}, then write this page again.</p>'
    icons = [f"<li>{_render_icon(place)}{escape(each.name)}</li>" for place, each in enumerate(variants)]
    panels = [_render_panel(panel, variants) for panel in list_panels(variants)]
    return (
        f'<ul class="legend">{"".join(icons)}</ul><div class="charts">{"".join(panels)}</div><p class="note">{NOTE}</p>'
    )


def list_panels(variants: Sequence[Variant]) -> list[Panel]:
    """A panel per cost and data set, then loss and validation."""
    costs = [*list_costs(), Cost("seconds, output 1280x720", _read_seconds)]
    quality: list[Panel] = [
        (f"{name}: PSNR against {cost.label}", partial(draw_cost_panel, set_name=name, cost=cost))
        for cost in costs
        if any(map(cost.read, variants))
        for name in set_names(variants)
    ]
    return [*quality, ("training loss", draw_loss), ("validation while training", draw_validation)]


def _read_seconds(variant: Variant) -> tuple[float, float, float] | None:
    seconds = read_cost(variant).get("latency_s")
    return None if seconds is None else (seconds,) * 3


def _render_panel(panel: Panel, variants: Sequence[Variant]) -> str:
    """Draw a panel; empty if no network has anything to show in it."""
    description, draw = panel
    figure = create_figure(width=WIDTH, height=HEIGHT)
    axes = figure.subplots()
    draw(axes, variants)
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
