"""Degradations: BD as the published script prepares it, DN, blur and JPEG by hand, chains, and what is random."""

import math
from fractions import Fraction
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from aldsr.core.errors import OptionError
from aldsr.imaging import Degradation, imresize
from aldsr.imaging.degradations import anisotropic_blur, blur, jpeg

DN = {"steps": ["bicubic", "noise"], "noise": {"sigma": 30}}
CHAIN = {
    "steps": ["blur", "bicubic", "noise", "jpeg"],
    "blur": {"sigma": [0.2, 2]},
    "noise": {"sigma": [1, 10]},
    "jpeg": {"quality": [40, 95]},
}


def image(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (1, 3, height, width), dtype=np.uint8))


def make(hr: Tensor, scale: int, **options: Any) -> Tensor:
    return Degradation.from_options(options).make(hr, scale=scale)


def published_bd(hr: np.ndarray, scale: int) -> np.ndarray:
    """The script, (H, W, 3) uint8: fspecial, imfilter(…, 'replicate') on uint8, imresize(…, 'nearest') or indices."""
    hr = hr[: hr.shape[0] // scale * scale, : hr.shape[1] // scale * scale].astype(float)
    size = 7 if scale == 3 else 12 if scale % 2 == 0 else 11
    half = (size - 1) / 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    weights = np.exp(-(x * x + y * y) / (2 * 1.6 * 1.6))
    weights[weights < np.finfo(float).eps * weights.max()] = 0
    weights /= weights.sum()
    centre = (size + 1) // 2 - 1  # MATLAB's floor((size + 1) / 2), from 0
    padded = np.pad(hr, [(centre, size - 1 - centre)] * 2 + [(0, 0)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (0, 1))
    filtered = np.einsum("ijcyx,yx->ijc", windows, weights)
    rounded = np.minimum(np.floor(filtered + 0.5), 255).astype(np.uint8)
    if scale % 2 == 0:
        return rounded[scale // 2 - 1 :: scale, scale // 2 - 1 :: scale]
    places = []
    for side in rounded.shape[:2]:
        centres = np.arange(1, side // scale + 1) * scale + 0.5 * (1 - scale)  # of output pixels in the source, from 1
        places.append([next(k for k in range(1, side + 1) if -0.5 <= u - k < 0.5) - 1 for u in centres])
    return rounded[np.ix_(*places)]


@pytest.mark.parametrize(("height", "width", "scale"), [(48, 63, 3), (50, 49, 3), (9, 31, 3), (40, 52, 4), (24, 26, 2)])
def test_bd_is_that_of_the_published_script_bit_for_bit(height: int, width: int, scale: int) -> None:
    hr = image(height, width)
    cropped = hr[..., : height // scale * scale, : width // scale * scale]
    expected = published_bd(hr[0].permute(1, 2, 0).numpy(), scale)
    assert np.array_equal(make(cropped, scale, steps=["bd"], bd={"sigma": 1.6})[0].permute(1, 2, 0).numpy(), expected)


def test_bicubic_is_what_it_was() -> None:
    assert torch.equal(Degradation().make(image(24, 36), scale=4), imresize(image(24, 36), Fraction(1, 4)))


def test_dn_has_noise_of_its_level_that_depends_on_seed_and_pixels() -> None:
    hr = torch.full((1, 3, 192, 240), 128, dtype=torch.uint8)
    lr = make(hr, 3, **DN)
    noise = lr.double() - 128
    assert noise.mean().abs() < 0.5
    assert noise.std() == pytest.approx(30, rel=0.02)
    assert (noise[:, 0] * noise[:, 1]).mean().abs() < 30  # channels have noise of their own
    assert torch.equal(lr, make(hr, 3, **DN))
    assert not torch.equal(lr, make(hr, 3, **DN, seed=1))
    other = hr.clone()
    other[..., 0, 0] = 0
    assert not torch.equal(lr[..., 9:, 9:], make(other, 3, **DN)[..., 9:, 9:])
    assert lr.sum() == 1969274  # the same numbers everywhere, and from one version to the next


def test_jpeg_is_pillows() -> None:
    file, pixels = BytesIO(), image(40, 33)
    Image.fromarray(pixels[0].permute(1, 2, 0).numpy()).save(file, format="JPEG", quality=30)
    with Image.open(file) as decoded:
        expected = torch.from_numpy(np.array(decoded)).permute(2, 0, 1)[None]
    assert torch.equal(jpeg(pixels, quality=30), expected)


def test_an_anisotropic_blur_follows_its_formula() -> None:
    point = torch.zeros(1, 3, 31, 31, dtype=torch.uint8)
    point[..., 15, 15] = 255
    weights = np.zeros((31, 31))
    angle = math.radians(30)
    for y in range(-6, 7):
        for x in range(-6, 7):
            u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
            weights[15 + y, 15 + x] = math.exp(-0.5 * (u**2 / 2**2 + v**2 / 0.7**2))
    expected = np.floor(255 * weights / weights.sum() + 0.5)
    assert np.array_equal(anisotropic_blur(point, sigma_x=2, sigma_y=0.7, angle=30)[0, 0].numpy(), expected)
    round_one = anisotropic_blur(image(20, 20), sigma_x=1.2, sigma_y=1.2, angle=77)
    assert torch.equal(round_one, blur(image(20, 20), sigma=1.2))


def test_steps_are_taken_in_their_order() -> None:
    hr = image(48, 48)
    options = {"blur": {"sigma": 1.5}, "jpeg": {"quality": 20}, "jpeg2": {"quality": 60}}
    chain = make(hr, 2, steps=["jpeg", "blur", "bicubic", "jpeg2"], **options)
    assert torch.equal(chain, jpeg(imresize(blur(jpeg(hr, quality=20), sigma=1.5), Fraction(1, 2)), quality=60))
    assert not torch.equal(chain, make(hr, 2, steps=["jpeg2", "blur", "bicubic", "jpeg"], **options))


@pytest.mark.parametrize("place", [(0, 0), (7, 33), (76, 76), (40, 21)])
def test_a_patch_is_cut_as_if_of_the_whole_image(place: tuple[int, int]) -> None:
    coarse = image(10, 10).float()
    hr = torch.nn.functional.interpolate(coarse, size=(300, 300), mode="bicubic").clamp(0, 255).to(torch.uint8)
    ranges = {"blur": {"sigma": [1.5, 1.5]}, "jpeg": {"quality": [30, 30]}}  # random, but of one value
    drawn = Degradation.from_options({"steps": ["blur", "bicubic", "jpeg"], **ranges})
    patch = drawn.make_patch(hr[0], place, 24, scale=3, seed=0, number=0)
    y, x = place
    assert torch.equal(patch, drawn.make(hr, scale=3)[0, :, y : y + 24, x : x + 24])


def test_patches_are_functions_of_seed_and_number() -> None:
    hr, chain = image(120, 120)[0], Degradation.from_options(CHAIN)
    first, again, other, seeded = (
        chain.make_patch(hr, (3, 5), 12, scale=4, seed=seed, number=n) for seed, n in ((0, 7), (0, 7), (0, 8), (1, 7))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, seeded)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steps": "bicubic"}, "bicubic"),
        ({"steps": ["bd"], "bd": {"sigma": 1.6}}, "bd"),
        ({"steps": ["bd"], "bd": {"sigma": 2}}, "bd(sigma=2)"),
        (DN, "dn"),
        ({**DN, "noise": {"sigma": 15.0}, "seed": 2}, "bicubic+noise(sigma=15) seed 2"),
        (CHAIN, "blur(sigma=0.2..2)+bicubic+noise(sigma=1..10)+jpeg(quality=40..95)"),
    ],
)
def test_the_text_names_what_is_published_and_states_every_option_else(options: dict[str, Any], text: str) -> None:
    assert Degradation.from_options(options).text == text


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"steps": ["blur"], "blur": {"sigma": 1}}, "degradation.steps"),
        ({"steps": ["bicubic", "bd"]}, "degradation.steps"),
        ({"steps": ["bicubic", "sharpen"]}, "sharpen"),
        ({"steps": ["bicubic"], "jpeg": {"quality": 3}}, "degradation.jpeg"),
        ({"steps": ["bicubic", "jpeg"]}, "degradation.jpeg.quality"),
        ({"steps": ["bicubic", "jpeg"], "jpeg": {"quality": 0}}, "degradation.jpeg.quality"),
        ({"steps": ["bicubic", "jpeg"], "jpeg": {"quality": 50.5}}, "degradation.jpeg.quality"),
        ({"steps": ["blur", "bicubic"], "blur": {"sigma": [2, 1]}}, "degradation.blur.sigma"),
        ({"steps": ["blur", "bicubic"], "blur": {"sigma": "wide"}}, "degradation.blur.sigma"),
        ({"steps": ["blur", "bicubic"], "blur": {"sigma": 1, "width": 2}}, "degradation.blur"),
        ({"steps": ["blur", "bicubic"], "blur": 3}, "degradation.blur"),
        ({"steps": ["bicubic"], "seed": 1}, "degradation.seed"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        Degradation.from_options(options)
