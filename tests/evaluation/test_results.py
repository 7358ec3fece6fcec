"""results.json: its content, files of version 0.1, and which results may share a table."""

import json
import math
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
    read_results,
    summarise,
    summarise_set,
)
from aldsr.imaging import PROTOCOLS
from aldsr.imaging.protocol import CHOICES
from aldsr.nn import RDN
from aldsr.reporting.tables.results import write_results

SCORES = {"Set5": {"baby": {"psnr": 32.0, "ssim": 0.9}, "bird": {"psnr": 34.0, "ssim": 0.95}}}
BICUBIC = {"Set5": {"baby": {"psnr": 31.0, "ssim": 0.8}, "bird": {"psnr": 31.5, "ssim": 0.85}}}


def benchmark(*, sizes: tuple[int, int] = (8, 12), value: int = 7, lr: int = 3) -> BenchmarkSet:
    def flat(side: int, level: int) -> torch.Tensor:
        return torch.full((3, side, side), level, dtype=torch.uint8)

    sides = zip(("baby", "bird"), sizes, strict=True)
    return BenchmarkSet("Set5", [CachedPair(n, flat(s, value), flat(s // 4, lr), lr_made=False) for n, s in sides])


def results(*protocols: str, label: str = "ALD-RDN", bench: BenchmarkSet | None = None) -> dict[str, Any]:
    """Results by the given protocols; by "y" alone if none is given."""
    names = protocols or ("y",)
    return summarise(
        describe_network(label, scale=4),
        dict.fromkeys(names, SCORES),
        bicubic=dict.fromkeys(names, BICUBIC),
        protocols={name: PROTOCOLS[name] for name in names},
        benchmarks=[bench or benchmark()],
        scale=4,
        conditions={"device": "CPU"},
    )


def test_a_pooled_psnr_is_that_of_the_mean_error_over_all_pixels() -> None:
    errors, pixels = {"a": 4.0, "b": 100.0}, {"a": 300, "b": 100}
    images = {name: {"psnr": 10 * math.log10(255**2 / error), "ssim": 0.5} for name, error in errors.items()}
    pooled = 10 * math.log10(255**2 / ((300 * 4.0 + 100 * 100.0) / 400))
    assert summarise_set(images, pixels)["psnr"] == pytest.approx(pooled, abs=1e-12)
    assert summarise_set(images)["psnr"] > pooled


def test_results_hold_everything_they_depend_on_as_fields() -> None:
    found = results()
    fields = {"colour": "y", "gray": "replicated", "shave": 4, "ssim_window": "valid", "psnr_mean": "images"}
    assert found["protocol"] == {"name": "y", "scale": 4, **fields}
    assert found["measured"] == {"device": "CPU", "version": code_version(), "torch": torch.__version__}
    mean = {"psnr": 33.0, "ssim": pytest.approx(0.925), "number": 2, "images": SCORES["Set5"]}
    assert found["sets"] == {"Set5": {**benchmark().identity(), **mean}}
    assert "explained" not in found


def test_several_protocols_stand_beside_the_first() -> None:
    found = results("y", "pooled", bench=benchmark(sizes=(12, 32)))
    assert list(found["explained"]) == ["y", "pooled"]
    assert found["protocol"]["name"] == "y"
    pooled = found["explained"]["pooled"]
    assert 33.0 < pooled["sets"]["Set5"]["psnr"] < 34.0  # 24² pixels with 34 dB, 4² with 32 dB
    assert pooled["protocol"]["psnr_mean"] == "pixels"


def test_a_network_is_described_with_its_costs() -> None:
    found = describe_network("RDN", RDN(D=1, C=1, G=2, G0=2, scale=2), {"scale": 2}, scale=2)
    assert found["parameters"] == 56 + 38 + 38 + 10 + 6 + 38 + 152 + 57
    assert found["multi_adds"] == 640 * 360 * (54 + 36 + 36 + 8 + 4 + 36 + 144) + 1280 * 720 * 54
    assert found["description"] == {"scale": 2}
    assert describe_network("SR", scale=2) == {"label": "SR", "parameters": None, "multi_adds": None}


def test_results_are_written_and_read_whole(tmp_path: Path) -> None:
    write_results(tmp_path, results())
    assert json.loads((tmp_path / "results.json").read_text()) == results()
    assert read_results(tmp_path) == read_results(tmp_path / "results.json") == results()
    assert {path.name for path in tmp_path.iterdir()} == {"results.csv", "results.json", "table.md", "table.tex"}


@pytest.mark.parametrize("content", [None, "{", "[]", '{"sets": {"Set5": {"psnr_y": 30}}}'])
def test_what_is_no_result_is_named(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ResultsError, match=f"^{path}: "):
        read_results(path)


# What version 0.1 wrote: of each choice of a field, in their order.
OLD = {
    "colour": [
        "Y of YCbCr (BT.601, 16-235), from uint8 RGB, not rounded",
        "Y of YCbCr (BT.601, 16-235), from uint8 RGB, rounded to whole numbers",
        "Y of BT.601 in full range (0-255), from uint8 RGB, not rounded",
        "uint8 RGB, all channels together",
    ],
    "gray": [
        "replicated to RGB, before the network and in scoring",
        "replicated to RGB before the network, scored by its value (0-255)",
    ],
    "ssim": [
        f"Gaussian 11x11, sigma 1.5, K 0.01/0.03, L 255, {windows}, mean over images"
        for windows in ("windows inside the image", "a window for every pixel, mirrored at the border")
    ],
    "psnr": [
        f"10 log10(255^2 / MSE), {mean}"
        for mean in ("mean over images", "of the squared error pooled over all pixels of the set")
    ],
}
FIELDS = {"colour": "colour", "gray": "gray", "ssim": "ssim_window", "psnr": "psnr_mean"}


def read_old(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """Read results with a protocol as version 0.1 wrote it."""
    sentences = {key: choices[0] for key, choices in OLD.items()}
    protocol = {"name": "y", "scale": 4, "shave": 4, "rounding": "SR clipped and rounded", **sentences, **changes}
    explained = {"explained": {"y": {"protocol": protocol}}}
    (tmp_path / "results.json").write_text(json.dumps({**results(), "protocol": protocol, **explained}))
    return read_results(tmp_path)


def test_old_results_are_comparable_with_new_ones_however_sentences_are_worded_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for choices in CHOICES.values():
        for choice in choices:
            monkeypatch.setitem(choices, choice, f"other words for {choice}")
    for key, sentences in OLD.items():
        for choice, sentence in zip(CHOICES[FIELDS[key]], sentences, strict=True):
            expected = results()["protocol"] | {FIELDS[key]: choice}
            read = read_old(tmp_path, **{key: sentence})
            assert read["protocol"] == read["explained"]["y"]["protocol"] == expected
    check_comparable({"old": read_old(tmp_path), "new": results()})


@pytest.mark.parametrize("change", [{"colour": "Y of some kind"}, {"psnr": "of all"}, {"ssim": ["valid"]}, {"blur": 1}])
def test_unknown_sentences_and_fields_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"results\.json"):
        read_old(tmp_path, **change)


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
