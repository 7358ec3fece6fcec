"""The versions of one image that people compare by eye: HR, bicubic, and the output of networks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aldsr.core.frozen import flatten_keys
from aldsr.core.run_files import WEIGHTS
from aldsr.data import MADE, ImagePair, set_name, unit_float
from aldsr.evaluation.inference import Inference, has_global_statistics
from aldsr.imaging import Protocol, quantise
from aldsr.nn import BicubicUpscale, fold
from aldsr.nn.description import Description, NetworkError, complete_description
from aldsr.nn.initial import hash_weights
from aldsr.nn.weights import load_network

TILE = 256  # side in LR pixels; larger images are upscaled in tiles (see `super_resolve`)


class View(NamedTuple):
    """One version of an image."""

    name: str
    image: Tensor  # Tensor[3, H, W], uint8
    psnr: float | None  # of the whole image, in dB; None of HR
    ssim: float | None


def make_views(pair: ImagePair, networks: Mapping[str, nn.Module], *, scale: int, protocol: Protocol) -> list[View]:
    """Make HR, bicubic, then every network's version of an image, all of HR's size.

    Networks, by name, are used as they are, in evaluation mode, on their devices; the scores are those of
    `aldsr.evaluate` for the same form of a network.

    Raises NetworkError if a network is of another scale, ValueError if the image is too small to be scored.
    """
    for name, network in networks.items():
        if network.scale != scale:
            raise NetworkError(
                f"{name}: its network is for x{network.scale}, this image is to be upscaled x{scale}; "
                "give that scale, or leave it out"
            )
    views = [View("HR", pair.hr[0], None, None)]
    for name, network in [("bicubic", BicubicUpscale(scale=scale)), *networks.items()]:
        sr = super_resolve(network, pair.lr)
        score = protocol.score(sr, pair.hr, scale=scale, gray=pair.gray)
        views.append(View(name, sr[0], score["psnr"].item(), score["ssim"].item()))
    return views


def measured_places(config: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, tuple[str, str | None]]:
    """Where a run found its sets: by name, the folder and that of LR as `data.eval_lr_dirs` has it."""
    folders = [str(folder) for folder in config["data"].get("eval_dirs") or []]
    lr_folders = config["data"].get("eval_lr_dirs") or [None] * len(folders)
    made = {name for name, found in results["sets"].items() if found["lr"] == "made"}
    names = map(set_name, folders)
    return {n: (hr, MADE if n in made else lr) for n, hr, lr in zip(names, folders, lr_folders, strict=True)}


def super_resolve(network: nn.Module, lr: Tensor) -> Tensor:
    """Upscale in float32: `Tensor[B, 3, H, W]` → `Tensor[B, 3, sH, sW]`, both uint8.

    In tiles; networks of `has_global_statistics` see the whole image, else their scores were not those of
    `aldsr.evaluate`, which stand beside them.
    """
    device = next(network.parameters(), lr).device
    tile = None if has_global_statistics(network) else TILE
    with torch.no_grad():
        return quantise(Inference(network, tile=tile)(unit_float(lr.to(device)))).to(lr.device)


def load_run(
    folder: Path, results: Mapping[str, Any], config: Mapping[str, Any], *, allow_code: Sequence[str] = ()
) -> nn.Module:
    """Load the network of a run, folded, in evaluation mode, on the CPU; see `load_network` and `check_recorded`."""
    network, description = load_network(folder / WEIGHTS, allow_code)
    check_recorded(folder / WEIGHTS, network, description, results, config)
    return fold(network).eval()


def check_recorded(
    file: Path, network: nn.Module, description: Description, results: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    """Raise NetworkError if a run's weights are not those that its results are of.

    Descriptions are compared, and hashes of the weights where the run has recorded its own.
    """
    known = results.get("training", {}).get("weights") or config.get("content", {}).get("hash")
    recorded = [each for each in (results["network"].get("description"), config["model"]) if each]
    faults = [fault for each in recorded for fault in _compare_options(description, each)]
    if not faults and known and known != (own := hash_weights(network.state_dict())):
        faults = [f"their hash is {own}, not {known}"]
    if faults:
        raise NetworkError(
            f"{file}: not the weights that the results beside them are of: {faults[0]}; put the run's own back, or "
            "name the run that they are of"
        )


def _compare_options(ours: Description, recorded: Description) -> list[str]:
    """What differs in two descriptions, whose numbers may have been read from YAML as texts."""
    mine, its = (flatten_keys(complete_description(each)) for each in (ours, recorded))
    keys = [key for key in mine | its if str(mine.get(key)) != str(its.get(key))]
    return [f"{key} is {mine.get(key, 'none')}, not {its.get(key, 'none')}" for key in keys]
