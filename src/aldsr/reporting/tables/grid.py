"""A study of backbones × blocks: per data set a row per backbone, a column per block, multi-adds below PSNR."""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import product

from aldsr.analysis.scores import bicubic_scores, mean_over_seeds, set_sizes
from aldsr.analysis.variants import BLOCKS, Variant, split_label
from aldsr.core.errors import OptionError
from aldsr.evaluation import complete_description
from aldsr.reporting.tables.cells import DECIMALS, cost_cells, format_mean_sd, pluralise
from aldsr.reporting.tables.results import quantities
from aldsr.reporting.tables.sheet import NOTHING, Cell, Column, Sheet

Grid = Mapping[tuple[str, str], Variant]  # by backbone and block, such as "EDSR" and "ALD (det)"


def arrange_grid(variants: Sequence[Variant]) -> Grid:
    """Arrange variants by backbone and block.

    Raises OptionError if there are not two of each, two variants have one place, or a network states no block.
    """
    grid: dict[tuple[str, str], Variant] = {}
    for variant in variants:
        description = variant.first.results["network"].get("description") or variant.first.config["model"]
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
    return backbones, sorted(blocks, key=("standard", *BLOCKS, *blocks).index)


def grid_sheets(study: str, grid: Grid) -> list[Sheet]:
    """A table per data set: mean ± standard deviation of PSNR over seeds, and multi-adds."""
    variants, (backbones, blocks) = list(grid.values()), _list_names(grid)
    results = variants[0].first.results
    most = max(len(variant.runs) for variant in variants)
    repeats = f"mean ± sd over {most} seeds" if most > 1 else "one seed each"
    quantity = f"{quantities(results).partition(' /')[0]}, x{results['protocol']['scale']}, {repeats}"
    sheets = []
    for name in set_sizes(variants):
        bicubic = f"bicubic {bicubic_scores(variants, name)['psnr']:.{DECIMALS['psnr']}f}"
        cells = {place: _grid_cell(variant, name, most) for place, variant in grid.items()}
        columns = [Column(block, [cells.get((each, block), NOTHING) for each in backbones]) for block in blocks]
        title = f"{study}: {quantity} on {name} ({bicubic}), and multi-adds"
        sheets.append(Sheet(title, "backbone", backbones, columns))
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
    for (name, images), (place, variant) in product(set_sizes([*grid.values()]).items(), grid.items()):
        if score := mean_over_seeds(variant, name, "psnr"):
            multi_adds = variant.first.results["network"].get("multi_adds")
            table.writerow([*place, name, images, score.number, score.mean, score.sd, multi_adds])
    return text.getvalue()
