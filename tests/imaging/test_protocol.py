"""Every protocol against NumPy and scikit-image."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import skimage.color
import skimage.metrics
import torch
from numpy.typing import NDArray
from torch import Tensor

from aldsr.imaging import LITERATURE, PROTOCOLS, Protocol, select
from aldsr.imaging.protocol import CHOICES, planes

Plane = NDArray[np.float64]
SCALE = 3
# Of each protocol: colour, colour of gray images, shave, whether SSIM has padded windows.
EXPECTED: dict[str, tuple[str, str, int, bool]] = {
    "y": ("y", "y", SCALE, False),
    "gray_direct": ("y", "value", SCALE, False),
    "y_uint8": ("y_uint8", "y_uint8", SCALE, False),
    "y_full_range": ("y_full_range", "y_full_range", SCALE, False),
    "rgb": ("rgb", "rgb", SCALE, False),
    "unshaved": ("y", "y", 0, False),
    "padded_ssim": ("y", "y", SCALE, True),
    "pooled": ("y", "y", SCALE, False),  # a set's PSNR differs, an image's does not
}


def pair(*, gray: bool = False, noise: int = 30) -> tuple[Tensor, Tensor]:
    """Two images, smooth above and rough below, and the same with noise; gray ones have equal channels."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 4, 5, generator=generator)
    hr = torch.nn.functional.interpolate(coarse, (29, 34), mode="bilinear").mul(255).to(torch.uint8)
    hr[..., 15:, :] = torch.randint(0, 256, (2, 3, 14, 34), dtype=torch.uint8, generator=generator)
    sr = (hr.int() + torch.randint(-noise, noise + 1, hr.shape, generator=generator)).clamp(0, 255).to(torch.uint8)
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


def score(protocol: Protocol, *, gray: bool = False, scale: int = SCALE) -> tuple[list[float], list[float]]:
    found = protocol.score(*pair(gray=gray), scale=scale, gray=gray)
    assert all(each.shape == (2,) and each.dtype == torch.float64 for each in found.values())
    return found["psnr"].tolist(), found["ssim"].tolist()


@pytest.mark.parametrize("gray", [False, True], ids=["colour", "gray"])
@pytest.mark.parametrize("name", sorted(PROTOCOLS | EXPECTED))
def test_every_protocol_equals_numpy_and_scikit_image(name: str, gray: bool) -> None:
    colour, of_gray, shave, padded = EXPECTED[name]
    expected = reference(*pair(gray=gray), of_gray if gray else colour, shave, padded=padded)
    assert score(PROTOCOLS[name], gray=gray) == expected


def test_rounded_luma_is_rounded_half_up() -> None:
    half = torch.tensor([2, 44, 141], dtype=torch.uint8).view(1, 3, 1, 1)  # Y = 52.5 exactly; to even: 52
    assert planes(half, "y").item() == pytest.approx(52.5, abs=1e-12)
    assert planes(half, "y_uint8").item() == 53


def test_gray_direct_holds_whatever_the_colour_and_takes_a_coloured_prediction_by_its_full_range_luma() -> None:
    assert score(Protocol(colour="rgb", gray="direct"), gray=True) == reference(*pair(gray=True), "value", SCALE)
    sr, hr = pair()[0], pair(gray=True)[1]
    found = PROTOCOLS["gray_direct"].score(sr, hr, scale=SCALE, gray=True)
    assert (found["psnr"].tolist(), found["ssim"].tolist()) == reference(sr, hr, "y_full_range", SCALE)


@pytest.mark.parametrize("shave", [None, 0, 6])
def test_shave_is_the_scale_unless_it_is_given(shave: int | None) -> None:
    expected = 2 if shave is None else shave
    assert score(Protocol(shave=shave), scale=2) == reference(*pair(), "y", expected)


@pytest.mark.parametrize(
    ("option", "value"), [("colour", "Y"), ("gray", "skip"), ("shave", -1), ("shave", 2.0), ("shave", True)]
)
def test_choice_that_is_not_offered_is_refused(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{option}={value}"):
        Protocol(**{option: value})
    with pytest.raises(ValueError, match=f"{option}={value}"):
        Protocol.from_fields({option: value})


def test_select_gives_the_protocol_of_a_name_or_all_with_the_given_gray_and_shave() -> None:
    assert select("rgb") == {"rgb": PROTOCOLS["rgb"]}
    assert list(select("explain").items()) == list(PROTOCOLS.items())
    for name, protocol in select("explain", gray="direct", shave=0).items():
        assert protocol == replace(PROTOCOLS[name], gray="direct", shave=0)
    with pytest.raises(ValueError, match=r"protocol=Y: .*gray_direct.*explain"):
        select("Y")
    with pytest.raises(ValueError, match="gray=skip"):
        select("y", gray="skip")


def test_fields_are_plain_data_that_gives_the_protocol_again() -> None:
    for protocol in PROTOCOLS.values():
        fields = protocol.to_fields(SCALE)
        assert Protocol.from_fields({"name": "any", **fields}).to_fields(SCALE) == fields
    assert Protocol(shave=7).to_fields(SCALE)["shave"] == 7
    assert LITERATURE.to_fields(SCALE) == Protocol(shave=SCALE).to_fields(SCALE)  # the same numbers come out
    assert Protocol.from_fields({"colour": "rgb"}) == PROTOCOLS["rgb"]  # recorded before the other fields existed
    with pytest.raises(ValueError, match="blur=3"):
        Protocol.from_fields({"blur": 3})


def test_each_choice_is_described_differently() -> None:
    every = [Protocol(**{field: choice}) for field, choices in CHOICES.items() for choice in choices]
    assert len({protocol.describe(SCALE) for protocol in every}) == len(every) - len(CHOICES) + 1
    assert "7 pixels shaved" in Protocol(shave=7).describe(SCALE)
