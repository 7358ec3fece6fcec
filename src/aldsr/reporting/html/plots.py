"""What the page plots: scores and costs of every network, and the curves in its runs' logs."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from aldsr.analysis.scores import mean_over_seeds, set_names
from aldsr.analysis.variants import Variant
from aldsr.evaluation.results import ResultsError
from aldsr.reporting.html.tables import bicubic_scores, upscaling_seconds

POINTS = 400  # of a curve, at most
QUANTITIES = {"loss": "loss", "psnr": "psnr_y"}  # what the page calls a column of log.csv

Curve = list[tuple[float, float]]  # steps and values


def plotted(found: Sequence[Variant]) -> list[dict[str, Any]]:
    """Of every network its name, costs, scores per set and curves, as `assets/plots.js` reads them.

    Args:
        found: runs that `check_comparable` has let pass.

    Raises:
        ResultsError: if a run's log cannot be read.
    """
    return [
        {
            "name": each.name,
            "parameters": each.first.results["network"].get("parameters"),
            "operations": each.first.results["network"].get("multi_adds"),
            "seconds": upscaling_seconds(each),
            "scores": {name: score for name in set_names([each]) if (score := _score(each, name))},
            "curves": [{"seed": seed, **curves(run.folder / "log.csv")} for seed, run in each.runs.items()],
        }
        for each in found
    ]


def bicubic_psnr(found: Sequence[Variant]) -> dict[str, float]:
    """Bicubic's mean PSNR on every set, in dB."""
    return {name: bicubic_scores(found, name)["psnr"] for name in set_names(found)}


def curves(log: Path) -> dict[str, Curve]:
    """Loss and validation PSNR (dB, mean of the sets) by step; empty where the log is not there or says nothing of it.

    More than 400 values are cut into groups of equal numbers, each of which becomes a point at its mean.

    Raises:
        ResultsError: if the file is not the log of a run.
    """
    try:
        with log.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: _thinned(_column(rows, column)) for name, column in QUANTITIES.items()}
    except FileNotFoundError:
        return {name: [] for name in QUANTITIES}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise ResultsError(f"{log}: cannot be read as the log of a run ({error}); move it away") from error


def _column(rows: Sequence[dict[str, str]], column: str) -> Curve:
    points = [(float(row["step"]), float(row[column])) for row in rows if row.get(column)]
    return [point for point in points if all(map(math.isfinite, point))]


def _thinned(points: Curve) -> Curve:
    size = math.ceil(len(points) / POINTS)
    groups = [points[place : place + size] for place in range(0, len(points), size)] if size > 1 else []
    return [(fmean(step for step, _ in group), fmean(value for _, value in group)) for group in groups] or points


def _score(variant: Variant, name: str) -> dict[str, float | None] | None:
    psnr = mean_over_seeds(variant, name, "psnr")
    return {"psnr": psnr.mean, "sd": psnr.sd} if psnr and math.isfinite(psnr.mean) else None
