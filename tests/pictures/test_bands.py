"""Bands of tiles make the picture that the network makes of the whole; gray, 16 bits and alpha go with it."""

from functools import partial
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import Tensor

from aldsr.data.images import Samples
from aldsr.imaging import imresize, quantise
from aldsr.pictures import Picture, count_tiles, upscale_in_bands
from tests.data.test_images import deep_noise, noise

bicubic = partial(imresize, scale=4)  # sees two pixels


def whole(picture: Picture, upscale=bicubic, tile: int | None = None) -> Samples:  # type: ignore[no-untyped-def]
    return np.concatenate(list(upscale_in_bands(picture, upscale, scale=4, tile=tile)))


def tensor(samples: Samples) -> Tensor:
    return torch.from_numpy(samples.astype(np.int32)).permute(2, 0, 1)[None]


def test_colour_is_quantised_as_the_protocol_does() -> None:
    pixels = noise(9, 12, 3)
    expected = quantise(bicubic(tensor(pixels) / 255))[0].permute(1, 2, 0)
    np.testing.assert_array_equal(whole(Picture(pixels, None)), expected)


@pytest.mark.parametrize("shape", [(61, 83), (1, 90), (90, 1), (24, 25)])
@pytest.mark.parametrize("tile", [20, 40])
@pytest.mark.parametrize("make", [noise, deep_noise])
def test_bands_of_tiles_equal_the_whole_and_alpha_is_bicubic(shape: tuple[int, int], tile: int, make: type) -> None:
    picture = Picture(make(*shape, 4), None)
    banded, at_once = whole(picture, tile=tile), whole(picture)
    assert banded.dtype == picture.samples.dtype
    assert banded.shape == (4 * shape[0], 4 * shape[1], 4)
    # A kernel's sums come out in another order at another place: one level of 8 or 16 bits.
    assert np.abs(banded.astype(int) - at_once).max() <= 1
    alpha = tensor(picture.samples[..., 3:])
    if banded.dtype == np.uint8:  # rounded after rows and after columns, as MATLAB does
        expected = imresize(alpha.to(torch.uint8), 4)
    else:
        expected = (imresize(alpha.double(), 4) + 0.5).floor().clamp(0, 65535)
    assert np.abs(banded[..., 3].astype(int) - expected[0, 0].numpy()).max() <= (banded.dtype != np.uint8)


def test_gray_goes_in_as_three_equal_channels_and_comes_out_as_their_mean() -> None:
    def tinted(lr: Tensor) -> Tensor:
        assert (lr == lr[:, :1]).all()
        return bicubic(lr) + torch.tensor([-0.2, 0.0, 0.2])[:, None, None]

    pixels = noise(9, 12, 1) // 2 + 60
    expected = quantise(bicubic(tensor(pixels) / 255))[0].permute(1, 2, 0).numpy()
    assert np.abs(whole(Picture(pixels, None), tinted).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("height", "width", "tile", "largest"),
    [(61, 83, 24, 24), (300, 100, 256, 158), (300, 256, 256, 256), (10, 10, 40, 10), (50, 50, None, 50)],
)
def test_tiles_are_counted_before_and_no_larger_than_they_need_to_be(
    height: int, width: int, tile: int | None, largest: int
) -> None:
    upscale, picture = Mock(side_effect=bicubic), Picture(noise(height, width, 3), None)
    whole(picture, upscale, tile)
    assert upscale.call_count == count_tiles(picture, tile)
    shapes = [call.args[0].shape for call in upscale.call_args_list]
    assert max(max(shape[-2:]) for shape in shapes) == largest


@pytest.mark.gpu
@pytest.mark.parametrize("make", [noise, deep_noise])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_gpu_rounds_as_the_cpu_does(make: type, channels: int) -> None:
    picture = Picture(make(50, 60, channels), None)
    nearest = partial(torch.nn.functional.interpolate, scale_factor=4)
    form = {"scale": 4, "tile": 24}
    parts = [np.concatenate(list(upscale_in_bands(picture, nearest, **form, device=d))) for d in ("cpu", "cuda")]
    np.testing.assert_array_equal(*parts)
