"""A study of backbones × blocks: per data set a row per backbone, a column per block, multi-adds below PSNR."""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

from aldsr.analysis.scores import bicubic_scores, mean_over_seeds, set_sizes
from aldsr.analysis.variants import Variant, network_label
from aldsr.core.errors import OptionError
from aldsr.evaluation import complete_description
from aldsr.reporting.tables.cells import DECIMALS, cost_cells, format_mean_sd, pluralise
from aldsr.reporting.tables.results import quantities
from aldsr.reporting.tables.sheet import NOTHING, Cell, Column, Sheet

ORDER = ("standard", "DW", "LDW", "ALD", "BSConv")  # of blocks; others come last


class Grid(NamedTuple):
    """The variants of a study by backbone and block, such as "EDSR" and "ALD (det)"."""

    backbones: Sequence[str]
    blocks: Sequence[str]
    variants: Mapping[tuple[str, str], Variant]


def arrange_grid(variants: Sequence[Variant]) -> Grid:
    """Arrange variants by backbone and block.

    Raises OptionError if there are not two of each, two variants have one place, or a network states no block.
    """
    places: dict[tuple[str, str], Variant] = {}
    for variant in variants:
        place = _find_place(variant)
        if other := places.get(place):
            raise OptionError(
                f"--grid: '{other.name}' and '{variant.name}' are both {place[0]} with the block {place[1]}, and a "
                "cell is of one network; name the runs of one of them only"
            )
        places[place] = variant
    backbones, blocks = (list(dict.fromkeys(names)) for names in zip(*places, strict=True))
    if len(backbones) < 2 or len(blocks) < 2:
        found = f"{', '.join(backbones)} with {', '.join(blocks)}"
        raise OptionError(f"--grid: is for at least two backbones and two blocks, and this is {found}; leave it out")
    rank = {name: place for place, name in enumerate(ORDER)}
    return Grid(backbones, sorted(blocks, key=lambda name: rank.get(name.partition(" ")[0], len(ORDER))), places)


def _find_place(variant: Variant) -> tuple[str, str]:
    """The backbone and the block of a variant, from the description of its network."""
    description = variant.first.results["network"].get("description") or variant.first.config["model"]
    description = complete_description(description.get("network", description))  # of a deployed one: what it was
    if not description.get("conv"):
        raise OptionError(f"--grid: '{variant.name}' states no block (conv); leave its runs out")
    block = description["conv"]["_target_"].rpartition(".")[2].removesuffix("Block")
    label = network_label("standard" if block == "Standard" else block, description)
    return description["_target_"].rpartition(".")[2], label


def grid_sheets(study: str, grid: Grid) -> list[Sheet]:
    """A table per data set: mean ± standard deviation of PSNR over seeds, and multi-adds."""
    variants = list(grid.variants.values())
    results = variants[0].first.results
    most = max(len(variant.runs) for variant in variants)
    repeats = f"mean ± sd over {most} seeds" if most > 1 else "one seed each"
    quantity = f"{quantities(results).partition(' /')[0]}, x{results['protocol']['scale']}, {repeats}"
    sheets = []
    for name in set_sizes(variants):
        bicubic = f"bicubic {bicubic_scores(variants, name)['psnr']:.{DECIMALS['psnr']}f}"
        cells = {place: _grid_cell(variant, name, most) for place, variant in grid.variants.items()}
        columns = [Column(each, [cells.get((row, each), NOTHING) for row in grid.backbones]) for each in grid.blocks]
        title = f"{study}: {quantity} on {name} ({bicubic}), and multi-adds"
        sheets.append(Sheet(title, "backbone", grid.backbones, columns))
    return sheets


def _grid_cell(variant: Variant, set_name: str, most: int) -> Cell:
    """PSNR, multi-adds if they are known, and the number of seeds if others have more."""
    if not (score := mean_over_seeds(variant, set_name, "psnr")):
        return NOTHING
    _, multi_adds = cost_cells(variant.first.results["network"])
    cost = [] if multi_adds == NOTHING else [f"{multi_adds[0]} G"]
    seeds = [pluralise(score.number, "seed")] if score.number < most else []
    return format_mean_sd(score, DECIMALS["psnr"]), *cost, *seeds


def grid_csv(grid: Grid) -> str:
    """The numbers of `grid_sheets`, unrounded: a row per backbone, block and data set."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["backbone", "block", "set", "images", "seeds", "psnr", "sd", "multi_adds"])
    sets = set_sizes([*grid.variants.values()])
    for (name, images), (place, variant) in product(sets.items(), grid.variants.items()):
        if score := mean_over_seeds(variant, name, "psnr"):
            multi_adds = variant.first.results["network"].get("multi_adds")
            table.writerow([*place, name, images, score.number, score.mean, score.sd, multi_adds])
    return text.getvalue()
