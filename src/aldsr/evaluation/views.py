"""The versions of one image that people look at side by side: HR, bicubic, and what networks make of its LR image."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from aldsr.core.run_files import WEIGHTS
from aldsr.data import ImagePair, unit_float
from aldsr.evaluation.inference import Inference
from aldsr.imaging import Protocol, quantise
from aldsr.nn import BicubicUpscale, fold
from aldsr.nn.description import TRUSTED, NetworkError
from aldsr.nn.weights import load_network

TILE = 256  # LR pixels a side; larger images go through in tiles


class View(NamedTuple):
    """One version of an image: its name, `Tensor[3, H, W]` uint8, and PSNR-Y (dB) and SSIM-Y against HR.

    Both scores are of the whole image, by the protocol that was asked for; None for HR itself.
    """

    name: str
    image: Tensor
    psnr: float | None
    ssim: float | None


def views(pair: ImagePair, networks: Mapping[str, nn.Module], *, scale: int, protocol: Protocol) -> list[View]:
    """HR, bicubic, then every network's, in that order, all of HR's size.

    The scores are those of `aldsr.evaluate` for the same form of a network; bicubic is `BicubicUpscale`, as there.
    LR images of more than 256 pixels a side go through in tiles.

    Args:
        pair: an image of a benchmark set; its own LR is what the networks see.
        networks: by the names to be shown, each with an attribute `scale`, in evaluation mode, used as they are
            (see `network_of`), each on its own device.
        scale: HR pixels per LR pixel.
        protocol: how they are scored.

    Raises:
        NetworkError: if a network is of another scale.
        ValueError: if the image is too small to be scored.
    """
    if other := [name for name, network in networks.items() if network.scale != scale]:
        raise NetworkError(
            f"{other[0]}: its network is for x{networks[other[0]].scale}, this image is to be upscaled x{scale}; "
            "give that scale, or leave it out"
        )
    shown = [View("HR", pair.hr[0], None, None)]
    for name, network in [("bicubic", BicubicUpscale(scale=scale)), *networks.items()]:
        sr = super_resolved(network, pair.lr)
        score = protocol.score(sr, pair.hr, scale=scale, gray=pair.gray)
        shown.append(View(name, sr[0], score.psnr.item(), score.ssim.item()))
    return shown


def super_resolved(network: nn.Module, lr: Tensor) -> Tensor:
    """A network's images in float32, in tiles: `Tensor[B, 3, H, W]` → `Tensor[B, 3, sH, sW]`, both uint8."""
    device = next(network.parameters(), lr).device
    with torch.no_grad():
        return quantise(Inference(network, tile=TILE)(unit_float(lr.to(device)))).to(lr.device)


def network_of(run: Path, *, trusted: Sequence[str] = TRUSTED) -> nn.Module:
    """The network that a training run has left in its folder, folded, in evaluation mode, on the CPU.

    Args:
        run: the run's folder, with `weights.safetensors` in it.
        trusted: packages that its blocks may come from.

    Raises:
        NetworkError: if there is none, or its file is damaged, not of aldsr or not trusted.
    """
    if not (run / WEIGHTS).is_file():
        found = "has no" if run.is_dir() else "no such folder, so no"
        raise NetworkError(f"{run}: {found} {WEIGHTS}; expected the folder of a training run that has finished")
    network, _ = load_network(run / WEIGHTS, trusted)
    return fold(network).eval()
