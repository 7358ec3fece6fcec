"""What attention learned, as tables and as JSON: layers in figures, and what is lost without parts of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from aldsr.analysis.statistics import Difference, Table, mean_sd, paired_difference
from aldsr.evaluation.attention import UNTOUCHED, LayerAttention
from aldsr.reporting.tables.sheet import NOTHING, Cell, Column, Sheet
from aldsr.reporting.tables.study import DECIMALS, counted, difference_cell, spread

# Of each statistic its heading and decimals.
COLUMNS = {
    "live": ("live units", 2),
    "r_sd": ("sd of r", 4),
    "due": ("r due to z", 4),
    "pearson": ("Pearson", 2),
    "spearman": ("Spearman", 2),
    "r_mean": ("mean of r", 3),
    "z_sd": ("sd of z", 4),
}

Scores = Mapping[str, Mapping[str, float]]  # ablation → image → PSNR-Y (dB)


class Run(NamedTuple):
    """One trained network: where it lies, its description, its layers, and per set the scores of every ablation."""

    place: str
    description: Mapping[str, Any]
    layers: list[LayerAttention]
    psnr: Mapping[str, Scores]


class Attention(NamedTuple):
    """One network by its name in tables, with its runs, which are its repeats."""

    name: str
    runs: list[Run]

    @property
    def sets(self) -> list[str]:
        """The sets that it was measured on."""
        return list(self.runs[0].psnr)

    def table(self, set_name: str, ablation: str) -> Table:
        """PSNR-Y in dB as `[runs, images]`."""
        return np.array([list(run.psnr[set_name][ablation].values()) for run in self.runs])

    @property
    def ablations(self) -> list[str]:
        """What was done to it."""
        return [name for name in self.runs[0].psnr[self.sets[0]] if name != UNTOUCHED]

    def change(self, set_name: str, ablation: str) -> Difference:
        """PSNR-Y of the ablated networks less that of the untouched ones, paired by run and image."""
        return paired_difference(self.table(set_name, ablation), self.table(set_name, UNTOUCHED))


def layers_sheet(found: Attention) -> Sheet:
    """A row per layer, and one for their mean; mean ± sd over runs."""
    runs = [[layer.statistics() for layer in run.layers] for run in found.runs]
    runs = [[*layers, {key: _mean([layer[key] for layer in layers]) for key in COLUMNS}] for layers in runs]
    first = found.runs[0].layers
    columns = [Column("filters", [*((str(len(layer.z)),) for layer in first), NOTHING])]
    for key, (head, decimals) in COLUMNS.items():
        rows = zip(*([layer[key] for layer in layers] for layers in runs), strict=True)
        columns.append(Column(head, [_over_runs(row, decimals) for row in rows]))
    title = f"{found.name}: r and z of every layer, {_runs(found)}"
    return Sheet(title, "RDB.layer", [*(layer_name(layer.place) for layer in first), "mean"], columns)


def ablations_sheet(found: Attention) -> Sheet:
    """A row per ablation, a column per set: PSNR-Y untouched, then what an ablation changes, with its interval."""
    decimals = DECIMALS["psnr"][1]
    columns = []
    for each in found.sets:
        untouched = found.table(each, UNTOUCHED)
        score = spread(mean_sd(untouched.mean(1).tolist()), decimals)
        changes = [difference_cell(found.change(each, name), decimals) for name in found.ablations]
        columns.append(Column(f"{each} ({counted(untouched.shape[1], 'image')})", [(score,), *changes]))
    title = f"{found.name}: PSNR-Y (dB), and what each ablation changes, 95 % intervals, {_runs(found)}"
    return Sheet(title, "attention", [UNTOUCHED, *found.ablations], columns, glue=", ")


def attention_notes(found: Sequence[Attention], *, shuffles: int) -> list[tuple[str, str]]:
    """What the words in the tables mean, and what the intervals cover: a word and a sentence each."""
    single = any(len(each.runs) == 1 for each in found)
    covers = "; of one run they cover the choice of images only: another training may turn out otherwise"
    return [
        ("live units", "fraction of the hidden units that the ReLU lets through"),
        (
            "r due to z",
            "root mean square of r less the r that it would be if all filters of the layer had their mean z",
        ),
        ("mean", "of a layer, in every channel"),
        ("shuffled", f"among the channels of each layer; mean over {counted(shuffles, 'shuffle')}"),
        ("intervals", f"of differences paired by run and image, rounded outwards{covers if single else ''}"),
    ]


def as_json(found: Sequence[Attention]) -> list[dict[str, Any]]:
    """Everything in the tables and plots as plain data: every z and r, every score."""
    return [
        {
            "name": each.name,
            "description": each.runs[0].description,
            "runs": [
                {"run": run.place, "layers": [_layer(layer) for layer in run.layers], "psnr_y": run.psnr}
                for run in each.runs
            ],
            "changes": {
                name: {ablation: _plain(each.change(name, ablation)) for ablation in each.ablations}
                for name in each.sets
            },
        }
        for each in found
    ]


def layer_name(place: str) -> str:
    """ "RDBs.0.layers.3" → "1.4", counted from one as in papers; another network's places as they are."""
    parts = place.split(".")
    return f"{int(parts[1]) + 1}.{int(parts[3]) + 1}" if parts[::2] == ["RDBs", "layers"] else place


def _layer(layer: LayerAttention) -> dict[str, Any]:
    values = {key: getattr(layer, key).tolist() for key in ("z", "hidden", "r", "due")}
    return {"place": layer.place, **layer.statistics(), "values": values}


def _plain(change: Difference) -> dict[str, float | None]:
    """A difference as JSON can hold it: without an interval, its ends are None."""
    return {key: value if math.isfinite(value) else None for key, value in change._asdict().items()}


def _over_runs(values: Sequence[float | None], decimals: int) -> Cell:
    known = [value for value in values if value is not None]
    return (spread(mean_sd(known), decimals),) if known else NOTHING


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _runs(found: Attention) -> str:
    return f"mean ± sd over {len(found.runs)} runs" if len(found.runs) > 1 else "1 run"
