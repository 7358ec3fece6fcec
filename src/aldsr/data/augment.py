"""The eight flips and rotations of a square patch, exact: nothing is interpolated."""

from functools import cache
from itertools import product

import torch
from torch import Tensor


def augment(images: Tensor, flips: Tensor) -> Tensor:
    """Flip horizontally, flip vertically and turn by 90° each image by its own three bits.

    One look-up for all pixels: a handful of launches on a GPU, which need not wait for the bits. Commutes with bicubic
    resizing, so LR and HR stay a pair when they get the same bits.

    Args:
        images: `Tensor[B, C, P, P]`, square, any type.
        flips: `Tensor[B, 3]`, bool, best kept where the images are.
    """
    sources = _find_sources(images.shape[-1], images.device)[flips.long().unbind(1)]  # B, P · P
    flat = images.flatten(2)
    return flat.gather(2, sources[:, None].expand_as(flat)).view_as(images)


@cache
def _find_sources(side: int, device: torch.device) -> Tensor:
    """For every choice of the three bits, where each pixel of the result comes from. `Tensor[2, 2, 2, P · P]`."""
    turned = []
    for bits in product((0, 1), repeat=3):
        pixels = torch.arange(side**2).view(side, side)
        for flipped, axis in zip(bits, (1, 0), strict=False):
            pixels = pixels.flip(axis) if flipped else pixels
        turned.append(torch.rot90(pixels, bits[2]).flatten())
    return torch.stack(turned).view(2, 2, 2, -1).to(device)
