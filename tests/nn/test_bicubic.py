"""The fixed bicubic convolution, compared with imresize and with closed forms."""

import pytest
import torch
from torch import nn

from aldsr.imaging import imresize
from aldsr.nn import BicubicUpscale

SCALES = [2, 3, 4]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (2, 1), (2, 2), (1, 9), (12, 7), (7, 1)])
def test_equals_imresize_with_mirrored_borders(scale: int, height: int, width: int) -> None:
    for dtype in (torch.float32, torch.float64):
        x = torch.rand(2, 3, height, width, dtype=dtype, generator=torch.Generator().manual_seed(0))
        ours, reference = BicubicUpscale(scale=scale)(x), imresize(x, scale, border="symmetric")
        assert ours.dtype == dtype
        torch.testing.assert_close(ours, reference, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_a_quadratic_is_reproduced_away_from_the_border(scale: int) -> None:
    """Keys' kernel with a = −0.5 is the one that is exact for polynomials of degree 2."""
    centre = torch.arange(12, dtype=torch.float64)
    fine = (torch.arange(12 * scale, dtype=torch.float64) + 0.5) / scale - 0.5
    image, expected = ((0.01 * t[:, None] ** 2 - 0.03 * t[None] ** 2 + 0.02 * t[None]) for t in (centre, fine))
    inner = (..., slice(3 * scale, -3 * scale), slice(3 * scale, -3 * scale))
    output = BicubicUpscale(scale=scale)(image[None, None])[0, 0]
    torch.testing.assert_close(output[inner], expected[inner], rtol=0, atol=1e-6)


def test_kernels_are_neither_saved_nor_trained_and_the_gradient_reaches_the_image() -> None:
    upscale = BicubicUpscale(scale=2)
    assert not upscale.state_dict()
    assert list(upscale.parameters()) == []
    x = torch.rand(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(upscale, x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_of_image_network_or_autocast_does_not_degrade_it(dtype: torch.dtype) -> None:
    x, upscale = torch.rand(1, 3, 6, 7).to(dtype), BicubicUpscale(scale=3)
    exact = upscale(x.float())
    assert torch.equal(upscale(x), exact)
    with torch.autocast("cpu", dtype):
        assert nn.functional.conv2d(x.float(), torch.rand(1, 3, 1, 1)).dtype == dtype  # autocast is on
        assert torch.equal(upscale(x.float()), exact)
    torch.testing.assert_close(upscale.to(dtype)(x.float()), exact, rtol=0, atol=1e-6)
