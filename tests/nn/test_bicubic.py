"""The fixed bicubic convolution, held against imresize and against closed forms."""

import pytest
import torch
from torch import nn

from aldsr.imaging import imresize
from aldsr.nn import BicubicUpscale

SCALES = [2, 3, 4]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (2, 1), (2, 2), (1, 9), (3, 5), (12, 7), (7, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_imresize_with_mirrored_borders(scale: int, height: int, width: int, dtype: torch.dtype) -> None:
    x = torch.rand(2, 3, height, width, dtype=dtype, generator=torch.Generator().manual_seed(0))
    ours, reference = BicubicUpscale(scale=scale)(x), imresize(x, scale, border="symmetric")
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_column_of_pixels_is_upscaled_as_a_row_is(scale: int) -> None:
    x = torch.rand(1, 2, 7, 1, generator=torch.Generator().manual_seed(0))
    upscale = BicubicUpscale(scale=scale)
    torch.testing.assert_close(upscale(x), upscale(x.mT).mT, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5), (6, 6)])
def test_constant_picture_stays_constant(scale: int, height: int, width: int) -> None:
    x = torch.full((1, 3, height, width), 0.7)
    torch.testing.assert_close(
        BicubicUpscale(scale=scale)(x), torch.full((1, 3, scale * height, scale * width), 0.7), rtol=0, atol=5e-7
    )


@pytest.mark.parametrize("scale", SCALES)
def test_quadratic_is_reproduced_away_from_the_border(scale: int) -> None:
    """Keys' kernel with a = −0.5 is the one that is exact for polynomials of degree 2."""
    centre = torch.arange(12, dtype=torch.float64)
    fine = (torch.arange(12 * scale, dtype=torch.float64) + 0.5) / scale - 0.5
    picture, expected = ((0.01 * t[:, None] ** 2 - 0.03 * t[None] ** 2 + 0.02 * t[None]) for t in (centre, fine))
    inner = (..., slice(3 * scale, -3 * scale), slice(3 * scale, -3 * scale))
    output = BicubicUpscale(scale=scale)(picture[None, None])[0, 0]
    torch.testing.assert_close(output[inner], expected[inner], rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_channels_do_not_mix(scale: int) -> None:
    x = torch.rand(1, 3, 5, 5)
    whole = BicubicUpscale(scale=scale)(x)
    for channel in range(3):
        torch.testing.assert_close(
            whole[:, channel : channel + 1], BicubicUpscale(scale=scale)(x[:, channel : channel + 1]), rtol=0, atol=1e-6
        )


def test_kernels_are_not_in_the_state_dict_and_not_trained() -> None:
    upscale = BicubicUpscale(scale=2)
    assert not upscale.state_dict()
    assert list(upscale.parameters()) == []


def test_gradient_flows_to_the_picture() -> None:
    x = torch.rand(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(BicubicUpscale(scale=2), x)


def test_autocast_does_not_degrade_it() -> None:
    x, upscale = torch.rand(1, 3, 6, 7), BicubicUpscale(scale=3)
    plain = upscale(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert nn.functional.conv2d(x, torch.rand(1, 3, 1, 1)).dtype == torch.bfloat16  # autocast is on
        cast = upscale(x)
    assert cast.dtype == torch.float32
    assert torch.equal(cast, plain)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_picture_in_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    x, upscale = torch.rand(1, 3, 6, 7).to(dtype), BicubicUpscale(scale=4)
    assert torch.equal(upscale(x), upscale(x.float()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_network_cast_to_half_precision_does_not_degrade_it(dtype: torch.dtype) -> None:
    x = torch.rand(1, 3, 6, 7)
    torch.testing.assert_close(BicubicUpscale(scale=3).to(dtype)(x), BicubicUpscale(scale=3)(x), rtol=0, atol=1e-6)
