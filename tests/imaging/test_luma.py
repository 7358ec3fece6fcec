"""Luma against scikit-image and the constants of BT.601."""

from collections.abc import Callable

import numpy as np
import pytest
import skimage.color
import torch
from torch import Tensor

from aldsr.imaging import luma, luma_full_range

Conversion = Callable[[Tensor], Tensor]


def full_range(image: Tensor) -> Tensor:
    return torch.from_numpy(image.movedim(-3, -1).double().numpy() @ np.array([0.299, 0.587, 0.114]))


def studio_range(image: Tensor) -> Tensor:
    return torch.from_numpy(skimage.color.rgb2ycbcr(image.movedim(-3, -1).numpy())[..., 0])


@pytest.mark.parametrize(("conversion", "reference"), [(luma, studio_range), (luma_full_range, full_range)])
def test_luma_of_a_batch_equals_the_reference(conversion: Conversion, reference: Conversion) -> None:
    images = torch.randint(0, 256, (2, 5, 3, 4, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    y = conversion(images)
    assert (y.shape, y.dtype) == ((2, 5, 1, 4, 6), torch.float64)
    torch.testing.assert_close(y[:, :, 0], reference(images), rtol=0, atol=1e-9)
    assert torch.equal(conversion(images.double() / 255), y)
    for shape in ((4, 8, 8), (3,), (8, 8, 3)):
        with pytest.raises(ValueError, match="RGB"):
            conversion(torch.zeros(shape))
