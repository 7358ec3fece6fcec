"""What the attention of trained networks learned: tables of layers and of ablations, and all of it as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from aldsr.analysis.statistics import Difference, ScoreTable, mean_sd, paired_difference
from aldsr.evaluation.attention import UNTOUCHED, LayerAttention
from aldsr.reporting.tables.cells import DECIMALS, difference_cell, format_mean_sd, pluralise
from aldsr.reporting.tables.sheet import NOTHING, Cell, Column, Sheet

# The heading and the decimals of each statistic.
STATISTICS = {
    "live": ("live units", 2),
    "r_sd": ("sd of r", 4),
    "due": ("r due to z", 4),
    "pearson": ("Pearson", 2),
    "spearman": ("Spearman", 2),
    "r_mean": ("mean of r", 3),
    "z_sd": ("sd of z", 4),
}

Scores = Mapping[str, Mapping[str, float]]  # ablation → image → PSNR-Y (dB)


class AttentionRun(NamedTuple):
    """A trained network: its file, its description, its layers, and per set the scores of every ablation."""

    place: str
    description: Mapping[str, Any]
    layers: list[LayerAttention]
    psnr: Mapping[str, Scores]


class Attention(NamedTuple):
    """Runs of one network, which are repeats of each other, and its name in tables."""

    name: str
    runs: list[AttentionRun]

    @property
    def sets(self) -> list[str]:
        """The sets that it was measured on."""
        return list(self.runs[0].psnr)

    @property
    def ablations(self) -> list[str]:
        """The names of the ablations."""
        return [name for name in self.runs[0].psnr[self.sets[0]] if name != UNTOUCHED]

    def scores(self, set_name: str, ablation: str) -> ScoreTable:
        """PSNR-Y in dB: `[runs, images]`."""
        return np.array([list(run.psnr[set_name][ablation].values()) for run in self.runs])

    def change(self, set_name: str, ablation: str) -> Difference:
        """PSNR-Y of the ablated networks minus that of the untouched ones, paired by run and image."""
        return paired_difference(self.scores(set_name, ablation), self.scores(set_name, UNTOUCHED))

    @property
    def repeats(self) -> str:
        """The number of runs, for titles."""
        return f"mean ± sd over {len(self.runs)} runs" if len(self.runs) > 1 else "1 run"


def layers_sheet(attention: Attention) -> Sheet:
    """A row per layer, and one for their mean; mean ± sd over runs."""
    layers = attention.runs[0].layers
    columns = [Column("filters", [*((str(len(layer.z)),) for layer in layers), NOTHING])]
    for key, (head, decimals) in STATISTICS.items():
        by_run = [[layer.statistics()[key] for layer in run.layers] for run in attention.runs]
        means = [mean_sd(known).mean if (known := _known(values)) else None for values in by_run]
        rows = [*zip(*by_run, strict=True), means]
        columns.append(Column(head, [_runs_cell(row, decimals) for row in rows]))
    names = [*(layer_names(layer.place)[1] for layer in layers), "mean"]
    return Sheet(f"{attention.name}: r and z of every layer, {attention.repeats}", "unit.layer", names, columns)


def ablations_sheet(attention: Attention) -> Sheet:
    """A row per ablation, a column per set: PSNR-Y untouched, then what an ablation changes, with its interval."""
    columns = []
    for name in attention.sets:
        scores = attention.scores(name, UNTOUCHED)
        untouched = _runs_cell(scores.mean(1).tolist(), DECIMALS["psnr"] + 1)
        changes = [difference_cell(attention.change(name, ablation), "psnr") for ablation in attention.ablations]
        columns.append(Column(f"{name} ({pluralise(scores.shape[1], 'image')})", [untouched, *changes]))
    title = f"{attention.name}: PSNR-Y (dB), and what each ablation changes, 95 % intervals, {attention.repeats}"
    return Sheet(title, "attention", [UNTOUCHED, *attention.ablations], columns, glue=", ")


def attention_notes(networks: Sequence[Attention], *, shuffles: int) -> list[tuple[str, str]]:
    """The terms of the tables, and what the intervals cover: a word and a sentence each."""
    single = any(len(each.runs) == 1 for each in networks)
    covers = "; of one run they cover the choice of images only: another training may turn out otherwise"
    due = "root mean square of r less the r that it would be if all filters of the layer had their mean z"
    return [
        ("live units", "fraction of the hidden units that the ReLU lets through"),
        ("r due to z", due),
        ("mean", "of a layer, in every channel"),
        ("shuffled", f"among the channels of each layer; mean over {pluralise(shuffles, 'shuffle')}"),
        ("intervals", f"of differences paired by run and image, rounded outwards{covers if single else ''}"),
    ]


def attention_data(networks: Sequence[Attention]) -> list[dict[str, Any]]:
    """Everything in the tables and plots as data for JSON: every z and r, every score."""
    found = []
    for each in networks:
        changes = {name: {kind: each.change(name, kind)._asdict() for kind in each.ablations} for name in each.sets}
        runs = [{"run": run.place, "layers": [*map(_layer_data, run.layers)], "psnr_y": run.psnr} for run in each.runs]
        found.append({"name": each.name, "description": each.runs[0].description, "runs": runs, "changes": changes})
    return found


def layer_names(place: str) -> tuple[str, str]:
    """The unit that a layer is in, and its own name: "RDBs.0.layers.3" → "RDB 1", "1.4", counted as in papers.

    In other backbones both are the modules' names: "body.0.conv1" → "body.0", "body.0.conv1".
    """
    parts = place.split(".")
    if parts[::2] == ["RDBs", "layers"]:
        return f"RDB {int(parts[1]) + 1}", f"{int(parts[1]) + 1}.{int(parts[3]) + 1}"
    return ".".join(parts[:-1]) or place, place


def _layer_data(layer: LayerAttention) -> dict[str, Any]:
    values = {key: getattr(layer, key).tolist() for key in ("z", "hidden", "r", "due")}
    return {"place": layer.place, **layer.statistics(), "values": values}


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _runs_cell(values: Sequence[float | None], decimals: int) -> Cell:
    return (format_mean_sd(mean_sd(known), decimals),) if (known := _known(values)) else NOTHING
