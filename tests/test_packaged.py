"""The weights that come with the package: they are as good as their card says, and it says what was measured."""

import json
import os
from pathlib import Path

import pytest
import torch

import aldsr
from aldsr.data import ImagePair, SuperResolutionData
from aldsr.imaging import LITERATURE, quantise
from aldsr.nn import fold
from aldsr.nn.pretrained import default_weights

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "experiments" / "weights"
SET5 = Path(os.environ.get("ALDSR_SHARED", "../shared")) / "data" / "benchmarks" / "Set5"


def rows() -> list[str]:
    """The lines of a table of what was measured."""
    measured = json.loads((RECORD / "results.json").read_text())
    found = [(name, measured["bicubic"][name], scores) for name, scores in measured["sets"].items()]
    return [
        f"| {name} | {base['psnr']:.2f} / {base['ssim']:.4f} | **{own['psnr']:.2f}** / {own['ssim']:.4f} "
        f"| {own['psnr'] - base['psnr']:+.2f} |"
        for name, base, own in found
    ]


def test_the_tables_have_the_numbers_that_were_recorded() -> None:
    for text in (default_weights().with_suffix(".md"), RECORD / "README.md"):
        assert [line for line in text.read_text().splitlines() if line.count(" / ") == 2] == rows()
    assert set(rows()) <= set((ROOT / "README.md").read_text().splitlines())


def test_the_weights_are_small_and_of_the_network_that_was_measured() -> None:
    network = aldsr.from_pretrained(default_weights())
    measured = json.loads((RECORD / "results.json").read_text())
    assert sum(weight.numel() for weight in network.parameters()) == measured["network"]["parameters"]
    assert default_weights().stat().st_size <= 2**20


@pytest.mark.skipif(not SET5.exists(), reason=f"Set5 is not at {SET5}; ALDSR_SHARED names the folder that has data/")
def test_the_weights_score_on_set5_what_was_recorded() -> None:
    data = SuperResolutionData(scale=4, train_dirs=[], eval_dirs=[str(SET5)])
    data.prepare_data()
    (benchmark,) = data.benchmarks
    network = fold(aldsr.from_pretrained(default_weights()))
    recorded = json.loads((RECORD / "results.json").read_text())["sets"]["Set5"]["images"]
    for name, pair in zip(benchmark.image_names, map(benchmark.__getitem__, range(len(benchmark))), strict=True):
        assert isinstance(pair, ImagePair)
        with torch.inference_mode():
            sr = quantise(network(pair.lr.float() / 255))
        score = LITERATURE.score(sr, pair.hr, scale=4, gray=pair.gray)
        assert float(score.psnr) == pytest.approx(recorded[name]["psnr"], abs=1e-3)
