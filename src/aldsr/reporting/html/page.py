"""The report page: one HTML file with its tables, charts, images, style and program, which loads no other file."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from aldsr.analysis.scores import Comparison, set_names
from aldsr.analysis.variants import Variant
from aldsr.core.version import code_version
from aldsr.reporting.html.charts import render_charts
from aldsr.reporting.html.tables import networks_sheet, render_sheet
from aldsr.reporting.tables.cells import pluralise
from aldsr.reporting.tables.notes import study_notes
from aldsr.reporting.tables.results import protocol_line
from aldsr.reporting.tables.study import study_sheets

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("dom", "zoom", "gestures", "errormap", "viewer", "page")  # joined in this order into one module


def render_page(comparison: Comparison, images: Sequence[Mapping[str, Any]]) -> str:
    """Render a study as one HTML document.

    A Content-Security-Policy lets the browser run the page's own program, by its hash, and load nothing but the
    images that are in the page.

    Args:
        comparison: the study's name is the title and selects the tables, as in `study_sheets`.
        images: see `images.describe_image`; none: the page has no section of images.

    Raises:
        ResultsError: if a run's log cannot be read.
    """
    study, variants = comparison.study, comparison.variants
    style = (ASSETS / "page.css").read_text()
    script = "\n".join((ASSETS / f"{name}.js").read_text() for name in SCRIPTS)
    return Template((ASSETS / "template.html").read_text()).substitute(
        policy=build_policy(style, script),
        style=style,
        script=script,
        title=escape(study.name),
        summary=escape(summarise(variants)),
        protocol=escape(protocol_line(variants[0].first.results)),
        scores=render_sheet(networks_sheet(study.name, variants)),
        images_note=escape(explain_images(variants)),
        charts=render_charts(variants),
        statistics=render_statistics(comparison),
        version=escape(code_version()),
        images=encode_json(images),
    )


def build_policy(style: str, script: str) -> str:
    """Build a Content-Security-Policy for a page with this style, this program and images as data: URIs.

    https://www.w3.org/TR/CSP3/
    """
    style_hash, script_hash = (base64.b64encode(hashlib.sha256(x.encode()).digest()).decode() for x in (style, script))
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "base-uri 'none'; form-action 'none'"
    )


def summarise(variants: Sequence[Variant]) -> str:
    """How many networks, of what scale, measured on what: "2 networks, x4, measured on Set5 (5 images)"."""
    runs = [run.results for variant in variants for run in variant.runs.values()]
    numbers = {name: scores["number"] for run in runs for name, scores in run["sets"].items()}
    sets = ", ".join(f"{name} ({pluralise(numbers[name], 'image')})" for name in set_names(variants))
    return f"{pluralise(len(variants), 'network')}, x{runs[0]['protocol']['scale']}, measured on {sets}"


def explain_images(variants: Sequence[Variant]) -> str:
    """How the images were selected, and what is shown of them."""
    differ = "the networks differ most" if len(variants) > 1 else "the network differs most from bicubic"
    seeds = " Of several seeds, the lowest is shown." if any(len(each.runs) > 1 for each in variants) else ""
    return (
        f"Of each set the images in which {differ} in PSNR: not a fair sample.{seeds} Large images are cut to the "
        "window with most detail and never resized; scores are of whole images."
    )


def render_statistics(comparison: Comparison) -> str:
    """Render the tables and notes of `aldsr.compare`, less the scores and the protocol, which stand above."""
    first, *others = study_sheets(comparison)
    tables = "".join(map(render_sheet, [first, *others] if first.theirs else others))
    notes = [note for note in study_notes(comparison) if note[0] != "protocol"]
    terms = "".join(f"<dt>{escape(word)}</dt><dd>{escape(sentence)}</dd>" for word, sentence in notes)
    return f"<h2>Statistics</h2>{tables}<dl>{terms}</dl>" if tables or terms else ""


def encode_json(data: Any) -> str:
    """Encode data for a script element: no text in it can end the element.

    Raises:
        ValueError: for NaN and infinity, which JSON does not have.
    """
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", r"\u003c")
