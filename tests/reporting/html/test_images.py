"""Which images are shown, and what of them."""

import base64
import io
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from aldsr.evaluation.views import View
from aldsr.reporting.html.images import describe_image, select_images
from tests.analysis.fake_runs import variants_by_name, write_variant


def decode(uri: str) -> np.ndarray:
    """The pixels of a data: URI, which are RGB."""
    kind, _, content = uri.partition(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_images_in_which_networks_differ_most_come_first(tmp_path: Path) -> None:
    for label, psnr in (("RDN", [30.0, 35.0, 31.0, 30.0]), ("DW-RDN", [30.1, 33.0, 31.5, 30.0])):
        write_variant(tmp_path, label, {"mine": [psnr, [0.0, 99.0, 0.0, 99.0]]})  # only the lowest seed counts
    first, second = variants_by_name(tmp_path).values()
    assert select_images([first, second], "mine", 3) == ["image1", "image2", "image0"]
    assert select_images([first, second], "mine", 9) == ["image1", "image2", "image0", "image3"]
    assert select_images([second], "mine", 2) == ["image1", "image2"]  # farthest from bicubic, which has 28 dB


def test_a_window_is_cut_and_nothing_is_lost() -> None:
    images = torch.randint(0, 256, (4, 3, 24, 32), dtype=torch.uint8)
    scores = [(None, None), (30.0, 0.9), (29.0, 0.8), (math.inf, 1.0)]
    names = ["HR", "bicubic", "a", "perfect"]
    views = [View(name, image, *score) for name, image, score in zip(names, images, scores, strict=True)]
    window = (slice(8, 18), slice(16, 28))
    entry = describe_image("mine", "one", views, window)
    assert entry["caption"] == "mine, one: 32×24 pixels, of which 12×10 are shown"
    assert (entry["width"], entry["height"]) == (12, 10)
    assert [each.get("psnr") for each in entry["versions"]] == [None, "30.00", "29.00", "∞"]
    assert [each.get("gain") for each in entry["versions"]] == [None, None, "-1.00", None]
    for view, version in zip(views, entry["versions"], strict=True):
        assert np.array_equal(decode(version["src"]), view.image[:, *window].permute(1, 2, 0))
    assert describe_image("mine", "one", views, (slice(0, 24), slice(0, 32)))["caption"] == "mine, one: 32×24 pixels"
