"""What stands on the page of a study, or of some runs."""

from collections.abc import Sequence

from aldsr.analysis.scores import VariantDifference, compare_variants, set_names
from aldsr.analysis.study import Study
from aldsr.analysis.variants import Variant, reference_of
from aldsr.core.version import code_version
from aldsr.reporting.html.page import Page, definitions
from aldsr.reporting.html.plots import bicubic_psnr, plotted
from aldsr.reporting.html.tables import networks_sheet, sheet_html
from aldsr.reporting.tables.notes import Note, study_notes
from aldsr.reporting.tables.results import protocol_line, quantities
from aldsr.reporting.tables.study import counted, study_sheets

CURVES = (
    "A network has the same colour and shape everywhere. Point at a curve, or go along it with the arrow keys, to read "
    "its values. Loss is that of the training patches as logged; of many values, means of groups."
)


def page_of(study: Study, found: Sequence[Variant], *, against: str | None) -> Page:
    """Everything that stands on the page but its pictures.

    Args:
        study: its name is the title and chooses the tables, as in `study_sheets`.
        found: its variants.
        against: what the others are held against; None: a baseline.

    Raises:
        ResultsError: for a name that no network goes by, or a log that cannot be read.
    """
    results, reference = found[0].first.results, reference_of(found, against)
    unit = quantities(results).partition(" ")[0]
    return Page(
        title=study.name,
        lead=lead(found),
        protocol=f"Protocol: {protocol_line(results)}",
        scores=sheet_html(networks_sheet(found)),
        statistics=statistics(study, found, reference, compare_variants(found, reference)),
        notes={"pictures": chosen(found), "curves": CURVES},
        data={"variants": plotted(found), "bicubic": bicubic_psnr(found), "unit": unit},
        footer=f"Written by aldsr {code_version()}. This file holds all that it shows and loads nothing.",
    )


def lead(found: Sequence[Variant]) -> str:
    """How many networks, of what scale, measured on what."""
    runs = [run.results for each in found for run in each.runs.values()]
    numbers = {name: each["number"] for run in runs for name, each in run["sets"].items()}
    sets = ", ".join(f"{name} ({counted(numbers[name], 'image')})" for name in set_names(found))
    return f"{counted(len(found), 'network')}, x{runs[0]['protocol']['scale']}, measured on {sets}"


def statistics(
    study: Study, found: Sequence[Variant], reference: Variant, differences: Sequence[VariantDifference]
) -> str:
    """The tables and notes of `aldsr.compare` as a section, less the scores that the page's first table has too."""
    first, *others = study_sheets(study, found, reference, differences)
    sheets = [first, *others] if first.theirs else others
    notes: list[Note] = [note for note in study_notes(study, found, differences) if note[0] != "protocol"]
    told = "".join(map(sheet_html, sheets)) + (definitions(notes) if notes else "")
    return f'<section aria-labelledby="statistics"><h2 id="statistics">Statistics</h2>{told}</section>' if told else ""


def chosen(found: Sequence[Variant]) -> str:
    """How the pictures were chosen, and what is seen of them."""
    differ = "the networks differ most in PSNR" if len(found) > 1 else "the network differs most from bicubic in PSNR"
    several = any(len(each.runs) > 1 for each in found)
    seeds = " Of several seeds, the network of the lowest makes the pictures." if several else ""
    return (
        f"Of each set the images in which {differ}: not a fair sample.{seeds} Large pictures are cut to the window "
        "with most detail and never resized; scores are of whole images."
    )
