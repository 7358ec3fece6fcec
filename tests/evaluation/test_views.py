"""The versions of one image, with the scores that `aldsr.evaluate` gives."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

from aldsr.data import ImagePair, SuperResolutionData
from aldsr.evaluate import evaluate
from aldsr.evaluation.results import read_results
from aldsr.evaluation.views import load_run, make_views
from aldsr.imaging import LITERATURE, PROTOCOLS, imresize
from aldsr.nn.description import NetworkError, build
from aldsr.nn.folding import foldable_blocks
from aldsr.nn.weights import load_network, write_weights
from tests.command import run_command

CONV = {"_target_": "aldsr.nn.ALDBlock", "_partial_": True}
TINY = {"_target_": "aldsr.nn.RDN", "conv": CONV, "D": 1, "C": 2, "G": 8, "G0": 8, "scale": 4, "residual": "bicubic"}
RESULTS, CONFIG = {"network": {"label": "ALD-RDN"}}, {"model": TINY}  # of a run


def repeat(scale: int = 4) -> nn.Module:
    """Repeats every pixel."""
    network = nn.Upsample(scale_factor=scale)
    network.scale = scale
    return network


def pair_of(height: int, width: int) -> ImagePair:
    hr = torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return ImagePair(imresize(hr, Fraction(1, 4)), hr, 0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a training run with random weights."""
    torch.manual_seed(0)
    write_weights(tmp_path / "run" / "weights.safetensors", build(TINY), TINY)
    return tmp_path / "run"


@pytest.mark.parametrize(("averages", "widths"), [(False, [256, 256]), (True, [280])])
def test_hr_and_bicubic_come_first_and_large_images_go_in_tiles_unless_averages_need_them_whole(
    averages: bool, widths: list[int]
) -> None:
    pair, networks, sizes = pair_of(48, 1120), {"second": repeat(), "first": repeat()}, []
    networks["first"].register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[-2:]))
    networks["first"].global_statistics = averages
    found = make_views(pair, networks, scale=4, protocol=LITERATURE)
    assert [view.name for view in found] == ["HR", "bicubic", "second", "first"]
    assert {(view.image.dtype, tuple(view.image.shape)) for view in found} == {(torch.uint8, (3, 48, 1120))}
    assert torch.equal(found[0].image, pair.hr[0])
    assert (found[0].psnr, found[0].ssim) == (None, None)
    assert torch.equal(found[2].image, pair.lr[0].repeat_interleave(4, 1).repeat_interleave(4, 2))
    assert sizes == [(12, width) for width in widths]


def test_the_scores_are_those_of_evaluate(
    run: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parent)
    make_image(Path("bench/HR/0.png"), width=71, height=66)
    Image.open(make_image(Path("bench/HR/1.png"), width=71, height=66)).convert("L").save("bench/HR/1.png")
    options = ["data=folder", "data.eval_dirs=[bench]", "trainer=cpu", "deploy=false", "gray=direct"]
    assert run_command(evaluate, "ckpt_path=run/weights.safetensors", *options, "run_dir=out") == 0
    results = read_results("out")

    data = SuperResolutionData(scale=4, train_dirs=[], eval_dirs=["bench"])
    data.prepare_data()
    network = load_network(run / "weights.safetensors")[0].eval()
    for name, pair in zip(("0", "1"), data.benchmarks[0], strict=True):
        _, bicubic, sr = make_views(pair, {"ALD": network}, scale=4, protocol=PROTOCOLS["gray_direct"])
        assert {"psnr": sr.psnr, "ssim": sr.ssim} == results["sets"]["bench"]["images"][name]
        assert {"psnr": bicubic.psnr, "ssim": bicubic.ssim} == results["bicubic"]["bench"]["images"][name]


def test_a_network_of_another_scale_is_named() -> None:
    with pytest.raises(NetworkError, match=r"half: .*x2.*x4"):
        make_views(pair_of(48, 64), {"whole": repeat(), "half": repeat(2)}, scale=4, protocol=LITERATURE)


def test_the_network_of_a_run_is_folded_and_computes_the_same(run: Path) -> None:
    network, lr = load_run(run, RESULTS, CONFIG), torch.rand(1, 3, 9, 11)
    assert not network.training
    assert foldable_blocks(network) == []
    torch.testing.assert_close(network(lr), load_network(run / "weights.safetensors")[0](lr))


def test_a_folder_without_a_network_that_is_trusted_is_named(run: Path) -> None:
    weights = run / "weights.safetensors"
    weights.write_bytes(weights.read_bytes().replace(b"aldsr.nn.RDN", b"aldsr_my.RDN"))
    with pytest.raises(NetworkError, match=r"aldsr_my\.RDN"):
        load_run(run, RESULTS, CONFIG, allow_code=("mypackage",))
    for folder in (run.parent, run / "nowhere"):
        with pytest.raises(NetworkError, match=f"^{folder}/weights"):
            load_run(folder, RESULTS, CONFIG)


@pytest.mark.parametrize(
    ("results", "config", "named"),
    [
        ({"network": {"description": TINY | {"conv": {**CONV, "live": True}}}}, CONFIG, "conv.live is False, not True"),
        (RESULTS, {"model": TINY | {"G": 16}}, "G is 8, not 16"),
        (RESULTS | {"training": {"weights": "0123456789abcdef"}}, CONFIG, "not 0123456789abcdef"),
        (RESULTS, CONFIG | {"content": {"hash": "0123456789abcdef"}}, "not 0123456789abcdef"),
    ],
)
def test_weights_that_a_run_s_results_are_not_of_are_refused(run: Path, results: Any, config: Any, named: str) -> None:
    with pytest.raises(NetworkError, match=f"^{run}/weights.safetensors: .*{named}"):
        load_run(run, results, config)
