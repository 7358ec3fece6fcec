"""Numbers as the cells of tables print them.

Nothing is rounded in favour of a claim: standard deviations are rounded up and intervals outwards, and it is the
printed interval that decides whether a difference is shown.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aldsr.analysis.scores import QUANTITIES, mean_over_seeds
from aldsr.analysis.statistics import Difference, MeanSd
from aldsr.analysis.variants import Variant
from aldsr.imaging.perceptual import TITLES
from aldsr.reporting.tables.sheet import NOTHING, Cell

# What `cost=full` counts and measures: heading → key in results, unit, decimals.
FULL_COSTS = {
    "convolutions": ("convolutions", 1, 0),
    "activations (M), LR 256x256": ("activations_256x256", 1e6, 2),
    "multi-adds (G), LR 256x256": ("multi_adds_256x256", 1e9, 2),
    "ms, output 1280x720": ("latency_s", 1e-3, 1),
    "peak memory (MiB)": ("peak_memory_bytes", 2**20, 0),
}
DECIMALS = {"psnr": 2, "ssim": 4, **dict.fromkeys(TITLES, 4)}  # of a score; a difference has one more
NO_DIFFERENCE = "no difference shown"


def pluralise(number: int, noun: str) -> str:
    """ "1 seed", "3 seeds"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def score_cell(scores: Mapping[str, float] | None, keys: Sequence[str] = QUANTITIES) -> Cell:
    """ "32.47" and "0.8990" of PSNR in dB and SSIM, or other scores."""
    return tuple(f"{scores[key]:.{DECIMALS[key]}f}" for key in keys if key in scores) or NOTHING if scores else NOTHING


def seeds_cell(variant: Variant, set_name: str, keys: Sequence[str] = QUANTITIES) -> Cell:
    """Mean ± standard deviation over seeds of scores on a set; the number of seeds if some are missing."""
    scores = {key: mean_over_seeds(variant, set_name, key) for key in keys}
    lines = [format_mean_sd(score, DECIMALS[key]) for key, score in scores.items() if score]
    seeds = sum(keys[0] in run.results["sets"].get(set_name, ()) for run in variant.runs.values())
    return (*lines, *([pluralise(seeds, "seed")] if seeds < len(variant.runs) else [])) if lines else NOTHING


def format_mean_sd(value: MeanSd, decimals: int) -> str:
    """ "32.47 ± 0.03", the standard deviation rounded up; the mean alone if there is one value."""
    mean = f"{value.mean:.{decimals}f}"
    if value.sd is None:
        return mean
    unit = 10**decimals
    return f"{mean} ± {math.ceil(value.sd * unit - 1e-6) / unit:.{decimals}f}"


def difference_cell(difference: Difference | str, quantity: str) -> Cell:
    """ "+0.12", "[-0.01, +0.25]", "no difference shown" if the printed interval holds 0; or why there is none."""
    if isinstance(difference, str):
        return (difference,)
    decimals = DECIMALS[quantity] + 1
    printed = difference.round_outwards(decimals)
    mean, low, high = (f"{value:+.{decimals}f}" for value in printed[:3])
    interval = "no interval" if math.isinf(printed.low) else f"[{low}, {high}]"
    return (mean, interval) if printed.significant else (mean, interval, NO_DIFFERENCE)


def cost_cells(network: Mapping[str, Any]) -> tuple[Cell, Cell]:
    """Parameters, and multi-adds (10⁹) of one 1280x720 output."""
    parameters, multi_adds = network.get("parameters"), network.get("multi_adds")
    return count_cell(parameters), (f"{multi_adds / 1e9:.1f}",) if multi_adds else NOTHING


def read_cost(*results: Mapping[str, Any]) -> dict[str, Any]:
    """The cost of a network as it is deployed, folded if it can be, from the first results that have one; or empty."""
    for each in results:
        if cost := each.get("cost"):
            form = "folded" if cost.get("folded") else "unfolded"
            where = f"{cost['device']}, {pluralise(cost['threads'], 'thread')}, {each['measured']['precision']}"
            return {"device": cost["device"], "where": (form, where), **cost[form]}
    return {}


def read_costs(variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """The cost of each variant, of its first run that has one."""
    return [read_cost(*(run.results for run in variant.runs.values())) for variant in variants]


def full_cost_cells(rows: Iterable[Iterable[Mapping[str, Any]]]) -> dict[str, list[Cell]]:
    """What the efficient-SR challenges report, by heading, of the results of networks; none without a `cost=full`."""
    costs = [read_cost(*results) for results in rows]
    if not any("convolutions" in cost for cost in costs):
        return {}
    cells = {head: [scaled_cell(cost, *kind) for cost in costs] for head, kind in FULL_COSTS.items()}
    return cells | {"form and device of these": [cost.get("where", NOTHING) for cost in costs]}


def scaled_cell(cost: Mapping[str, Any], key: str, unit: float, decimals: int) -> Cell:
    """ "154.14" of 154,140,672 in units of a million."""
    return NOTHING if cost.get(key) is None else (f"{cost[key] / unit:,.{decimals}f}",)


def count_cell(number: int | None) -> Cell:
    """ "1,363,968"."""
    return NOTHING if number is None else (f"{number:,}",)
