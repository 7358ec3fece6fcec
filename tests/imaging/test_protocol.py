"""Every protocol against NumPy and scikit-image, and the words that tell them apart."""

import itertools
import json
from typing import Any

import numpy as np
import pytest
import skimage.color
import skimage.metrics
import torch
from numpy.typing import NDArray
from torch import Tensor

from aldsr.imaging import LITERATURE, PROTOCOLS, Protocol, select
from aldsr.imaging.protocol import COLOURS, GRAY, MEANS, WHOSE, WINDOWS, planes

Plane = NDArray[np.float64]
SCALE = 3
# What each protocol does, said again: colour, colour of gray images, shave, whether SSIM has padded windows.
SAID: dict[str, tuple[str, str, int, bool]] = {
    "y": ("y", "y", SCALE, False),
    "gray_direct": ("y", "value", SCALE, False),
    "y_uint8": ("y_uint8", "y_uint8", SCALE, False),
    "y_full_range": ("y_full_range", "y_full_range", SCALE, False),
    "rgb": ("rgb", "rgb", SCALE, False),
    "unshaved": ("y", "y", 0, False),
    "padded_ssim": ("y", "y", SCALE, True),
    "pooled": ("y", "y", SCALE, False),  # a set's PSNR differs, an image's does not
}


def pair(*, gray: bool = False) -> tuple[Tensor, Tensor]:
    """Two pictures, smooth above and rough below, and the same with noise; gray ones have equal channels."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 4, 5, generator=generator)
    hr = torch.nn.functional.interpolate(coarse, (29, 34), mode="bilinear").mul(255).to(torch.uint8)
    hr[..., 15:, :] = torch.randint(0, 256, (2, 3, 14, 34), dtype=torch.uint8, generator=generator)
    sr = (hr.int() + torch.randint(-30, 31, hr.shape, generator=generator)).clamp(0, 255).to(torch.uint8)
    if gray:
        sr, hr = (image[:, :1].expand(-1, 3, -1, -1) for image in (sr, hr))
    return sr, hr


def reference_planes(image: Tensor, colour: str, shave: int) -> Plane:
    """(H, W), or (H, W, 3) of RGB."""
    rgb = image.permute(1, 2, 0).numpy()
    rgb = rgb[shave : rgb.shape[0] - shave, shave : rgb.shape[1] - shave]
    converted: Plane = {
        "y": lambda: skimage.color.rgb2ycbcr(rgb)[..., 0],
        "y_uint8": lambda: np.floor(skimage.color.rgb2ycbcr(rgb)[..., 0] + 0.5),
        "y_full_range": lambda: rgb @ np.array([0.299, 0.587, 0.114]),
        "rgb": lambda: rgb.astype(np.float64),
        "value": lambda: rgb[..., 0].astype(np.float64),
    }[colour]()
    return converted


def reference_ssim(sr: Plane, hr: Plane, *, padded: bool) -> float:
    if padded:  # mirrored about the border pixel, so that every pixel has its window
        sr, hr = (np.pad(plane, 5, mode="reflect") for plane in (sr, hr))
    _, every = skimage.metrics.structural_similarity(
        hr,
        sr,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2 if hr.ndim == 3 else None,
        full=True,
    )
    return float(every[5:-5, 5:-5].mean())


def reference(sr: Tensor, hr: Tensor, colour: str, shave: int, *, padded: bool = False) -> tuple[Any, Any]:
    """PSNR and SSIM of each image of a batch."""
    both = [[reference_planes(image, colour, shave) for image in images] for images in (sr, hr)]
    psnr = [skimage.metrics.peak_signal_noise_ratio(b, a, data_range=255) for a, b in zip(*both, strict=True)]
    ssim = [reference_ssim(a, b, padded=padded) for a, b in zip(*both, strict=True)]
    return pytest.approx(psnr, abs=1e-9), pytest.approx(ssim, abs=1e-6)


def scored(protocol: Protocol, *, gray: bool = False, scale: int = SCALE) -> tuple[list[float], list[float]]:
    score = protocol.score(*pair(gray=gray), scale=scale, gray=gray)
    return score.psnr.tolist(), score.ssim.tolist()


@pytest.mark.parametrize("gray", [False, True], ids=["colour", "gray"])
@pytest.mark.parametrize("name", SAID)
def test_every_protocol_equals_numpy_and_scikit_image(name: str, gray: bool) -> None:
    colour, of_gray, shave, padded = SAID[name]
    expected = reference(*pair(gray=gray), of_gray if gray else colour, shave, padded=padded)
    assert scored(PROTOCOLS[name], gray=gray) == expected


def test_every_protocol_is_tested_and_has_its_user_named() -> None:
    assert PROTOCOLS.keys() == SAID.keys() == WHOSE.keys()


def test_every_protocol_but_the_pooled_one_scores_an_image_in_its_own_way() -> None:
    found = {name: scored(protocol, gray=name == "gray_direct") for name, protocol in PROTOCOLS.items()}
    literature = {gray: scored(LITERATURE, gray=gray) for gray in (False, True)}
    alike = {name for name, score in found.items() if score == literature[name == "gray_direct"]}
    assert alike == {"y", "pooled"}


def test_padded_windows_change_ssim_and_not_psnr() -> None:
    padded, valid = scored(PROTOCOLS["padded_ssim"]), scored(LITERATURE)
    assert padded[0] == valid[0]
    assert all(abs(a - b) > 1e-3 for a, b in zip(padded[1], valid[1], strict=True))


@pytest.mark.parametrize("name", SAID)
def test_scores_are_one_float64_per_image(name: str) -> None:
    score = PROTOCOLS[name].score(*pair(), scale=SCALE)
    assert all(each.shape == (2,) and each.dtype == torch.float64 for each in score)


def test_rounded_luma_is_rounded_half_up() -> None:
    half = torch.tensor([2, 44, 141], dtype=torch.uint8).view(1, 3, 1, 1)  # Y = 52.5 exactly; to even: 52
    assert planes(half, "y").item() == pytest.approx(52.5, abs=1e-12)
    assert planes(half, "y_uint8").item() == 53


# Gray images


def test_gray_image_scored_directly_is_scored_by_its_value() -> None:
    # Off by ten: MSE 100, whatever the value. As luma the same step is 219 / 255 as large.
    hr = torch.full((1, 3, 16, 16), 90, dtype=torch.uint8)
    score = PROTOCOLS["gray_direct"].score(hr + 10, hr, scale=2, gray=True)
    assert score.psnr.item() == pytest.approx(10 * np.log10(255**2 / 100), abs=1e-9)
    assert LITERATURE.score(hr + 10, hr, scale=2, gray=True).psnr.item() == pytest.approx(
        10 * np.log10(255**2 / (10 * 219 / 255) ** 2), abs=1e-9
    )


def test_gray_direct_leaves_colour_images_as_they_are() -> None:
    assert scored(PROTOCOLS["gray_direct"]) == scored(LITERATURE)


@pytest.mark.parametrize("colour", COLOURS)
def test_gray_direct_is_by_value_whatever_the_colour_of_the_others(colour: Any) -> None:
    protocol = Protocol(colour=colour, gray="direct")
    assert scored(protocol, gray=True) == reference(*pair(gray=True), "value", SCALE)
    assert scored(protocol) == reference(*pair(), colour, SCALE)


def test_coloured_prediction_of_a_gray_image_is_scored_by_its_full_range_luma() -> None:
    sr, _ = pair()
    _, hr = pair(gray=True)
    score = PROTOCOLS["gray_direct"].score(sr, hr, scale=SCALE, gray=True)
    assert (score.psnr.tolist(), score.ssim.tolist()) == reference(sr, hr, "y_full_range", SCALE)


# Shaving


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shave_is_the_scale_unless_it_is_given(scale: int) -> None:
    assert Protocol().margin(scale) == scale
    assert scored(Protocol(), scale=scale) == reference(*pair(), "y", scale)
    for shave in (0, 1, 6):
        assert Protocol(shave=shave).margin(scale) == shave
        assert scored(Protocol(shave=shave), scale=scale) == reference(*pair(), "y", shave)


def test_image_of_which_shaving_leaves_too_little_is_refused() -> None:
    sr, hr = (image[..., :14, :] for image in pair())
    with pytest.raises(ValueError, match="after shaving the image is 30x10"):
        Protocol(shave=2).score(sr, hr, scale=2)
    with pytest.raises(ValueError, match="nothing is left of a 34x14 image after shaving 7"):
        Protocol(shave=7).score(sr, hr, scale=2)


# Choices


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": "Y"}, "colour=Y: expected one of y, y_uint8, y_full_range, rgb"),
        ({"gray": "skip"}, "gray=skip: expected one of replicated, direct"),
        ({"windows": "full"}, "windows=full: expected one of valid, same"),
        ({"mean": "median"}, "mean=median: expected one of images, pixels"),
        ({"shave": -1}, "shave=-1: expected a number of pixels from 0 up"),
        ({"shave": 1.5}, "shave=1.5: expected a number of pixels"),
        ({"shave": 2.0}, "shave=2.0: expected a number of pixels"),
        ({"shave": "4"}, "shave=4: expected a number of pixels"),
        pytest.param(
            {"shave": True},
            "shave=True: expected a number of pixels",
        ),
    ],
)
def test_choice_that_is_not_offered_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Protocol(**options)
    if options.keys() <= {"gray", "shave"}:
        with pytest.raises(ValueError, match=message):
            select("y", **options)


@pytest.mark.parametrize("name", ["Y", "bogus", ""])
def test_unknown_name_is_refused_and_the_known_ones_are_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"protocol={name}: no such protocol") as refused:
        select(name)
    assert all(known in str(refused.value) for known in (*PROTOCOLS, "explain"))


@pytest.mark.parametrize("name", SAID)
def test_select_gives_the_protocol_of_a_name(name: str) -> None:
    assert select(name) == {name: PROTOCOLS[name]}


def test_explain_gives_every_protocol() -> None:
    assert select("explain") == PROTOCOLS
    assert list(select("explain")) == list(PROTOCOLS)


@pytest.mark.parametrize("name", ["rgb", "explain"])
def test_given_gray_and_shave_hold_for_all_that_are_selected_and_nothing_else_changes(name: str) -> None:
    for shave in (0, 7):
        for key, protocol in select(name, gray="direct", shave=shave).items():
            own = PROTOCOLS[key]
            expected = Protocol(colour=own.colour, gray="direct", shave=shave, windows=own.windows, mean=own.mean)
            assert protocol == expected
    assert PROTOCOLS["y"] == Protocol()  # the table itself is as it was


def test_gray_replicated_replaces_gray_direct() -> None:
    assert select("gray_direct", gray="replicated") == {"gray_direct": LITERATURE}


# Words


def test_two_different_protocols_are_never_described_alike() -> None:
    # Shave 0, 2, 5 and the scale's own: 3.
    choices = itertools.product(COLOURS, GRAY, (0, 2, 5, None), WINDOWS, MEANS)
    options = ("colour", "gray", "shave", "windows", "mean")
    every: list[Any] = [dict(zip(options, choice, strict=True)) for choice in choices]
    described = {json.dumps(Protocol(**each).described(SCALE), sort_keys=True) for each in every}
    assert len(described) == len(every) == 4 * 2 * 4 * 2 * 2


def test_protocols_of_the_table_are_described_differently() -> None:
    described = {json.dumps(protocol.described(SCALE), sort_keys=True) for protocol in PROTOCOLS.values()}
    assert len(described) == len(PROTOCOLS)


@pytest.mark.parametrize("scale", [2, 4])
def test_description_names_the_shave_in_pixels_and_the_scale(scale: int) -> None:
    found = LITERATURE.described(scale)
    assert (found["shave"], found["scale"]) == (scale, scale)
    found = Protocol(shave=7).described(scale)
    assert (found["shave"], found["scale"]) == (7, scale)
    assert LITERATURE.described(scale) == Protocol(shave=scale).described(scale)  # the same numbers come out
