"""The eight flips and rotations of a square patch, exact: nothing is interpolated."""

from collections.abc import Sequence

import torch
from kornia.geometry.transform import hflip, vflip
from torch import Tensor


def augment(images: Tensor, flips: Tensor) -> Tensor:
    """Flip horizontally, flip vertically and turn by 90° each image by its own three bits.

    Commutes with bicubic resizing, so LR and HR stay a pair when they get the same bits.

    Args:
        images: `Tensor[B, C, P, P]`, square, any type.
        flips: `Tensor[B, 3]`, bool, best kept on the CPU.
    """
    # One image at a time: a masked operation on the whole batch takes ten times as long on a CPU, and a GPU would
    # have to wait for the mask.
    return torch.stack([_augment_image(image, bits) for image, bits in zip(images, flips.tolist(), strict=True)])


def _augment_image(image: Tensor, bits: Sequence[bool]) -> Tensor:
    horizontal, vertical, rotated = bits
    image = hflip(image) if horizontal else image
    image = vflip(image) if vertical else image
    # Not kornia's rotation: it interpolates, with an error of 1e-5 and ten times the time.
    return torch.rot90(image, dims=(-2, -1)) if rotated else image
