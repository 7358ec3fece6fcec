"""The weights that come with the package: they are as good as their card says, and it says what was measured."""

import json
from pathlib import Path

import pytest

import aldsr
from aldsr.data import SuperResolutionData
from aldsr.evaluation.cost import count_parameters
from aldsr.evaluation.views import super_resolve
from aldsr.imaging import psnr_y
from aldsr.nn import fold
from aldsr.nn.pretrained import default_weights

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "experiments" / "weights"
MEASURED = json.loads((RECORD / "results.json").read_text())


def test_the_tables_have_the_numbers_that_were_recorded() -> None:
    rows = [
        f"| {name} | {base['psnr']:.2f} / {base['ssim']:.4f} | **{own['psnr']:.2f}** / {own['ssim']:.4f} "
        f"| {own['psnr'] - base['psnr']:+.2f} |"
        for name, base, own in ((name, MEASURED["bicubic"][name], own) for name, own in MEASURED["sets"].items())
    ]
    for text in (default_weights().with_suffix(".md"), RECORD / "README.md"):
        assert [line for line in text.read_text().splitlines() if line.count(" / ") == 2] == rows
    assert set(rows) <= set((ROOT / "README.md").read_text().splitlines())


def test_the_weights_are_small_and_of_the_network_that_was_measured() -> None:
    assert count_parameters(aldsr.from_pretrained(default_weights())) == MEASURED["network"]["parameters"]
    assert default_weights().stat().st_size <= 2**20


def test_the_weights_score_on_set5_what_was_recorded(shared: Path) -> None:
    data = SuperResolutionData(scale=4, train_dirs=[], eval_dirs=[str(shared / "data" / "benchmarks" / "Set5")])
    data.prepare_data()
    (benchmark,) = data.benchmarks
    network = fold(aldsr.from_pretrained(default_weights()))
    pairs = [benchmark[number] for number in range(len(benchmark))]
    scores = [psnr_y(super_resolve(network, pair.lr), pair.hr, shave=4).item() for pair in pairs]
    recorded = [MEASURED["sets"]["Set5"]["images"][name]["psnr"] for name in benchmark.image_names]
    assert scores == pytest.approx(recorded, abs=1e-3)
