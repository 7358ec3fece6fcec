"""Scores with their protocol: the dictionary behind `results.json`, and its table."""

import json
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.table import Table

from aldsr.nn.weights import label
from aldsr.paths import whole

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]  # set → image → psnr_y, ssim_y
LISTED = 20  # images of a set up to which a table shows them one by one


def protocol(scale: int) -> dict[str, Any]:
    """How aldsr measures, in words that stand beside every number."""
    return {
        "scale": scale,
        "lr": "MATLAB bicubic",
        "colour": "Y of YCbCr (BT.601, 16-235), from uint8 RGB, Y not rounded",
        "gray": "replicated to RGB, before the network and in scoring",
        "shave": scale,
        "psnr": "10 log10(255^2 / MSE) per image, mean over images",
        "ssim": "Gaussian 11x11, sigma 1.5, K 0.01/0.03, L 255, valid window, mean over images",
        "precision": "float32 network, float64 scores",
    }


def summarise(
    description: Mapping[str, Any],
    scores: Scores,
    *,
    bicubic: Scores,
    lr_sources: Mapping[str, str],
    parameters: int,
) -> dict[str, Any]:
    """Everything that `results.json` says of a measurement.

    Args:
        description: the network as plain data.
        scores: its own, and those of bicubic on the same images.
        lr_sources: per set, whether LR was "given" or "made".
        parameters: of the network.
    """
    return {
        "network": {"label": label(description), "parameters": parameters, "description": dict(description)},
        "protocol": protocol(description["scale"]),
        "sets": {name: {"lr": lr_sources[name], **set_summary(images)} for name, images in scores.items()},
        "bicubic": {name: set_summary(images) for name, images in bicubic.items()},
        "version": code_version(),
    }


def set_summary(images: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """A set's mean PSNR-Y and SSIM-Y, its number of images, and every image."""
    return {
        "psnr_y": fmean(image["psnr_y"] for image in images.values()),
        "ssim_y": fmean(image["ssim_y"] for image in images.values()),
        "number": len(images),
        "images": {name: dict(values) for name, values in images.items()},
    }


def scores_table(results: Mapping[str, Any]) -> Table:
    """Bicubic beside the network, per image and per set, PSNR-Y in dB and SSIM-Y."""
    table = Table(title=f"PSNR-Y (dB) / SSIM-Y, x{results['protocol']['scale']}", title_justify="left")
    compared = results["bicubic"]
    table.add_column("image")
    for column in ("bicubic", results["network"]["label"], "gain"):
        table.add_column(column, justify="right")
    for name, found in results["sets"].items():
        reference = compared[name]
        if len(found["images"]) <= LISTED:
            for image, values in found["images"].items():
                table.add_row(image, *_cells(values, reference["images"][image]))
        count = f"{name}, mean of {found['number']}"
        table.add_row(count, *_cells(found, reference), style="bold", end_section=True)
    return table


def _cells(values: Mapping[str, float], reference: Mapping[str, float]) -> list[str]:
    pairs = [f"{found['psnr_y']:.2f} / {found['ssim_y']:.4f}" for found in (reference, values)]
    return [*pairs, f"{values['psnr_y'] - reference['psnr_y']:+.2f}"]


def write_results(path: Path, results: Mapping[str, Any]) -> None:
    """Write JSON whole or not at all."""
    with whole(path) as passing:
        passing.write_text(json.dumps(results, indent=2) + "\n")


def code_version() -> str:
    """aldsr's version, and the commit where it runs from a git checkout: "0.1.0+g1a2b3c4d"."""
    release, root = version("aldsr"), Path(__file__).parents[3]
    if not (root / ".git").exists():
        return release
    git = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=8", "--exclude=*"]
    try:
        return f"{release}+g{subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()}"
    except (OSError, subprocess.CalledProcessError):
        return release
