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


def reference(image: Tensor) -> Tensor:
    return torch.from_numpy(skimage.color.rgb2ycbcr(image.movedim(-3, -1).numpy())[..., 0])


def test_luma_of_uint8_equals_scikit_image() -> None:
    image = rgb(3, 20, 30)
    torch.testing.assert_close(luma(image)[0], reference(image), rtol=0, atol=1e-9)


def test_luma_of_float_equals_scikit_image() -> None:
    image = torch.rand(3, 20, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(luma(image)[0], reference(image), rtol=0, atol=1e-9)


def test_luma_of_a_batch_is_that_of_each_image() -> None:
    images = rgb(2, 5, 3, 4, 6)
    result = luma(images)
    assert result.shape == (2, 5, 1, 4, 6)
    torch.testing.assert_close(result[:, :, 0], reference(images), rtol=0, atol=1e-9)


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


def test_luma_is_float64_and_not_rounded() -> None:
    y = luma(rgb(3, 8, 8))
    assert y.dtype == torch.float64
    assert not np.array_equal(y.numpy(), np.round(y.numpy()))
    assert luma(torch.rand(3, 2, 2)).dtype == torch.float64


@pytest.mark.parametrize("conversion", [luma, luma_full_range])
@pytest.mark.parametrize("shape", [(1, 8, 8), (4, 8, 8), (8, 8), (3,), (8, 8, 3), (2, 1, 8, 8)])
def test_image_without_three_channels_is_refused(
    shape: tuple[int, ...], conversion: Callable[[Tensor], Tensor]
) -> None:
    with pytest.raises(ValueError, match="luma needs RGB"):
        conversion(torch.zeros(shape))


# Full range


def full_range_reference(image: Tensor) -> Tensor:
    return torch.from_numpy(image.movedim(-3, -1).double().numpy() @ np.array([0.299, 0.587, 0.114]))


def test_full_range_luma_of_uint8_is_the_weighted_sum_of_the_channels() -> None:
    image = rgb(3, 20, 30)
    torch.testing.assert_close(luma_full_range(image)[0], full_range_reference(image), rtol=0, atol=1e-9)


def test_full_range_luma_of_float_is_that_of_its_uint8_values() -> None:
    image = torch.rand(3, 20, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(luma_full_range(image)[0], 255 * full_range_reference(image), rtol=0, atol=1e-9)
    torch.testing.assert_close(luma_full_range(rgb(3, 5, 6).double() / 255), luma_full_range(rgb(3, 5, 6)))


def test_full_range_luma_of_a_batch_is_that_of_each_image() -> None:
    images = rgb(2, 5, 3, 4, 6)
    result = luma_full_range(images)
    assert result.shape == (2, 5, 1, 4, 6)
    torch.testing.assert_close(result[:, :, 0], full_range_reference(images), rtol=0, atol=1e-9)


def test_full_range_luma_of_a_gray_image_is_its_value() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    y = luma_full_range(values.view(1, 1, 256).expand(3, 1, 256))
    torch.testing.assert_close(y.flatten(), values.double(), rtol=0, atol=1e-9)


def test_full_range_luma_is_float64_and_not_rounded() -> None:
    y = luma_full_range(rgb(3, 8, 8))
    assert y.dtype == torch.float64
    assert not np.array_equal(y.numpy(), np.round(y.numpy()))
    assert luma_full_range(torch.rand(3, 2, 2)).dtype == torch.float64


def test_luma_in_studio_range_is_that_in_full_range_rescaled() -> None:
    image = rgb(3, 20, 30)
    torch.testing.assert_close(luma(image), 16 + luma_full_range(image) * 219 / 255, rtol=0, atol=1e-9)
