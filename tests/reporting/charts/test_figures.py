"""Figures in files, the same bytes for the same figure; and the comparison: its crop, its captions, its pixels."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aldsr.evaluation.views import View
from aldsr.reporting.charts.comparison import Crop, draw_comparison, find_crop, format_scores
from aldsr.reporting.charts.figures import FigureError, create_figure, prepare_output, render_svg, save_figure

pytestmark = pytest.mark.needs("matplotlib")

FORMATS = ("png", "pdf", "svg")


def test_the_same_figure_is_the_same_file_in_every_format(tmp_path: Path) -> None:
    written = []
    for name in ("first/fig", "second/fig.png", "third/fig.PDF"):
        figure = create_figure(width=300, height=200)
        figure.subplots().plot([1, 2], [3, 4], "o-", label="words")
        files = prepare_output(tmp_path / name, FORMATS)
        save_figure(figure, files)
        assert [file.name for file in files] == ["fig.png", "fig.pdf", "fig.svg"]
        written.append([*(file.read_bytes() for file in files), render_svg(figure)])
    with Image.open(tmp_path / "first/fig.png") as image:
        assert image.size == (300, 200)
    assert written[0] == written[1] == written[2]


def test_what_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FigureError, match=r"fig\.jpg"):
        prepare_output(tmp_path / "fig.jpg", FORMATS)
    monkeypatch.setattr("aldsr.reporting.charts.figures.find_spec", lambda name: None)
    with pytest.raises(FigureError, match=r"pip install 'aldsr\[figures\]'"):
        prepare_output(Path("fig"), FORMATS)


def versions(*, height: int = 320, width: int = 480, networks: int = 1) -> list[View]:
    generator = torch.Generator().manual_seed(0)
    names = ["HR", "bicubic", *(f"ALD-RDN (det) reduction={number}" for number in range(networks))]
    images = torch.randint(0, 256, (len(names), 3, height, width), generator=generator, dtype=torch.uint8)
    scores = [(None, None), *((20.0 + n, 0.9 - n / 100) for n in range(networks + 1))]
    return [View(name, image, *score) for name, image, score in zip(names, images, scores, strict=True)]


def test_the_crop_is_where_networks_differ_most_from_hr() -> None:
    shown = versions()
    shown[2] = shown[2]._replace(image=shown[0].image.clone())
    shown[2].image[:, 200:253, 120:200] ^= 255
    assert find_crop(shown) == Crop(120, 200, 80, 53)
    assert find_crop(versions(height=40, width=64))[2:] == (48, 40)  # of a small image: inside it


def test_the_best_scores_are_bold_and_ties_share() -> None:
    hr, bicubic, first, second = versions(networks=2)
    shown = [hr, bicubic, first._replace(psnr=22.003, ssim=0.5), second._replace(psnr=22.004, ssim=0.7)]
    bold = r"$\mathbf{{{}}}$".format
    scores = [f"20.00 / {bold('0.9000')}", f"{bold('22.00')} / 0.5000", f"{bold('22.00')} / 0.7000"]
    assert format_scores(shown) == ["PSNR (dB) / SSIM", *scores]


@pytest.mark.parametrize(("height", "width", "networks"), [(320, 480, 1), (480, 200, 2), (320, 480, 6)])
def test_nothing_overlaps_or_leaves_the_figure_and_pixels_of_crops_are_squares_of_their_colours(
    height: int, width: int, networks: int, tmp_path: Path
) -> None:
    shown = versions(height=height, width=width, networks=networks)
    crop = find_crop(shown)
    figure = draw_comparison(shown, crop, title="Urban100, img_076, x4")
    assert {"HR", "bicubic", "Urban100, img_076, x4"} <= {text.get_text() for text in figure.texts}
    boxes = [each.get_window_extent().padded(-0.5) for each in (*figure.axes, *figure.texts)]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    across, down = figure.get_size_inches() * figure.dpi
    assert all(box.x0 > 0 and box.y0 > 0 and box.x1 < across and box.y1 < down for box in boxes)

    save_figure(figure, [tmp_path / "fig.png"])
    with Image.open(tmp_path / "fig.png") as image:
        drawn = np.asarray(image.convert("RGB"))
    for version, axes in zip(shown, figure.axes[1:], strict=True):
        box = axes.get_window_extent()
        left, top, zoom = round(box.x0), len(drawn) - round(box.y1), round(box.width / crop.width)
        assert zoom > 1
        expected = crop.cut(version.image).permute(1, 2, 0).numpy().repeat(zoom, 0).repeat(zoom, 1)
        np.testing.assert_array_equal(drawn[top:, left:][: len(expected), : expected.shape[1]], expected)
