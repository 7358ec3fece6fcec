"""A study of backbones × blocks: per data set a row per backbone, a column per block; scores, and differences."""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import product

from aldsr.analysis.scores import VariantDifference, bicubic_scores, compare_pairs, mean_over_seeds, set_sizes
from aldsr.analysis.statistics import Difference
from aldsr.analysis.variants import Variant, block_order, split_label
from aldsr.core.errors import OptionError
from aldsr.evaluation import complete_description
from aldsr.reporting.tables.cells import DECIMALS, cost_cells, difference_cell, format_mean_sd, pluralise
from aldsr.reporting.tables.results import quantities
from aldsr.reporting.tables.sheet import NOTHING, Cell, Column, Sheet

Grid = Mapping[tuple[str, str], Variant]  # by backbone and block, such as "EDSR" and "ALD (det)"


def arrange_grid(variants: Sequence[Variant]) -> Grid:
    """Arrange variants by backbone and block.

    Raises OptionError if there are not two of each, two variants have one place, or a network states no block.
    """
    grid: dict[tuple[str, str], Variant] = {}
    for variant in variants:
        description = variant.first.results["network"].get("description") or {}
        if not complete_description(description.get("network", description)).get("conv"):  # of a deployed one, within
            raise OptionError(f"--grid: '{variant.name}' states no block (conv); leave its runs out")
        backbone, name = split_label(variant.label)
        other = grid.setdefault((backbone, block := name or "standard"), variant)
        if other is not variant:
            raise OptionError(
                f"--grid: '{other.name}' and '{variant.name}' are both {backbone} with the block {block}, "
                "and a cell is of one network; name the runs of one of them only"
            )
    backbones, blocks = _list_names(grid)
    if len(backbones) < 2 or len(blocks) < 2:
        found = f"{', '.join(backbones)} with {', '.join(blocks)}"
        raise OptionError(f"--grid: is for at least two backbones and two blocks, and this is {found}; leave it out")
    return grid


def _list_names(grid: Grid) -> tuple[list[str], list[str]]:
    """The backbones and the blocks, each in its order."""
    backbones, blocks = (list(dict.fromkeys(names)) for names in zip(*grid, strict=True))
    return backbones, sorted(blocks, key=lambda block: (block != "standard", *block_order(block)))


def compare_blocks(grid: Grid, block: str, *, fixed_images: bool = False) -> list[VariantDifference]:
    """Compare each network with that of its backbone which has the block, such as "LDW"; see `score_difference`.

    Raises OptionError if there is no such block.
    """
    _, blocks = _list_names(grid)
    if not (named := [each for each in blocks if each.lower() == block.lower()]):
        raise OptionError(f"--against '{block}': no block of this grid; expected one of: {', '.join(blocks)}")
    pairs = [(each, grid.get((backbone, named[0]))) for (backbone, _), each in grid.items()]
    return compare_pairs([(each, other) for each, other in pairs if other], fixed_images=fixed_images, ssim=False)


def grid_sheets(study: str, grid: Grid, differences: Sequence[VariantDifference] = ()) -> list[Sheet]:
    """A table per data set: mean ± standard deviation of PSNR over seeds, and multi-adds; and one of differences."""
    variants = list(grid.values())
    results = variants[0].first.results
    most = max(len(variant.runs) for variant in variants)
    repeats = f"mean ± sd over {most} seeds" if most > 1 else "one seed each"
    psnr = f"{study}: {quantities(results).partition(' /')[0]}, x{results['protocol']['scale']}"
    sheets = []
    for name in set_sizes(variants):
        bicubic = f"bicubic {bicubic_scores(variants, name)['psnr']:.{DECIMALS['psnr']}f}"
        cells = {place: _grid_cell(variant, name, most) for place, variant in grid.items()}
        sheets.append(_grid_sheet(f"{psnr}, {repeats} on {name} ({bicubic}), and multi-adds", grid, cells))
    for name in dict.fromkeys(each.set_name for each in differences):
        own = {each.variant.name: each for each in differences if each.set_name == name}
        cells = {place: _difference_cell(own.get(variant.name), most) for place, variant in grid.items()}
        _, block = split_label(next(iter(own.values())).reference.label)
        title = f"{psnr} on {name}, less that of the same backbone with {block or 'standard'}, 95 % intervals"
        sheets.append(_grid_sheet(title, grid, cells)._replace(glue=", "))
    return sheets


def _grid_sheet(title: str, grid: Grid, cells: Mapping[tuple[str, str], Cell]) -> Sheet:
    backbones, blocks = _list_names(grid)
    columns = [Column(block, [cells.get((each, block), NOTHING) for each in backbones]) for block in blocks]
    return Sheet(title, "backbone", backbones, [each for each in columns if {*each.cells} != {NOTHING}])


def _difference_cell(difference: VariantDifference | None, most: int) -> Cell:
    """The difference in PSNR with its interval, and the number of pairs of seeds if others have more."""
    if difference is None:
        return NOTHING
    seeds = difference.psnr.seeds if isinstance(difference.psnr, Difference) else most
    return *difference_cell(difference.psnr, "psnr"), *([pluralise(seeds, "seed")] if seeds < most else [])


def _grid_cell(variant: Variant, set_name: str, most: int) -> Cell:
    """PSNR, multi-adds if they are known, and the number of seeds if others have more."""
    if not (score := mean_over_seeds(variant, set_name, "psnr")):
        return NOTHING
    _, multi_adds = cost_cells(variant.first.results["network"])
    cost = [] if multi_adds == NOTHING else [f"{multi_adds[0]} G"]
    seeds = [pluralise(score.number, "seed")] if score.number < most else []
    return format_mean_sd(score, DECIMALS["psnr"]), *cost, *seeds


def grid_csv(grid: Grid, differences: Sequence[VariantDifference] = ()) -> str:
    """The numbers of `grid_sheets`, unrounded: a row per backbone, block and data set."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    fields = ["backbone", "block", "set", "images", "seeds", "psnr", "sd", "multi_adds"]
    table.writerow([*fields, *(["less", "difference", "low", "high", "pairs"] if differences else [])])
    less = {(each.variant.name, each.set_name): each for each in differences}
    for (name, images), (place, variant) in product(set_sizes([*grid.values()]).items(), grid.items()):
        if score := mean_over_seeds(variant, name, "psnr"):
            multi_adds = variant.first.results["network"].get("multi_adds")
            found = less.get((variant.name, name))
            paired = [""] * 5
            if found and isinstance(found.psnr, Difference):
                paired = [split_label(found.reference.label)[1] or "standard", *map(str, found.psnr[:4])]
            row = [*place, name, images, score.number, score.mean, score.sd, multi_adds]
            table.writerow([*row, *(paired if differences else [])])
    return text.getvalue()
