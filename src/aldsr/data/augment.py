"""The eight flips and rotations of a square patch, exact: nothing is interpolated."""

from functools import cache
from itertools import product

import torch
from kornia.geometry.transform import hflip, vflip
from torch import Tensor


def augment(images: Tensor, flips: Tensor) -> Tensor:
    """Flip horizontally, flip vertically and turn by 90° each image by its own three bits.

    Commutes with bicubic resizing, so LR and HR stay a pair when they get the same bits.

    Args:
        images: `Tensor[B, C, P, P]`, square, any type.
        flips: `Tensor[B, 3]`, bool, best kept where the images are.
    """
    if flips.is_cuda:
        return augment_at_once(images, flips)
    # One image at a time: a masked operation on the whole batch takes ten times as long on a CPU.
    return torch.stack([_turn(image, bits) for image, bits in zip(images, flips.tolist(), strict=True)])


def augment_at_once(images: Tensor, flips: Tensor) -> Tensor:
    """The same by one look-up for all pixels: a handful of launches on a GPU, which need not wait for the bits."""
    sources = _find_sources(images.shape[-1], images.device)[flips.long().unbind(1)]  # B, P · P
    flat = images.flatten(2)
    return flat.gather(2, sources[:, None].expand_as(flat)).view_as(images)


@cache
def _find_sources(side: int, device: torch.device) -> Tensor:
    """For every choice of the three bits, where each pixel of the result comes from. `Tensor[2, 2, 2, P · P]`."""
    pixels = torch.arange(side**2).view(1, side, side)
    turned = [_turn(pixels, bits).flatten() for bits in product((False, True), repeat=3)]
    return torch.stack(turned).view(2, 2, 2, -1).to(device)


def _turn(image: Tensor, bits: tuple[bool, ...]) -> Tensor:
    horizontal, vertical, rotated = bits
    image = hflip(image) if horizontal else image
    image = vflip(image) if vertical else image
    # Not kornia's rotation: it interpolates, with an error of 1e-5 and ten times the time.
    return torch.rot90(image, dims=(-2, -1)) if rotated else image
