"""The eight flips and turns of a square: exact, one per image, and the same for LR and HR."""

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from aldsr.data.augment import augment, augment_at_once
from aldsr.imaging import imresize

BITS = list(product([False, True], repeat=3))


def by_numpy(image: NDArray, bits: tuple[bool, ...]) -> NDArray:
    """The same for one image, (C, P, P)."""
    horizontal, vertical, quarter_turn = bits
    image = np.flip(image, -1) if horizontal else image
    image = np.flip(image, -2) if vertical else image
    return np.rot90(image, axes=(-2, -1)) if quarter_turn else image


@pytest.mark.parametrize("augment", [augment, augment_at_once])
def test_each_image_of_a_batch_is_turned_by_its_own_bits(augment: Callable[[Tensor, Tensor], Tensor]) -> None:
    order = [5, 0, 7, 2, 2, 6, 3, 1, 4]
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (len(order), 3, 5, 5), dtype=np.uint8))
    turned = augment(images, torch.tensor([BITS[number] for number in order]))
    assert turned.dtype == torch.uint8
    for image, result, number in zip(images.numpy(), turned.numpy(), order, strict=True):
        np.testing.assert_array_equal(result, by_numpy(image, BITS[number]))


@pytest.mark.parametrize("border", ["symmetric", "replicate"])
@pytest.mark.parametrize("scale", [2, 3])
def test_commutes_with_bicubic_downsampling(border: Literal["symmetric", "replicate"], scale: int) -> None:
    images = torch.from_numpy(np.random.default_rng(1).random((8, 3, 12 * scale, 12 * scale)))
    bits, factor = torch.tensor(BITS), Fraction(1, scale)
    first_resized = augment(imresize(images, factor, border=border), bits)
    first_turned = imresize(augment(images, bits), factor, border=border)
    torch.testing.assert_close(first_resized, first_turned, rtol=0, atol=1e-9)
