"""imresize, held against MATLAB's algorithm written out in exact fractions, and against published LR images."""

import functools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from aldsr.imaging import imresize
from aldsr.imaging.resize import Border

HALF = Fraction(1, 2)
SCALES = [Fraction(scale) for scale in ("1/2", "1/3", "1/4", "4", "3/2", "5/7")]
SIZES = [(13, 7), (5, 11), (1, 1), (2, 7), (7, 1)]


def keys_cubic(x: Fraction) -> Fraction:
    """Keys (1981), eq. 15."""
    x = abs(x)
    if x <= 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    if x <= 2:
        return -HALF * x**3 + Fraction(5, 2) * x**2 - 4 * x + 2
    return Fraction(0)


def source(position: int, size: int, border: Border) -> int:
    """The pixel of 0…size-1 that stands for a position that may lie outside."""
    if border == "replicate":
        return min(max(position, 0), size - 1)
    while not 0 <= position < size:
        position = -1 - position if position < 0 else 2 * size - 1 - position
    return position


@functools.cache
def contributions(size: int, scale: Fraction, border: Border) -> list[list[tuple[int, Fraction]]]:
    """For every new pixel of an axis: the pixels that it is made of and their weights."""
    shrink = min(scale, Fraction(1))  # the kernel is widened when shrinking
    every = []
    for index in range(math.ceil(size * scale)):
        centre = (index + HALF) / scale - HALF
        reach = range(math.floor(centre - 2 / shrink), math.ceil(centre + 2 / shrink) + 1)
        weights = [(source(p, size, border), keys_cubic(shrink * (centre - p))) for p in reach]
        total = sum(weight for _, weight in weights)
        every.append([(pixel, weight / total) for pixel, weight in weights if weight])
    return every


def round_up(value: Fraction) -> Fraction:
    return Fraction(min(255, max(0, math.floor(value + HALF))))


def round_down(value: Fraction) -> Fraction:
    return Fraction(min(255, max(0, math.ceil(value - HALF))))


def matlab(
    image: Tensor, scale: Fraction, border: Border, stored: Callable[[Any], Any] = lambda value: value
) -> Tensor:
    """`imresize(image, scale, 'bicubic')` of a `Tensor[H, W]`: along the first axis, then along the second.

    `stored` is what becomes of a value between the passes and at the end.
    """

    def resize(line: Sequence[Fraction]) -> list[Fraction]:
        axis = contributions(len(line), scale, border)
        return [stored(sum(weight * line[pixel] for pixel, weight in pixels)) for pixels in axis]

    columns = [resize([Fraction(value) for value in column]) for column in image.T.tolist()]
    rows = [resize(row) for row in zip(*columns, strict=True)]
    return torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float64).to(image.dtype)


def random_image(height: int, width: int, dtype: torch.dtype) -> Tensor:
    """Noise, half of it black or white, so that the kernel overshoots; `Tensor[H, W]`."""
    noise = torch.randint(-128, 384, (height, width), generator=torch.Generator().manual_seed(height * 100 + width))
    noise = noise.clamp(0, 255)
    return noise.to(dtype) if dtype == torch.uint8 else noise.to(dtype) / 256


@pytest.mark.parametrize("border", ["symmetric", "replicate"])
@pytest.mark.parametrize("scale", SCALES, ids=str)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_image_equals_matlabs_algorithm(height: int, width: int, scale: Fraction, border: Border) -> None:
    image = random_image(height, width, torch.float64)
    ours = imresize(image[None, None], scale, border=border)[0, 0]
    torch.testing.assert_close(ours, matlab(image, scale, border), rtol=0, atol=1e-9)

    image = random_image(height, width, torch.uint8)
    ours = imresize(image[None, None], scale, border=border)[0, 0]
    expected = matlab(image, scale, border, round_up)
    if all(number.bit_count() == 1 for number in scale.as_integer_ratio()):  # all arithmetic is exact in binary
        assert torch.equal(ours, expected)
    else:  # weights such as thirds are rounded, by MATLAB too, which decides exact ties; nothing else may differ
        tie = expected != matlab(image, scale, border, round_down)
        assert tie.float().mean() < 0.1
        assert torch.equal(ours[~tie], expected[~tie])


def test_float_scale_is_taken_as_the_fraction_that_is_meant_and_the_default_border_is_replicate() -> None:
    image = random_image(9, 12, torch.float64)[None, None]
    assert torch.equal(imresize(image, 0.25), imresize(image, Fraction(1, 4)))
    assert torch.equal(imresize(image, 1 / 3), imresize(image, Fraction(1, 3), border="replicate"))


def test_uint8_is_rounded_half_up() -> None:
    # At x1/2 the weights are (-3, -9, 29, 111, 111, 29, -9, -3)/256: 128·111/256 = 55.5 and 128·29/256 = 14.5.
    line = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    line[..., 3] = 128
    assert imresize(line, Fraction(1, 2))[0, 0, 0].tolist() == [0, 56, 15, 0]  # to even: 56 and 14


@pytest.mark.parametrize("name", ["img_001", "img_002", "img_003", "img_004", "img_005"])
def test_published_x4_lr_images_of_set5_come_out_identical(name: str, shared: Path) -> None:
    def read(path: Path) -> Tensor:
        rgb = np.array(Image.open(path).convert("RGB"))
        return torch.from_numpy(rgb).permute(2, 0, 1)[None]

    folder = shared / "data" / "benchmarks" / "Set5"
    hr = read(folder / "HR" / f"{name}.png")
    height, width = (size // 4 * 4 for size in hr.shape[-2:])
    published = read(folder / "LR_bicubic" / "X4" / f"{name}x4.png")
    assert torch.equal(imresize(hr[..., :height, :width], Fraction(1, 4)), published)


@pytest.mark.parametrize(
    ("shape", "scale"),
    [((1, 1, 4, 4), 0), ((1, 1, 4, 4), Fraction(-1, 2)), ((1, 1, 4, 4), math.nan), ((3, 4, 4), 2), ((1, 3, 0, 4), 2)],
)
def test_what_cannot_be_resized_is_refused(shape: tuple[int, ...], scale: Any) -> None:
    with pytest.raises(ValueError, match=r"scale|NaN|shape"):
        imresize(torch.zeros(shape), scale)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU: ALDSR_TEST_GPU=0")
@pytest.mark.parametrize("scale", [Fraction(1, 4), Fraction(1, 3), Fraction(4)])
def test_a_gpu_makes_the_same_picture(scale: Fraction) -> None:
    image = torch.randint(0, 256, (1, 3, 45, 62), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(imresize(image.cuda(), scale).cpu(), imresize(image, scale))
