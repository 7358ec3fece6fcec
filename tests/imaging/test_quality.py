"""PSNR-Y and SSIM-Y against scikit-image and against published network outputs."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.metrics
import torch
from PIL import Image
from torch import Tensor

from aldsr.imaging import psnr, psnr_y, quantise, ssim, ssim_y, unit_float
from tests.imaging.test_protocol import reference, reference_ssim

Score = Callable[..., Tensor]
# The RDN authors' own x4 outputs.
PUBLISHED = {"baby": 33.8985, "bird": 35.5126, "butterfly": 29.1199, "head": 32.9879, "woman": 30.8256}


def pair(*, batch: int = 1, height: int = 40, width: int = 52, noise: int = 20) -> tuple[Tensor, Tensor]:
    """A picture with smooth and rough parts, and the same with noise."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(batch, 3, 5, 6, generator=generator)
    hr = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear").mul(255).to(torch.uint8)
    hr[..., height // 2 :, :] = torch.randint(
        0, 256, (batch, 3, height - height // 2, width), dtype=torch.uint8, generator=generator
    )
    offset = torch.randint(-noise, noise + 1, hr.shape, generator=generator)
    return (hr.int() + offset).clamp(0, 255).to(torch.uint8), hr


@pytest.mark.parametrize("shave", [0, 4])
@pytest.mark.parametrize("noise", [1, 200])
def test_scores_equal_scikit_image_on_luma(shave: int, noise: int) -> None:
    sr, hr = pair(batch=2, noise=noise)
    scores = tuple(score(sr, hr, shave=shave).tolist() for score in (psnr_y, ssim_y))
    assert scores == reference(sr, hr, "y", shave)


@pytest.mark.parametrize("score", [psnr_y, ssim_y])
def test_scores_are_one_float64_per_image_and_symmetric(score: Score) -> None:
    sr, hr = pair(batch=3)
    result = score(sr, hr, shave=4)
    assert result.shape == (3,)
    assert result.dtype == torch.float64
    torch.testing.assert_close(result, score(hr, sr, shave=4), rtol=0, atol=1e-12)


@pytest.mark.parametrize("score", [psnr_y, ssim_y])
def test_shaved_border_does_not_count_and_the_next_pixel_does(score: Score) -> None:
    _, hr = pair()
    sr = hr.clone()
    sr[..., :4, :], sr[..., -4:, :], sr[..., :, :4], sr[..., :, -4:] = 0, 0, 0, 0
    perfect = score(hr, hr, shave=4)
    torch.testing.assert_close(score(sr, hr, shave=4), perfect, rtol=0, atol=1e-12)
    for row, column in ((4, 10), (-5, 10), (10, 4), (10, -5)):
        spotted = hr.clone()
        spotted[..., row, column] += 128  # wraps: another colour
        assert score(spotted, hr, shave=4) < perfect


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
    sr, hr = pair(height=11, width=13)
    assert ssim_y(sr, hr, shave=0).tolist() == reference(sr, hr, "y", 0)[1]
    with pytest.raises(ValueError, match="11x9"):
        ssim_y(sr, hr, shave=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_psnr_of_planes_equals_scikit_image_over_all_channels(channels: int) -> None:
    sr, hr = (image[:, :channels] for image in pair(batch=2))
    expected = [
        skimage.metrics.peak_signal_noise_ratio(b.numpy(), a.numpy(), data_range=255)
        for a, b in zip(sr, hr, strict=True)
    ]
    assert psnr(sr, hr).tolist() == pytest.approx(expected, abs=1e-9)  # uint8: no difference wraps round
    assert psnr(sr.float(), hr.float()).tolist() == pytest.approx(expected, abs=1e-9)
    assert psnr(sr, hr).dtype == psnr(sr.float(), hr.float()).dtype == torch.float64


def padded(image: Tensor) -> np.ndarray:
    """(H + 10, W + 10, C): mirrored about the border pixel, so that every pixel has its window."""
    return np.pad(image.permute(1, 2, 0).double().numpy(), ((5, 5), (5, 5), (0, 0)), mode="reflect")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(40, 52), (11, 11)])
def test_ssim_with_a_window_for_every_pixel_equals_scikit_image_on_mirrored_planes(
    height: int, width: int, channels: int
) -> None:
    sr, hr = (image[:, :channels].double() for image in pair(batch=2, height=height, width=width))
    expected = [reference_ssim(padded(a), padded(b), padded=False) for a, b in zip(sr, hr, strict=True)]
    assert ssim(sr, hr, windows="same").tolist() == pytest.approx(expected, abs=1e-6)
    assert ssim(sr, hr, windows="same").dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_quantise_clips_rounds_half_up_and_inverts_unit_float(dtype: torch.dtype) -> None:
    halves = torch.tensor([0.5, 76.5, 127.5, 178.5, 254.5], dtype=dtype)  # to even: 0, 76, 128, 178, 254
    assert quantise(halves / 255).tolist() == [1, 77, 128, 179, 255]
    assert quantise(torch.tensor([-math.inf, -1e-9, 1.001, math.inf], dtype=dtype)).tolist() == [0, 0, 255, 255]
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(quantise(unit_float(values).to(dtype)), values)
    assert unit_float(values).dtype == torch.float32
    assert torch.equal(unit_float(values), values / 255)


def published(shared: Path, name: str) -> tuple[Tensor, Tensor]:
    folder = shared / "data" / "rdn_official_x4"
    sr, hr = (
        torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None]
        for path in (folder / "SR" / f"{name}_RDN_x4.png", folder / "HR" / f"{name}.png")
    )
    return sr, hr[..., : sr.shape[-2], : sr.shape[-1]]


def test_the_rdn_authors_own_x4_outputs_score_as_published(shared: Path) -> None:
    scores = {name: psnr_y(*published(shared, name), shave=4).item() for name in PUBLISHED}
    assert {name: round(score, 4) for name, score in scores.items()} == PUBLISHED
    assert round(sum(scores.values()) / 5, 4) == 32.4689
    ssim = [ssim_y(*published(shared, name), shave=4).item() for name in PUBLISHED]
    assert sum(ssim) / 5 == pytest.approx(0.8990, abs=1e-4)
