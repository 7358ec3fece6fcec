"""The content of `results.json`: scores with everything they depend on; and which results may share a table."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import nn

from aldsr.core.errors import UserError, list_names
from aldsr.core.version import code_version
from aldsr.data import BenchmarkSet, DataError
from aldsr.evaluation.cost import count_parameters, multi_adds
from aldsr.imaging import Protocol, Scores

# What version 0.1 wrote for the fields of a protocol. These sentences are those of recorded files and never change.
SSIM = "Gaussian 11x11, sigma 1.5, K 0.01/0.03, L 255, {}, mean over images"
OLD_SENTENCES: dict[Any, tuple[str, str]] = {
    "Y of YCbCr (BT.601, 16-235), from uint8 RGB, not rounded": ("colour", "y"),
    "Y of YCbCr (BT.601, 16-235), from uint8 RGB, rounded to whole numbers": ("colour", "y_uint8"),
    "Y of BT.601 in full range (0-255), from uint8 RGB, not rounded": ("colour", "y_full_range"),
    "uint8 RGB, all channels together": ("colour", "rgb"),
    "replicated to RGB, before the network and in scoring": ("gray", "replicated"),
    "replicated to RGB before the network, scored by its value (0-255)": ("gray", "direct"),
    "10 log10(255^2 / MSE), mean over images": ("psnr_mean", "images"),
    "10 log10(255^2 / MSE), of the squared error pooled over all pixels of the set": ("psnr_mean", "pixels"),
    SSIM.format("windows inside the image"): ("ssim_window", "valid"),
    SSIM.format("a window for every pixel, mirrored at the border"): ("ssim_window", "same"),
}
TIMED = ("training", "upscaling", "deployed", "checkpointing", "growth")  # the benchmarks that measure networks


class ResultsError(UserError, ValueError):
    """Results that cannot be read, or must not share a table."""


def make_results(
    network: Mapping[str, Any],
    scores: Mapping[str, Scores],
    *,
    bicubic: Mapping[str, Scores],
    protocols: Mapping[str, Protocol],
    benchmarks: Sequence[BenchmarkSet],
    scale: int,
    conditions: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of the `results.json` of a measurement under `conditions`: device, precision, tile and so on.

    `network`: see `describe_network`. Scores are per protocol, set and image. The results are those of the first of the
    `protocols`; if there are several, `explained` holds those of all.
    """
    head = {"network": dict(network), "measured": {**conditions, "version": code_version(), "torch": torch.__version__}}
    identities = {each.name: each.identity for each in benchmarks}
    every: dict[str, dict[str, Any]] = {}
    for name, protocol in protocols.items():
        every[name] = {**head, "protocol": {"name": name, **protocol.to_fields(scale)}, "sets": {}, "bicubic": {}}
        for each in benchmarks:
            sides = [[side - 2 * protocol.margin(scale) for side in pair.hr.shape[-2:]] for pair in each.pairs]
            pixels = [*map(math.prod, sides)] if protocol.psnr_mean == "pixels" else None
            every[name]["sets"][each.name] = identities[each.name] | _summarise_set(scores[name][each.name], pixels)
            every[name]["bicubic"][each.name] = _summarise_set(bicubic[name][each.name], pixels)
    first = next(iter(every.values()))
    return first | {"explained": every} if len(every) > 1 else first


def check_scorable(benchmarks: Sequence[BenchmarkSet], protocols: Mapping[str, Protocol], scale: int) -> None:
    """Raise DataError, naming the images, if some are too small for a protocol."""
    least, measure = max(protocol.least_side(scale) for protocol in protocols.values())
    for each in benchmarks:
        if small := [pair.name for pair in each.pairs if min(pair.hr.shape[-2:]) < least]:
            raise DataError(
                f"{each.name}: {list_names(small)}: smaller than {least}x{least} HR pixels, which {measure} needs "
                "after shaving; remove them"
            )


def describe_network(
    label: str, network: nn.Module | None = None, description: Mapping[str, Any] | None = None, *, scale: int
) -> dict[str, Any]:
    """The entry `network` of results: a label and, of a network, its parameters, multi-adds and description."""
    if network is None:
        return {"label": label, "parameters": None, "multi_adds": None}
    counts = {"parameters": count_parameters(network), "multi_adds": multi_adds(network, scale=scale)}
    return {"label": label, **counts, "description": dict(description or {})}


def _summarise_set(images: Mapping[str, Mapping[str, float]], pixels: Sequence[int] | None) -> dict[str, Any]:
    """The means of a set; with the number of `pixels` of each image, PSNR of the squared error pooled over the set."""
    means = {key: fmean(image[key] for image in images.values()) for key in next(iter(images.values()))}
    if pixels:
        error = sum(n * 10 ** (-image["psnr"] / 10) for n, image in zip(pixels, images.values(), strict=True))
        means["psnr"] = -10 * math.log10(error / sum(pixels)) if error else math.inf
    return {**means, "number": len(images), "images": dict(images)}


def read_results(path: str | Path) -> dict[str, Any]:
    """The content of a `results.json`, or of the one in a run's folder; a file of version 0.1 is converted.

    Raises ResultsError if there is none, or it was not written by aldsr.
    """
    path = Path(path).expanduser()
    path = path / "results.json" if path.is_dir() else path
    results: dict[str, Any] = _read_json(path, "a run's folder or its results.json")
    try:
        if any("fingerprint" not in each for each in results["sets"].values()):
            raise ValueError("a set without a fingerprint")
        for each in (results, *results.get("explained", {}).values()):
            each["protocol"] = _protocol_fields(each["protocol"])
            for found in each.get("sets", {}).values():  # LR was bicubic's before the track was recorded
                found.setdefault("lr_track", "bicubic" if found["lr"] in ("given", "made") else None)
            for found in chain(*(each.get(part, {}).values() for part in ("sets", "bicubic"))):
                restore_infinity([found, *found["images"].values()])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultsError(
            f"{path}: is no results.json of this version of aldsr ({error}); measure again with aldsr.evaluate"
        ) from error
    return results


def restore_infinity(scores: Iterable[dict[str, Any]]) -> None:
    """Put back the PSNR of what equals HR, which is null in JSON."""
    for each in scores:
        each["psnr"] = math.inf if each["psnr"] is None else each["psnr"]


def read_benchmark(path: Path) -> dict[str, Any]:
    """What `aldsr.benchmark --json` wrote: `device`, `threads`, `settings`, and the records of each benchmark.

    Raises ResultsError if it is not such a file.
    """
    benchmark = _read_json(path, "a file written by aldsr.benchmark --json")
    if not isinstance(benchmark, dict) or not {"device", "threads"} <= benchmark.keys():
        raise ResultsError(f"{path}: holds no results of aldsr.benchmark; expected a file written by its --json")
    for name in benchmark.keys() & {*TIMED, "loading", "resize"}:
        try:
            if name in TIMED:
                for record in benchmark[name]:
                    _check_record(record)
            else:
                sum(benchmark[name].values())
        except (TypeError, LookupError, AttributeError) as error:
            found = f"{name} has an entry that aldsr.benchmark does not write ({type(error).__name__}: {error})"
            raise ResultsError(f"{path}: {found}; measure again") from error
    return benchmark


def _check_record(record: Any) -> None:
    """Raise TypeError or LookupError if texts and numbers of a measured network are something else, or not there."""
    "".join([record["network"], record["precision"], record["layout"]])
    sum([record["micro_batches"], record["checkpoint"], record["keep_memory"]])
    for each in record["processes"]:
        sum([*each["seconds"], each["floor"], each["peak_memory"] or 0])


def _read_json(path: Path, expected: str) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ResultsError(f"{path}: cannot be read ({reason}); expected {expected}") from error


def _protocol_fields(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of a recorded protocol: sentences are converted, and fields added since have their default."""
    choices: dict[str, Any] = dict(
        OLD_SENTENCES.get(value, (key, value)) for key, value in recorded.items() if key != "rounding"
    )
    return {"name": choices["name"], **Protocol.from_fields(choices).to_fields(choices["scale"])}


def check_comparable(results: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that results, by names for the message, may share a table: one protocol and the same images in each set.

    Raises ResultsError, naming the first difference.
    """
    known: dict[str, tuple[str, Any]] = {}  # what was found in which of the results before
    for name, each in results.items():
        for key, value in _compared_values(each).items():
            other, before = known.setdefault(key, (name, value))
            if value != before:
                raise ResultsError(
                    f"{other} and {name} cannot share a table: {key} is '{before}' in the one and '{value}' "
                    "in the other; measure both in the same way"
                )


def _compared_values(results: Mapping[str, Any]) -> dict[str, Any]:
    """The values that must be equal where two results have them, by a name for the message."""
    compared = {f"the protocol's {key}": value for key, value in results["protocol"].items() if key != "name"}
    for name, found in results["sets"].items():
        compared[f"the number of images of {name}"] = found["number"]
        compared[f"the fingerprint of HR of {name}"] = found["fingerprint"]
        compared[f"the LR track of {name}"] = found["lr_track"]
        compared[f"the fingerprint of LR of {name}"] = found["lr_fingerprint"]
    return {key: value for key, value in compared.items() if value is not None}
