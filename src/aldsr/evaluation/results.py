"""Scores with everything they depend on: the dictionary behind `results.json`, and what may share a table."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import nn

from aldsr.core.errors import UserError
from aldsr.core.version import code_version
from aldsr.data import BenchmarkSet
from aldsr.evaluation.cost import count_parameters, multi_adds
from aldsr.imaging import Protocol

ImageScores = Mapping[str, Mapping[str, float]]  # image → psnr (dB), ssim
Scores = Mapping[str, ImageScores]  # set → image → psnr, ssim


class ResultsError(UserError, ValueError):
    """Results that cannot be read, or must not share a table."""


def summarise(
    network: Mapping[str, Any],
    scores: Mapping[str, Scores],
    *,
    bicubic: Mapping[str, Scores],
    protocols: Mapping[str, Protocol],
    benchmarks: Sequence[BenchmarkSet],
    scale: int,
    conditions: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that `results.json` says of a measurement.

    Args:
        network: see `described`.
        scores: per protocol, set and image.
        bicubic: those of bicubic on the same images.
        protocols: by which it was scored. The first one's results are the results; if there are several,
            `explained` holds those of all.
        benchmarks: the sets.
        scale: HR pixels per LR pixel.
        conditions: under which it ran: device, precision, tile and so on.
    """
    head = {"network": dict(network), "measured": {**conditions, "version": code_version(), "torch": torch.__version__}}
    identities = {each.name: each.identity() for each in benchmarks}
    every = {}
    for name, protocol in protocols.items():
        found, reference = (_summaries(each[name], benchmarks, protocol, scale) for each in (scores, bicubic))
        sets = {place: identities[place] | summary for place, summary in found.items()}
        every[name] = head | {
            "protocol": {"name": name, **protocol.described(scale)},
            "sets": sets,
            "bicubic": reference,
        }
    results: dict[str, Any] = dict(next(iter(every.values())))
    return results | {"explained": every} if len(every) > 1 else results


def described(
    label: str, network: nn.Module | None = None, description: Mapping[str, Any] | None = None, *, scale: int
) -> dict[str, Any]:
    """What results say of the thing measured: its label and, of a network, size, multi-adds and description."""
    if network is None:
        return {"label": label, "parameters": None, "multi_adds": None}
    return {
        "label": label,
        "parameters": count_parameters(network),
        "multi_adds": multi_adds(network, scale=scale),
        "description": dict(description or {}),
    }


def _summaries(
    scores: Scores, benchmarks: Sequence[BenchmarkSet], protocol: Protocol, scale: int
) -> dict[str, dict[str, Any]]:
    pooled = protocol.mean == "pixels"
    weights = {each.name: _pixels(each, protocol.margin(scale)) if pooled else None for each in benchmarks}
    return {name: set_summary(images, pooled_by=weights[name]) for name, images in scores.items()}


def set_summary(images: ImageScores, *, pooled_by: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A set's mean PSNR and SSIM, its number of images, and every image.

    Args:
        images: their scores.
        pooled_by: pixels of each image, where PSNR is to be that of the error pooled over the set.
    """
    psnr = fmean(image["psnr"] for image in images.values())
    if pooled_by:
        error = sum(pooled_by[name] * 10 ** (-image["psnr"] / 10) for name, image in images.items())
        psnr = -10 * math.log10(error / sum(pooled_by[name] for name in images)) if error else math.inf
    return {
        "psnr": psnr,
        "ssim": fmean(image["ssim"] for image in images.values()),
        "number": len(images),
        "images": {name: dict(values) for name, values in images.items()},
    }


def _pixels(benchmark: BenchmarkSet, margin: int) -> dict[str, int]:
    """Pixels of each image that are scored."""
    return {pair.name: (pair.hr.shape[-2] - 2 * margin) * (pair.hr.shape[-1] - 2 * margin) for pair in benchmark.pairs}


def read_results(path: str | Path) -> dict[str, Any]:
    """The content of a `results.json`, or of the one in a run's folder.

    Raises:
        ResultsError: if there is none, or it is none of aldsr's.
    """
    path = Path(path).expanduser()
    path = path / "results.json" if path.is_dir() else path
    try:
        results = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ResultsError(f"{path}: no such file; expected a run's folder or its results.json") from error
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be read as results ({error})") from error
    sets = results.get("sets") if isinstance(results, dict) else None
    if not isinstance(sets, dict) or not all("fingerprint" in each for each in sets.values()):
        raise ResultsError(f"{path}: is no results.json of this version of aldsr; measure again with aldsr.evaluate")
    return results


def check_comparable(results: Mapping[str, Mapping[str, Any]]) -> None:
    """Whether results may stand in one table: the same protocol, and of sets of one name the same images.

    Args:
        results: the content of each results.json, by a name for the message.

    Raises:
        ResultsError: naming the first difference.
    """
    (first, base), *others = results.items()
    for name, other in others:
        ours, theirs = _comparable(base), _comparable(other)
        for key in ours.keys() & theirs.keys():
            if None not in (ours[key], theirs[key]) and ours[key] != theirs[key]:
                raise ResultsError(
                    f"{first} and {name} cannot share a table: {key} is '{ours[key]}' in the one and '{theirs[key]}' "
                    "in the other; measure both in the same way"
                )


def _comparable(results: Mapping[str, Any]) -> dict[str, Any]:
    """What must be equal, by a name for the message; sets that only one result has do not matter."""
    compared = {f"the protocol's {key}": value for key, value in results["protocol"].items()}
    for name, found in results["sets"].items():
        for key, what in (("number", "the number of images"), ("fingerprint", "the fingerprint of HR")):
            compared[f"{what} of {name}"] = found[key]
        compared[f"the fingerprint of LR of {name}"] = found["lr_fingerprint"]
    return compared
