"""Luma against scikit-image, NumPy and the constants of BT.601."""

from collections.abc import Callable

import numpy as np
import pytest
import skimage.color
import torch
from torch import Tensor

from aldsr.imaging import luma, luma_full_range


def rgb(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def full_range(image: Tensor) -> Tensor:
    return torch.from_numpy(image.movedim(-3, -1).double().numpy() @ np.array([0.299, 0.587, 0.114]))


def studio_range(image: Tensor) -> Tensor:
    return torch.from_numpy(skimage.color.rgb2ycbcr(image.movedim(-3, -1).numpy())[..., 0])


@pytest.mark.parametrize(("conversion", "reference"), [(luma, studio_range), (luma_full_range, full_range)])
def test_luma_of_a_batch_equals_the_reference(
    conversion: Callable[[Tensor], Tensor], reference: Callable[[Tensor], Tensor]
) -> None:
    images = rgb(2, 5, 3, 4, 6)
    y = conversion(images)
    assert (y.shape, y.dtype) == ((2, 5, 1, 4, 6), torch.float64)
    torch.testing.assert_close(y[:, :, 0], reference(images), rtol=0, atol=1e-9)
    assert torch.equal(conversion(images.double() / 255), y)


@pytest.mark.parametrize(
    ("colour", "y"),
    [
        ((0, 0, 0), 16),
        ((255, 255, 255), 235),
        ((255, 0, 0), 81.481),
        ((0, 255, 0), 144.553),
        ((0, 0, 255), 40.966),
    ],
)
def test_luma_of_the_corners_of_the_colour_cube(colour: tuple[int, int, int], y: float) -> None:
    image = torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1)
    assert luma(image).item() == pytest.approx(y, abs=1e-9)
    assert luma(image.float() / 255).item() == pytest.approx(y, abs=1e-5)


@pytest.mark.parametrize("conversion", [luma, luma_full_range])
@pytest.mark.parametrize("shape", [(4, 8, 8), (3,), (8, 8, 3)])
def test_image_without_three_channels_is_refused(
    shape: tuple[int, ...], conversion: Callable[[Tensor], Tensor]
) -> None:
    with pytest.raises(ValueError, match="RGB"):
        conversion(torch.zeros(shape))


def test_full_range_luma_of_a_gray_image_is_its_value() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    y = luma_full_range(values.view(1, 1, 256).expand(3, 1, 256))
    torch.testing.assert_close(y.flatten(), values.double(), rtol=0, atol=1e-9)
