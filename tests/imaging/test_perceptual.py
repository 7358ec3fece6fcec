"""MS-SSIM against a plain writing of its paper, VIF against torchmetrics, and what LPIPS and DISTS need."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import convolve2d
from torch import Tensor
from torchmetrics.functional.image import visual_information_fidelity

from aldsr.core.errors import OptionError
from aldsr.imaging import Protocol, select
from aldsr.imaging.perceptual import LEAST_SIDES, MEASURES, SETTINGS, load_measure, ms_ssim, vif
from aldsr.imaging.protocol import planes

Plane = NDArray[np.float64]


def pair(height: int, width: int, *, noise: int = 30) -> tuple[Tensor, Tensor]:
    """A smooth picture as HR, blurred and noisy as SR: `Tensor[2, 3, height, width]`, uint8."""
    generator = torch.Generator().manual_seed(height)
    coarse = torch.rand(2, 3, height // 6, width // 6, generator=generator) * 255
    hr = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 255)
    sr = torch.nn.functional.avg_pool2d(hr, 3, 1, 1) + torch.randn(hr.shape, generator=generator) * noise
    return sr.clamp(0, 255).to(torch.uint8), hr.to(torch.uint8)


def window(size: int, sigma: float) -> Plane:
    y, x = np.mgrid[:size, :size] - size // 2
    bell = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return bell / bell.sum()


def means(image: Plane, kernel: Plane) -> Plane:
    return convolve2d(image, kernel, mode="valid")


def reference_ms_ssim(a: Plane, b: Plane) -> float:
    """Wang, Simoncelli and Bovik (2003), whose code mirrors an odd size by a row or column."""
    kernel, total = window(11, 1.5), 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333), 1):
        mean_a, mean_b = means(a, kernel), means(b, kernel)
        var_a, var_b = means(a * a, kernel) - mean_a**2, means(b * b, kernel) - mean_b**2
        cs = (2 * (means(a * b, kernel) - mean_a * mean_b) + 58.5225) / (var_a + var_b + 58.5225)
        luminance = (2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025)
        total *= ((luminance * cs).mean() if scale == 5 else cs.mean()) ** weight
        a, b = (np.pad(each, [(0, n % 2) for n in each.shape], mode="symmetric") for each in (a, b))
        a, b = (sum(each[i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4 for each in (a, b))
    return float(total)


@pytest.mark.parametrize("size", [(161, 203), (192, 176)])
def test_ms_ssim_equals_its_paper(size: tuple[int, int]) -> None:
    sr, hr = (planes(image, "y") for image in pair(*size))
    expected = [reference_ms_ssim(a.numpy(), b.numpy()) for a, b in zip(sr[:, 0], hr[:, 0], strict=True)]
    assert ms_ssim(sr, hr).tolist() == pytest.approx(expected, abs=1e-10)
    assert 0.05 < min(expected) < max(expected) < 0.98


@pytest.mark.parametrize("size", [(60, 70), (161, 203), (192, 176)])
def test_vif_of_channels_is_that_of_torchmetrics(size: tuple[int, int]) -> None:
    sr, hr = (image.double() for image in pair(*size))
    expected = visual_information_fidelity(sr, hr, reduction="none").tolist()
    assert vif(sr, hr).tolist() == pytest.approx(expected, abs=1e-10)
    assert 0.05 < min(expected) < max(expected) < 0.98


@pytest.mark.parametrize("measure", [ms_ssim, vif])
def test_measures_of_equal_images_are_1_and_of_flat_ones_a_number(measure: Any) -> None:
    _, hr = (planes(image, "y") for image in pair(161, 161))
    assert measure(hr, hr).tolist() == pytest.approx([1, 1], abs=1e-9)
    flat = torch.full_like(hr, 77)
    assert measure(flat, flat).tolist() == pytest.approx([1, 1], abs=1e-9)
    assert all(0 <= each < 1 for found in (measure(hr, flat), measure(flat, hr)) for each in found.tolist())


def test_measures_are_of_the_protocols_values_after_shaving_and_stand_in_its_fields() -> None:
    protocol = select("rgb", shave=7, measures=["vif", "ms_ssim"])["rgb"]
    sr, hr = pair(180, 190)
    found = protocol.score(sr, hr, scale=4)
    a, b = (image[..., 7:-7, 7:-7].double() for image in (sr, hr))
    assert list(found) == ["psnr", "ssim", "ms_ssim", "vif"]
    assert torch.equal(found["vif"], vif(a, b))
    assert torch.equal(found["ms_ssim"], ms_ssim(a, b))
    assert torch.equal(found["psnr"], Protocol(colour="rgb", shave=7).score(sr, hr, scale=4)["psnr"])
    fields = protocol.to_fields(4)
    assert fields["vif"] == "pixel domain, range 255"
    assert Protocol.from_fields(fields) == protocol
    assert protocol.least_side(4) == (161 + 14, "MS-SSIM")


def test_images_of_the_least_sizes_can_be_measured() -> None:
    for name, measure in (("ms_ssim", ms_ssim), ("vif", vif)):
        sr, hr = (torch.rand(1, 1, LEAST_SIDES[name], LEAST_SIDES[name], dtype=torch.float64) for _ in range(2))
        assert measure(sr, hr).isfinite().all()
    with pytest.raises(ValueError, match="11x11"):
        ms_ssim(*torch.rand(2, 1, 1, 160, 200))


@pytest.fixture
def torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torchvision as far as it is used here; returns where it would look for AlexNet's weights."""
    models = ModuleType("torchvision.models")
    models.get_weight = lambda name: SimpleNamespace(url=f"https://there/{name}.pth")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    load_measure.cache_clear()
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints" / "AlexNet_Weights.DEFAULT.pth"


@pytest.mark.parametrize("name", ["lpips", "lpips_vgg", "dists"])
def test_without_torchvision_or_the_weights_a_sentence_says_what_to_get(
    name: str, torchvision: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OptionError, match=r"the weights in .*_Weights\.DEFAULT\.pth .*https://there/"):
        load_measure(*MEASURES[name])
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(OptionError, match=r"aldsr\[perceptual\]"):
        load_measure(*MEASURES[name])


def test_lpips_is_given_each_images_shaved_rgb_from_0_to_1(torchvision: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lpips(torch.nn.Module):
        """The mean difference."""

        def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
            assert len(sr) == 1
            return (sr - hr).abs().mean()

    options: dict[str, Any] = {}
    lpips = "torchmetrics.image.lpip.LearnedPerceptualImagePatchSimilarity"
    monkeypatch.setattr(lpips, lambda **given: options.update(given) or Lpips())
    torchvision.touch()
    sr, hr = pair(40, 44)
    found = select("y", measures=["lpips"])["y"].score(sr, hr, scale=4)["lpips"]
    expected = (sr.double() - hr)[..., 4:-4, 4:-4].abs().mean((1, 2, 3)) / 255
    assert options == {"net_type": "alex", "normalize": True, "sync_on_compute": False}
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert select("y", measures=["lpips"])["y"].score(hr, hr, scale=4)["lpips"].tolist() == [0, 0]
    load_measure.cache_clear()


@pytest.mark.parametrize("measures", [["fid"], ["lpips", "lpips_vgg"]])
def test_measures_that_are_not_offered_are_refused(measures: list[str]) -> None:
    with pytest.raises(ValueError, match=rf"measures=\[{','.join(measures)}\]"):
        select("y", measures=measures)
    with pytest.raises(ValueError, match="lpips=squeeze"):
        Protocol(lpips="squeeze")


def test_every_setting_is_described_differently() -> None:
    every = [Protocol(**{name: setting}) for name, settings in SETTINGS.items() for setting in settings]
    assert len({protocol.describe(4) for protocol in [Protocol(), *every]}) == len(every) + 1
