"""A study as the paper's tables: rows are data sets, columns what was trained; then who differs from whom.

Nothing is rounded in favour of a claim: standard deviations are rounded up and intervals outwards, and it is
the printed interval that decides whether a difference is shown.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aldsr.analysis.scores import VariantDifference, mean_over_seeds, set_names
from aldsr.analysis.statistics import Difference, MeanSd
from aldsr.analysis.study import Study
from aldsr.analysis.variants import Variant
from aldsr.evaluation.cost import block_parameters
from aldsr.reporting.tables.paper import PARAMETERS, SCALE, SOURCE, TABLE_IV, TABLES, PaperTable, published_set
from aldsr.reporting.tables.results import quantities
from aldsr.reporting.tables.sheet import NOTHING, Cell, Column, Sheet

DECIMALS = {"psnr": (2, 3), "ssim": (4, 5)}  # of a score; of a difference, which needs one more
NOT_SHOWN = "no difference shown"


def study_sheets(
    study: Study, found: Sequence[Variant], reference: Variant, differences: Sequence[VariantDifference]
) -> list[Sheet]:
    """The sheets of a study: Table IV's for `parameters`, for every other scores and differences.

    Args:
        study: its name chooses the layout.
        found: its variants.
        reference: one of them.
        differences: of the others from it.
    """
    if study.name == PARAMETERS:
        return [parameters_sheet(found)]
    sheets = [scores_sheet(study.name, found, paper_table(study.name, found))]
    return [*sheets, differences_sheet(differences, reference)] if differences else sheets


def paper_table(study: str, found: Sequence[Variant]) -> PaperTable | None:
    """The published table of a study, where its figures were taken as ours: x4, on Y, of a set that we have too."""
    results = found[0].first.results
    protocol = results["protocol"]
    alike = quantities(results).startswith("PSNR-Y") and (protocol["scale"], protocol["shave"]) == (SCALE, SCALE)
    return TABLES.get(study) if alike and any(published_sets(found).values()) else None


def published_sets(found: Sequence[Variant]) -> dict[str, str | None]:
    """What the paper calls each of our sets; None of one that it does not have, or not with as many images."""
    runs = [run.results["sets"] for each in found for run in each.runs.values()]
    numbers = {name: int(sets[name]["number"]) for sets in runs for name in sets}
    return {name: published_set(name, numbers[name]) for name in set_names(found)}


def scores_sheet(study: str, found: Sequence[Variant], paper: PaperTable | None) -> Sheet:
    """Mean ± standard deviation over seeds per set and variant, with seeds and costs above and bicubic first."""
    results, sets = found[0].first.results, set_names(found)
    columns = [_bicubic(found, sets), *(_scores(each, sets) for each in found)]
    if paper:
        published = published_sets(found).values()
        for place, head in enumerate(paper.columns):
            scores = [paper.scores[name][place] if name else None for name in published]
            cells = [NOTHING] * 3 + [tuple(score) if score else NOTHING for score in scores]
            columns.append(Column(head, cells, paper=True))
    repeats = "mean ± sd over seeds" if any(len(each.runs) > 1 for each in found) else "one seed each"
    title = f"{study}: {quantities(results)}, x{results['protocol']['scale']}, {repeats}"
    paper_title = f"Published, not measured by us: {SOURCE}, {paper.number}" if paper else ""
    return Sheet(title, "data set", ["seeds", "parameters", "multi-adds (G)", *sets], columns, paper_title)


def _scores(variant: Variant, sets: Sequence[str]) -> Column:
    cells: list[Cell] = [(str(len(variant.runs)),), *costs(variant.first.results["network"])]
    for name in sets:
        found = {quantity: mean_over_seeds(variant, name, quantity) for quantity in DECIMALS}
        lines = [spread(each, DECIMALS[quantity][0]) for quantity, each in found.items() if each]
        number = next((each.number for each in found.values() if each), len(variant.runs))
        cells.append((*lines, *([counted(number, "seed")] if number < len(variant.runs) else [])) or NOTHING)
    return Column(variant.name, cells)


def _bicubic(found: Sequence[Variant], sets: Sequence[str]) -> Column:
    """Bicubic on the same images: nothing that a seed would change."""
    runs = [run.results["bicubic"] for each in found for run in each.runs.values()]
    reference = {name: scores for run in runs for name, scores in run.items()}
    cells: list[Cell] = [tuple(f"{reference[name][key]:.{d}f}" for key, (d, _) in DECIMALS.items()) for name in sets]
    return Column("bicubic", [NOTHING, ("0",), NOTHING, *cells])


def costs(network: Mapping[str, Any]) -> list[Cell]:
    """Parameters, and multi-adds (10⁹) for one 1280x720 output."""
    parameters, operations = network.get("parameters"), network.get("multi_adds")
    return [
        NOTHING if parameters is None else (f"{parameters:,}",),
        (f"{operations / 1e9:.1f}",) if operations else NOTHING,
    ]


def spread(found: MeanSd, decimals: int) -> str:
    """ "32.47 ± 0.03", the standard deviation rounded up; of a single seed the value alone."""
    mean = f"{found.mean:.{decimals}f}"
    if found.sd is None:
        return mean
    unit = 10**decimals
    return f"{mean} ± {math.ceil(found.sd * unit - 1e-6) / unit:.{decimals}f}"


def differences_sheet(differences: Sequence[VariantDifference], reference: Variant) -> Sheet:
    """Each variant less the reference, per set, with intervals, and in words where they hold 0."""
    rows, last = [], ""
    for each in differences:
        rows.append(each.set_name if each.set_name != last else "")
        last = each.set_name
    columns = [
        Column("variant", [_who(each) for each in differences], left=True),
        Column("PSNR (dB)", [difference_cell(each.psnr, DECIMALS["psnr"][1]) for each in differences]),
        Column("SSIM", [difference_cell(each.ssim, DECIMALS["ssim"][1]) for each in differences]),
    ]
    return Sheet(f"Differences from {reference.name}, 95 % intervals", "data set", rows, columns, glue=", ")


def _who(each: VariantDifference) -> Cell:
    options = re.split(r" (?=\w+=)", each.variant.name.removeprefix(each.variant.label).strip())
    found = each.psnr
    paired = f"{counted(found.images, 'image')} × {counted(found.seeds, 'seed')}" if found else ""
    return tuple(line for line in (each.variant.label, *options, paired) if line)


def difference_cell(found: Difference | None, decimals: int) -> Cell:
    """ "+0.12", "[-0.01, +0.25]", and "no difference shown" where the printed interval holds 0."""
    if found is None:
        return ("no seed in common",)
    printed = found.round_outwards(decimals)
    mean = f"{printed.mean:+.{decimals}f}"
    if math.isinf(found.low):
        return (mean, "no interval", NOT_SHOWN)
    interval = f"[{printed.low:+.{decimals}f}, {printed.high:+.{decimals}f}]"
    return (mean, interval) if printed.significant else (mean, interval, NOT_SHOWN)


def counted(number: int, what: str) -> str:
    """ "1 seed", "3 seeds"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def parameters_sheet(found: Sequence[Variant]) -> Sheet:
    """Table IV: parameters of one building block, then of the study's whole networks, with multi-adds."""
    networks = [each.first.results["network"] for each in found]
    blocks = [block_parameters(each.first.config["model"]) for each in found]
    published = [TABLE_IV.get(network["label"]) for network in networks]
    whole, operations = zip(*map(costs, networks), strict=True)
    columns = [
        Column("RDB, counted", [(f"{number:,}",) if number else NOTHING for number in blocks]),
        Column("RDB", [(f"{number:,}",) if number else NOTHING for number in published], paper=True),
        Column("whole network", list(whole)),
        Column("multi-adds (G)", list(operations)),
    ]
    scale = found[0].first.results["protocol"]["scale"]
    return Sheet(
        f"parameters: one RDB (C 8, G 64, G0 64, weights without biases); this study's networks, x{scale}",
        "network",
        [each.name for each in found],
        columns,
        f"Published, not counted by us: {SOURCE}, Table IV",
    )
