"""The report page: one HTML file with its tables, charts, images, style and program, which loads no other file."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from aldsr.analysis.scores import Comparison, set_sizes
from aldsr.analysis.variants import Variant
from aldsr.core.version import code_version
from aldsr.reporting.charts.cost import draw_cost_panel, list_costs
from aldsr.reporting.charts.curves import draw_loss, draw_validation
from aldsr.reporting.charts.figures import INSTALL, Figure, create_figure, has_matplotlib, network_style, render_svg
from aldsr.reporting.html.tables import networks_sheet, render_sheet
from aldsr.reporting.tables.cells import pluralise, read_costs
from aldsr.reporting.tables.results import protocol_line
from aldsr.reporting.tables.study import recipe_note, study_notes, study_sheets

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("dom", "zoom", "gestures", "errormap", "viewer", "page")  # joined in this order into one module
CHARTS_NOTE = (
    "Quality: mean over seeds ± standard deviation. Curves: mean over seeds, shaded from the lowest to the highest "
    "seed; the loss of the training patches is averaged over neighbouring steps."
)


def render_page(comparison: Comparison, images: Sequence[Mapping[str, Any]]) -> str:
    """Render a study as one HTML document, with a section of images if there are any (see `images.describe_image`).

    Raises ResultsError if a run's log cannot be read.
    """
    study, variants = comparison.study, comparison.variants
    several = any(len(variant.runs) > 1 for variant in variants)
    style = (ASSETS / "page.css").read_text(encoding="utf-8")
    script = "\n".join((ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    data = json.dumps(images, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Template((ASSETS / "template.html").read_text(encoding="utf-8")).substitute(
        style_hash=_hash_source(style),
        script_hash=_hash_source(script),
        style=style,
        script=script,
        title=escape(study.name),
        summary=escape(summarise(variants)),
        protocol=escape(protocol_line(*(run.results for run in study.runs))),
        recipe="".join(f"<p>Recipe: {escape(text)}</p>" for _, text in recipe_note([run.config for run in study.runs])),
        scores=render_sheet(networks_sheet(study.name, variants)),
        differ="networks differ most" if len(variants) > 1 else "network differs most from bicubic",
        seeds="Of several seeds, the lowest is shown." if several else "",
        charts=render_charts(variants),
        statistics=render_statistics(comparison),
        version=escape(code_version()),
        images=data.replace("<", r"\u003c"),  # no text in it can end the script element
    )


def _hash_source(text: str) -> str:
    """What a Content-Security-Policy (W3C, level 3) calls a style or a program that it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def summarise(variants: Sequence[Variant]) -> str:
    """How many networks, of what scale, measured on what: "2 networks, x4, measured on Set5 (5 images)"."""
    scale = variants[0].first.results["protocol"]["scale"]
    sets = ", ".join(f"{name} ({pluralise(number, 'image')})" for name, number in set_sizes(variants).items())
    return f"{pluralise(len(variants), 'network')}, x{scale}, measured on {sets or 'nothing'}"


def render_charts(variants: Sequence[Variant]) -> str:
    """Render legend and charts as SVG images; without matplotlib a sentence that says how to get them."""
    if not has_matplotlib():
        return f'<p class="note">Charts need matplotlib: {escape(INSTALL)}, then write this page again.</p>'
    seconds = [(cost["latency_s"],) * 3 if cost else None for cost in read_costs(variants)]
    costs = {**list_costs(variants), "seconds, output 1280x720": seconds}
    panels = [
        partial(draw_cost_panel, costs=values, set_name=name, label=label)
        for label, values in costs.items()
        for name in set_sizes(variants)
    ]
    charts = ""
    for draw in [*panels, partial(draw_loss), partial(draw_validation)]:
        figure = create_figure(width=560, height=460)
        axes = figure.subplots()
        draw(axes, variants)
        if axes.has_data():
            charts += _render_figure(figure, f"{axes.get_ylabel()} against {axes.get_xlabel()}")
    icons = "".join(f"<li>{_render_icon(place)}{escape(each.name)}</li>" for place, each in enumerate(variants))
    return f'<ul class="legend">{icons}</ul><div class="charts">{charts}</div><p class="note">{CHARTS_NOTE}</p>'


def _render_icon(place: int) -> str:
    figure = create_figure(width=44, height=44, constrained=False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.plot([0], [0], markersize=6, **network_style(place))
    axes.set_axis_off()
    return _render_figure(figure, "")


def _render_figure(figure: Figure, description: str) -> str:
    source = base64.b64encode(render_svg(figure)).decode()
    return f'<img src="data:image/svg+xml;base64,{source}" alt="{escape(description)}">'


def render_statistics(comparison: Comparison) -> str:
    """Render the tables and notes of `aldsr.compare`, less the scores and the protocol, which stand above."""
    first, *others = study_sheets(comparison)
    tables = "".join(map(render_sheet, [first, *others] if len(first.blocks) > 1 else others))
    notes = [note for note in study_notes(comparison) if note[0] not in ("protocol", "recipe")]
    terms = "".join(f"<dt>{escape(word)}</dt><dd>{escape(sentence)}</dd>" for word, sentence in notes)
    return f"<h2>Statistics</h2>{tables}<dl>{terms}</dl>" if tables or terms else ""
