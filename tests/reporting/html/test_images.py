"""Which pictures are shown, and what of them."""

import base64
import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aldsr.evaluation.views import View
from aldsr.reporting.html.images import describe_image, encode_data_uri, select_images
from tests.analysis.fake_runs import variants_by_name, write_variant


def test_pictures_in_which_networks_differ_most_come_first(tmp_path: Path) -> None:
    for label, psnr in (("RDN", [30.0, 35.0, 31.0, 30.0]), ("DW-RDN", [30.1, 33.0, 31.5, 30.0])):
        write_variant(tmp_path, label, {"mine": [psnr, [0.0, 99.0, 0.0, 99.0]]})  # only the lowest seed counts
    found = list(variants_by_name(tmp_path).values())
    assert select_images(found, "mine", 3) == ["image1", "image2", "image0"]
    assert select_images(found, "mine", 9) == ["image1", "image2", "image0", "image3"]


def test_a_single_network_is_told_from_bicubic(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[28.5, 30.0, 27.0]]})  # bicubic has 28
    assert select_images(list(variants_by_name(tmp_path).values()), "mine", 2) == ["image1", "image2"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_window_is_cut_and_nothing_is_lost(whole: bool) -> None:
    images = torch.randint(0, 256, (3, 3, 24, 32), dtype=torch.uint8)
    shown = [View("HR", images[0], None, None), View("bicubic", images[1], 30.0, 0.9), View("a", images[2], 29.0, 0.8)]
    window = (slice(0, 24), slice(0, 32)) if whole else (slice(8, 18), slice(16, 28))
    found = describe_image("mine", "one", shown, window)
    assert found["caption"] == f"mine, one: 32×24 pixels{'' if whole else ', of which 12×10 are shown'}"
    assert (found["width"], found["height"]) == ((32, 24) if whole else (12, 10))
    assert [each["psnr"] for each in found["versions"]] == [None, "30.00", "29.00"]
    assert [each["gain"] for each in found["versions"]] == [None, None, "-1.00"]
    for view, each in zip(shown, found["versions"], strict=True):
        kind, _, content = each["src"].partition(",")
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
        assert kind == "data:image/webp;base64"
        assert np.array_equal(pixels, view.image[:, *window].permute(1, 2, 0))


def test_a_perfect_picture_has_no_end_of_decibels() -> None:
    image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    shown = [View("HR", image, None, None), *(View(name, image, math.inf, 1.0) for name in ("bicubic", "a"))]
    versions = describe_image("mine", "one", shown, (slice(0, 8), slice(0, 8)))["versions"]
    assert [each["psnr"] for each in versions] == [None, "∞", "∞"]
    assert versions[2]["gain"] is None
    assert encode_data_uri(image) == versions[0]["src"]
