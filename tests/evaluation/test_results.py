"""results.json: its content, files of version 0.1, and which results may share a table."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from aldsr.core.version import code_version
from aldsr.data import BenchmarkSet, CachedPair
from aldsr.evaluation.results import (
    ResultsError,
    check_comparable,
    describe_network,
    make_results,
    read_benchmark,
    read_results,
)
from aldsr.imaging import PROTOCOLS
from aldsr.nn import RDN
from aldsr.run.cli import config_dir
from tests.reporting.recorded import training

EXPERIMENTS = config_dir().parent / "experiments"
BENCHMARKS = [each for each in EXPERIMENTS.glob("*/*.json") if '"threads"' in each.read_text()[:200]]

SCORES = {"Set5": {"baby": {"psnr": 32.0, "ssim": 0.9}, "bird": {"psnr": 34.0, "ssim": 0.95}}}
SSIM = "Gaussian 11x11, sigma 1.5, K 0.01/0.03, L 255, {}, mean over images"
PSNR = "10 log10(255^2 / MSE), {}"
BICUBIC = {"Set5": {"baby": {"psnr": 31.0, "ssim": 0.8}, "bird": {"psnr": 31.5, "ssim": 0.85}}}


def benchmark(*, sizes: tuple[int, int] = (8, 12), value: int = 7, lr: int = 3) -> BenchmarkSet:
    def flat(side: int, level: int) -> torch.Tensor:
        return torch.full((3, side, side), level, dtype=torch.uint8)

    sides = zip(("baby", "bird"), sizes, strict=True)
    return BenchmarkSet("Set5", [CachedPair(n, flat(s, value), flat(s // 4, lr), lr_made=False) for n, s in sides])


def results(*protocols: str, label: str = "ALD-RDN", bench: BenchmarkSet | None = None) -> dict[str, Any]:
    """Results by the given protocols; by "y" alone if none is given."""
    names = protocols or ("y",)
    return make_results(
        describe_network(label, scale=4),
        dict.fromkeys(names, SCORES),
        bicubic=dict.fromkeys(names, BICUBIC),
        protocols={name: PROTOCOLS[name] for name in names},
        benchmarks=[bench or benchmark()],
        scale=4,
        conditions={"device": "CPU"},
    )


def test_results_hold_everything_they_depend_on_as_fields() -> None:
    found = results()
    fields = {"colour": "y", "gray": "replicated", "shave": 4, "ssim_window": "valid", "psnr_mean": "images"}
    assert found["protocol"] == {"name": "y", "scale": 4, **fields}
    assert found["measured"] == {"device": "CPU", "version": code_version(), "torch": torch.__version__}
    mean = {"psnr": 33.0, "ssim": pytest.approx(0.925), "number": 2, "images": SCORES["Set5"]}
    assert found["sets"] == {"Set5": {**benchmark().identity, **mean}}
    assert "explained" not in found


def test_a_pooled_psnr_is_that_of_the_mean_error_over_all_pixels_that_are_scored() -> None:
    found = results("y", "pooled", bench=benchmark(sizes=(12, 32)))
    assert list(found["explained"]) == ["y", "pooled"]
    assert found["protocol"]["name"] == "y"
    error = (4**2 * 10**-3.2 + 24**2 * 10**-3.4) / (4**2 + 24**2)  # at 32 and 34 dB
    pooled = found["explained"]["pooled"]["sets"]["Set5"]["psnr"]
    assert pooled == pytest.approx(-10 * math.log10(error), abs=1e-12)


def test_a_network_is_described_with_its_costs() -> None:
    found = describe_network("RDN", RDN(D=1, C=1, G=2, G0=2, scale=2), {"scale": 2}, scale=2)
    assert found["parameters"] == 56 + 38 + 38 + 10 + 6 + 38 + 152 + 57
    assert found["multi_adds"] == 640 * 360 * (54 + 36 + 36 + 8 + 4 + 36 + 144) + 1280 * 720 * 54
    assert found["description"] == {"scale": 2}
    assert describe_network("SR", scale=2) == {"label": "SR", "parameters": None, "multi_adds": None}


@pytest.mark.parametrize("read", [read_results, read_benchmark])
@pytest.mark.parametrize("content", [None, "{", "[]", '{"sets": {"Set5": {"psnr_y": 30}}}'])
def test_what_is_no_result_is_named(content: str | None, read: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ResultsError, match=f"^{path}: "):
        read(path)


def read_old(folder: Path, **fields: Any) -> dict[str, Any]:
    """Read results with fields of the protocol as version 0.1 wrote them."""
    protocol = {"name": "y", "scale": 4, "shave": 4, "rounding": "SR clipped and rounded", **fields}
    content = {**results(), "protocol": protocol, "explained": {"y": {"protocol": protocol}}}
    (folder / "results.json").write_text(json.dumps(content))
    return read_results(folder)


@pytest.mark.parametrize(
    ("key", "sentence", "field", "choice"),
    [
        ("colour", "Y of YCbCr (BT.601, 16-235), from uint8 RGB, not rounded", "colour", "y"),
        ("colour", "Y of YCbCr (BT.601, 16-235), from uint8 RGB, rounded to whole numbers", "colour", "y_uint8"),
        ("colour", "Y of BT.601 in full range (0-255), from uint8 RGB, not rounded", "colour", "y_full_range"),
        ("colour", "uint8 RGB, all channels together", "colour", "rgb"),
        ("gray", "replicated to RGB, before the network and in scoring", "gray", "replicated"),
        ("gray", "replicated to RGB before the network, scored by its value (0-255)", "gray", "direct"),
        ("ssim", SSIM.format("windows inside the image"), "ssim_window", "valid"),
        ("ssim", SSIM.format("a window for every pixel, mirrored at the border"), "ssim_window", "same"),
        ("psnr", PSNR.format("mean over images"), "psnr_mean", "images"),
        ("psnr", PSNR.format("of the squared error pooled over all pixels of the set"), "psnr_mean", "pixels"),
    ],
)
def test_sentences_of_version_0_1_become_fields(
    key: str, sentence: str, field: str, choice: str, tmp_path: Path
) -> None:
    read = read_old(tmp_path, **{key: sentence})
    assert read["protocol"] == read["explained"]["y"]["protocol"] == results()["protocol"] | {field: choice}


@pytest.mark.parametrize("change", [{"colour": "Y of some kind"}, {"ssim": ["valid"]}, {"blur": 1}])
def test_unknown_sentences_and_fields_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"results\.json"):
        read_old(tmp_path, **change)


def test_what_only_some_results_have_must_be_equal_in_those() -> None:
    alex, vgg = results(), results()
    alex["protocol"]["lpips"], vgg["protocol"]["lpips"] = "alex", "vgg"
    check_comparable({"a": results(), "b": alex, "c": alex})
    with pytest.raises(ResultsError, match=r"^b and c .*lpips is 'alex' in the one and 'vgg' in the other"):
        check_comparable({"a": results(), "b": alex, "c": vgg})


def test_results_of_one_protocol_and_the_same_images_may_share_a_table() -> None:
    other = results()
    other["sets"]["B100"] = results()["sets"]["Set5"]  # which only one of them has
    other["sets"]["Set5"]["lr_fingerprint"] = None  # not known
    check_comparable({"a": results(), "b": other})


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (results("rgb"), "colour is 'y' in the one and 'rgb' in the other"),
        (results(bench=benchmark(value=8)), "the fingerprint of HR of Set5 is"),
        (results(bench=benchmark(lr=4)), "the fingerprint of LR of Set5 is"),
    ],
)
def test_other_results_are_refused_naming_the_difference(other: dict[str, Any], difference: str) -> None:
    with pytest.raises(ResultsError, match=f"^a and b .*{difference}"):
        check_comparable({"a": results(), "b": other})


@pytest.mark.parametrize("wrong", [{"network": None}, {"processes": None}, {"processes": [{"seconds": [None]}]}])
def test_an_entry_of_a_benchmark_that_cannot_be_used_is_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    path, content = tmp_path / "speed.json", training()
    path.write_text(json.dumps(content))
    assert read_benchmark(path) == content
    for damaged in ({"training": [content["training"][0] | wrong]}, {"loading": {"decoding": "slow"}}, {"growth": 3}):
        path.write_text(json.dumps(content | damaged))
        with pytest.raises(ResultsError, match=f"^{re.escape(str(path))}: {next(iter(damaged))}"):
            read_benchmark(path)


@pytest.mark.skipif(not BENCHMARKS, reason="experiments/ is not part of a wheel")
def test_recorded_benchmarks_are_read() -> None:
    assert all(map(read_benchmark, BENCHMARKS))
