"""The comparison figure: which crop, what stands under it, and pixels that are shown as they are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aldsr.evaluation.views import View
from aldsr.reporting.charts.comparison import Crop, comparison_figure, layout, marked_scores, telling_crop
from aldsr.reporting.charts.figures import save_figure


def versions(*, height: int = 320, width: int = 480, networks: int = 1) -> list[View]:
    generator = torch.Generator().manual_seed(0)
    names = ["HR", "bicubic", *(f"network {number}" for number in range(networks))]
    images = torch.randint(0, 256, (len(names), 3, height, width), generator=generator, dtype=torch.uint8)
    scores = [(None, None), *((20.0 + n, 0.9 - n / 100) for n in range(networks + 1))]
    return [View(name, image, *score) for name, image, score in zip(names, images, scores, strict=True)]


def test_the_crop_is_where_networks_differ_most_from_hr() -> None:
    shown = versions()
    shown[2] = shown[2]._replace(image=shown[0].image.clone())
    shown[2].image[:, 200:253, 120:200] ^= 255
    assert telling_crop(shown) == Crop(120, 200, 80, 53)


def test_the_crop_of_a_small_image_lies_inside_it() -> None:
    assert telling_crop(versions(height=40, width=64))[2:] == (48, 40)


def test_the_best_figures_are_bold_and_ties_share() -> None:
    hr, bicubic, first, second = versions(networks=2)
    shown = [hr, bicubic, first._replace(psnr=22.003, ssim=0.5), second._replace(psnr=22.004, ssim=0.7)]
    assert marked_scores(shown) == [
        "PSNR (dB) / SSIM",
        r"20.00 / $\mathbf{0.9000}$",
        r"$\mathbf{22.00}$ / 0.5000",
        r"$\mathbf{22.00}$ / 0.7000",
    ]


@pytest.mark.parametrize("size", [(320, 480), (480, 200)])
@pytest.mark.parametrize("networks", [1, 2, 6])
def test_nothing_overlaps_or_leaves_the_figure(networks: int, size: tuple[int, int]) -> None:
    shown = versions(height=size[0], width=size[1], networks=networks)
    plan = layout(shown, telling_crop(shown))
    places = [plan.place(number) for number in range(len(shown))]
    assert len(set(places)) == len(shown)
    assert {x for x, _ in places} == {plan.place(0)[0] + n * (plan.cell + 20) for n in range(plan.columns)}
    assert max(x for x, _ in places) + plan.cell < plan.size[0]
    assert max(y for _, y in places) + plan.row < plan.size[1]
    assert plan.hr[1] < plan.size[1]
    assert plan.hr[0] <= plan.side


def test_every_pixel_of_a_crop_is_a_square_of_its_colour(tmp_path: Path) -> None:
    shown, crop = versions(networks=2), Crop(31, 17, 64, 50)
    plan = layout(shown, crop)
    save_figure(comparison_figure(shown, crop, title="noise"), [tmp_path / "fig.png"])
    with Image.open(tmp_path / "fig.png") as image:
        drawn = np.asarray(image.convert("RGB"))
    assert drawn.shape[1::-1] == plan.size
    for number, version in enumerate(shown):
        x, y = plan.place(number)
        x += (plan.cell - plan.crop[0]) // 2
        pixels = crop.of(version.image).permute(1, 2, 0).numpy()
        expected = pixels.repeat(plan.zoom, 0).repeat(plan.zoom, 1)
        assert plan.zoom == 5
        np.testing.assert_array_equal(drawn[y : y + plan.crop[1], x : x + plan.crop[0]], expected)


def test_names_and_scores_stand_in_the_figure() -> None:
    figure = comparison_figure(versions(), Crop(0, 0, 80, 53), title="Urban100, img_076, x4")
    words = {text.get_text() for text in figure.texts}
    assert {"HR", "bicubic", "network 0", "Urban100, img_076, x4"} <= words
    assert "PSNR and SSIM: of the whole image, on Y" in words
