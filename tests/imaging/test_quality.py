"""PSNR-Y and SSIM-Y against scikit-image; test_evaluate.py has the known answers of published images."""

import math
from collections.abc import Callable
from typing import Literal

import pytest
import torch
from torch import Tensor

from aldsr.imaging import NotFiniteError, psnr, psnr_y, quantise, ssim_y, unit_float
from aldsr.imaging.quality import ssim
from tests.imaging.test_protocol import pair, reference

Score = Callable[..., Tensor]


@pytest.mark.parametrize("shave", [0, 4])
@pytest.mark.parametrize("noise", [1, 200])
def test_scores_equal_scikit_image_on_luma(shave: int, noise: int) -> None:
    sr, hr = pair(noise=noise)
    scores = tuple(score(sr, hr, shave=shave).tolist() for score in (psnr_y, ssim_y))
    assert scores == reference(sr, hr, "y", shave)


@pytest.mark.parametrize("windows", ["valid", "same"])
@pytest.mark.parametrize("pixels", [1, 400, 10_000])
def test_ssim_of_a_large_image_is_computed_in_bands(
    windows: Literal["valid", "same"], pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sr, hr = pair()
    whole = ssim(sr, hr, windows=windows)
    monkeypatch.setattr("aldsr.imaging.quality.BAND", pixels)
    torch.testing.assert_close(ssim(sr, hr, windows=windows), whole, rtol=1e-14, atol=0)


@pytest.mark.parametrize("score", [psnr_y, ssim_y])
def test_images_that_cannot_be_scored(score: Score) -> None:
    sr, hr = pair()
    for a, b in (
        (sr[..., :-1], hr),
        (sr[:, :1], hr),  # nothing is broadcast
        (sr[:, :1], hr[:, :1]),
        (sr.float() / 255, hr),
        (sr.int(), hr.int()),
        (sr[..., :8, :], hr[..., :8, :]),
    ):
        with pytest.raises(ValueError, match=r"shape|uint8|nothing is left"):
            score(a, b, shave=4)


def test_ssim_needs_one_whole_window() -> None:
    sr, hr = (image[..., :11, :13] for image in pair())
    assert ssim_y(sr, hr, shave=0).tolist() == reference(sr, hr, "y", 0)[1]
    with pytest.raises(ValueError, match="11x9"):
        ssim_y(sr, hr, shave=1)


def test_psnr_of_bytes_is_that_of_floats() -> None:
    sr, hr = pair()
    assert psnr(sr, hr).tolist() == reference(sr, hr, "rgb", 0)[0]  # no difference wraps round
    assert torch.equal(psnr(sr, hr), psnr(sr.float(), hr.float()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_quantise_clips_rounds_half_up_and_inverts_unit_float(dtype: torch.dtype) -> None:
    halves = torch.tensor([0.5, 76.5, 127.5, 178.5, 254.5], dtype=dtype)  # to even: 0, 76, 128, 178, 254
    assert quantise(halves / 255).tolist() == [1, 77, 128, 179, 255]
    assert quantise(torch.tensor([-1e30, -1e-9, 1.001, 1e30], dtype=dtype)).tolist() == [0, 0, 255, 255]
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(quantise(unit_float(values).to(dtype)), values)
    assert unit_float(values).dtype == torch.float32
    assert torch.equal(unit_float(values), values / 255)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_pixel(value: float) -> None:
    with pytest.raises(NotFiniteError, match="32-true"):
        quantise(torch.tensor([0.5, value]))
