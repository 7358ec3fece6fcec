"""The weights that come with the package: they are as good as their card says, and it says what was measured."""

import json
from pathlib import Path

import pytest
from PIL import Image

import aldsr
from aldsr.data import SuperResolutionData
from aldsr.evaluation.cost import count_parameters
from aldsr.evaluation.views import super_resolve
from aldsr.imaging import psnr_y
from aldsr.nn import fold
from aldsr.nn.initial import load_initial
from aldsr.nn.pretrained import PACKAGED_SCALES, packaged_weights
from aldsr.upscale import main as upscale
from tests.command import run_command

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "experiments" / "weights"
MEASURED = json.loads((RECORD / "results.json").read_text())


def test_the_tables_have_the_numbers_that_were_recorded() -> None:
    rows = [
        f"| {name} {scale} | {base['psnr']:.2f} / {base['ssim']:.4f} | **{own['psnr']:.2f}** / {own['ssim']:.4f} "
        f"| {own['psnr'] - base['psnr']:+.2f} |"
        for scale, found in MEASURED.items()
        for name, base, own in ((name, found["bicubic"][name], own) for name, own in found["sets"].items())
    ]
    for text in (packaged_weights(4).parent / "README.md", RECORD / "README.md"):
        assert [line for line in text.read_text().splitlines() if line.count(" / ") == 2] == rows
    assert {row for row in rows if " x4 " in row} <= set((ROOT / "README.md").read_text().splitlines())


@pytest.mark.parametrize("scale", PACKAGED_SCALES)
def test_the_weights_are_small_and_of_the_network_that_was_measured(scale: int) -> None:
    network = aldsr.from_pretrained(packaged_weights(scale))
    assert (network.scale, count_parameters(network)) == (scale, MEASURED[f"x{scale}"]["network"]["parameters"])
    assert packaged_weights(scale).stat().st_size <= 2**20


@pytest.mark.parametrize("scale", PACKAGED_SCALES)
def test_each_scale_is_upscaled_and_trained_further_by_its_own_weights(scale: int, tmp_path: Path) -> None:
    Image.new("RGB", (12, 8)).save(tmp_path / "a.png")
    assert run_command(upscale, str(tmp_path / "a.png"), "-o", str(tmp_path / "out"), "--scale", str(scale)) == 0
    with Image.open(tmp_path / "out" / f"a_x{scale}.png") as picture:
        assert picture.size == (12 * scale, 8 * scale)
    network = aldsr.from_pretrained(packaged_weights(scale))
    assert load_initial(network, "packaged") == load_initial(network, str(packaged_weights(scale)))


@pytest.mark.parametrize("scale", PACKAGED_SCALES)
def test_the_weights_score_on_set5_what_was_recorded(scale: int, shared: Path) -> None:
    data = SuperResolutionData(scale=scale, train_dirs=[], eval_dirs=[str(shared / "data" / "benchmarks" / "Set5")])
    data.prepare_data()
    (benchmark,) = data.benchmarks
    network = fold(aldsr.from_pretrained(packaged_weights(scale)))
    pairs = [benchmark[number] for number in range(len(benchmark))]
    scores = [psnr_y(super_resolve(network, pair.lr), pair.hr, shave=scale).item() for pair in pairs]
    recorded = [MEASURED[f"x{scale}"]["sets"]["Set5"]["images"][name]["psnr"] for name in benchmark.image_names]
    assert scores == pytest.approx(recorded, abs=1e-3)
