"""The report page of a study, or of some runs: its sections in order."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from aldsr.analysis.scores import compare_variants, set_names
from aldsr.analysis.study import Study
from aldsr.analysis.variants import Variant
from aldsr.core.version import code_version
from aldsr.reporting.html.charts import render_charts
from aldsr.reporting.html.page import render_page
from aldsr.reporting.html.tables import networks_sheet, render_sheet
from aldsr.reporting.tables.cells import pluralise
from aldsr.reporting.tables.notes import study_notes
from aldsr.reporting.tables.results import protocol_line
from aldsr.reporting.tables.study import study_sheets


def render_report(
    study: Study, variants: Sequence[Variant], reference: Variant, images: Sequence[Mapping[str, Any]]
) -> str:
    """Render the page as one HTML document.

    Args:
        study: its name is the title and selects the tables, as in `study_sheets`.
        variants: of the study.
        reference: the variant that the others are compared with.
        images: see `images.describe_image`; none: the page has no section of images.

    Raises:
        ResultsError: if a run's log cannot be read.
    """
    html = {
        "scores": render_sheet(networks_sheet(study.name, variants)),
        "charts": render_charts(variants),
        "statistics": render_statistics(study, variants, reference),
    }
    text = {
        "title": study.name,
        "summary": summarize(variants),
        "protocol": f"Protocol: {protocol_line(variants[0].first.results)}",
        "images_note": explain_images(variants),
        "footer": f"Written by aldsr {code_version()}. This file contains everything that it shows and loads nothing.",
    }
    return render_page(html, text, images)


def summarize(variants: Sequence[Variant]) -> str:
    """How many networks, of what scale, measured on what: "2 networks, x4, measured on Set5 (5 images)"."""
    runs = [run.results for each in variants for run in each.runs.values()]
    numbers = {name: each["number"] for run in runs for name, each in run["sets"].items()}
    sets = ", ".join(f"{name} ({pluralise(numbers[name], 'image')})" for name in set_names(variants))
    return f"{pluralise(len(variants), 'network')}, x{runs[0]['protocol']['scale']}, measured on {sets}"


def render_statistics(study: Study, variants: Sequence[Variant], reference: Variant) -> str:
    """Render the tables and notes of `aldsr.compare`, less the scores that the page's first table has."""
    comparison = compare_variants(study, variants, reference)
    first, *others = study_sheets(comparison)
    tables = "".join(map(render_sheet, [first, *others] if first.theirs else others))
    notes = "".join(
        f"<dt>{escape(word)}</dt><dd>{escape(sentence)}</dd>"
        for word, sentence in study_notes(comparison)
        if word != "protocol"  # stands at the top of the page
    )
    content = tables + (f"<dl>{notes}</dl>" if notes else "")
    return (
        f'<section aria-labelledby="statistics"><h2 id="statistics">Statistics</h2>{content}</section>'
        if content
        else ""
    )


def explain_images(variants: Sequence[Variant]) -> str:
    """How the images were selected, and what is shown of them."""
    differ = "the networks differ most" if len(variants) > 1 else "the network differs most from bicubic"
    seeds = " Of several seeds, the lowest is shown." if any(len(each.runs) > 1 for each in variants) else ""
    return (
        f"Of each set the images in which {differ} in PSNR: not a fair sample.{seeds} Large images are cut to the "
        "window with most detail and never resized; scores are of whole images."
    )
