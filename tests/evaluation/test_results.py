"""results.json: what it says, and what may share a table."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from aldsr.core.version import code_version
from aldsr.data import BenchmarkSet, CachedPair
from aldsr.evaluation.results import ResultsError, check_comparable, described, read_results, set_summary, summarise
from aldsr.imaging import LITERATURE, PROTOCOLS
from aldsr.nn import RDN
from aldsr.reporting.tables.results import write_results

SCORES = {"Set5": {"baby": {"psnr": 32.0, "ssim": 0.9}, "bird": {"psnr": 34.0, "ssim": 0.95}}}
BICUBIC = {"Set5": {"baby": {"psnr": 31.0, "ssim": 0.8}, "bird": {"psnr": 31.5, "ssim": 0.85}}}


def benchmark(*, sizes: tuple[int, int] = (8, 12), value: int = 7, lr: int = 3) -> BenchmarkSet:
    def flat(side: int, level: int) -> torch.Tensor:
        return torch.full((3, side, side), level, dtype=torch.uint8)

    sides = zip(("baby", "bird"), sizes, strict=True)
    return BenchmarkSet("Set5", [CachedPair(n, flat(s, value), flat(s // 4, lr), lr_made=False) for n, s in sides])


def results(label: str = "ALD-RDN", bench: BenchmarkSet | None = None, protocol: str = "y") -> dict[str, Any]:
    return summarise(
        described(label, scale=4),
        {protocol: SCORES},
        bicubic={protocol: BICUBIC},
        protocols={protocol: PROTOCOLS[protocol]},
        benchmarks=[bench or benchmark()],
        scale=4,
        conditions={"device": "CPU"},
    )


def test_a_sets_score_is_the_mean_over_its_images() -> None:
    found = results()["sets"]["Set5"]
    assert found["psnr"] == 33.0
    assert found["ssim"] == pytest.approx(0.925)
    assert found["number"] == 2
    assert found["lr"] == "given"
    assert found["images"]["bird"] == {"psnr": 34.0, "ssim": 0.95}


def test_a_pooled_psnr_is_that_of_the_mean_error_over_all_pixels() -> None:
    errors, pixels = {"a": 4.0, "b": 100.0}, {"a": 300, "b": 100}
    images = {name: {"psnr": 10 * math.log10(255**2 / error), "ssim": 0.5} for name, error in errors.items()}
    pooled = 10 * math.log10(255**2 / ((300 * 4.0 + 100 * 100.0) / 400))
    assert set_summary(images, pooled_by=pixels)["psnr"] == pytest.approx(pooled, abs=1e-12)
    assert set_summary(images)["psnr"] > pooled


def test_results_say_everything_they_depend_on() -> None:
    found = results()
    assert found["protocol"] == {"name": "y", **LITERATURE.described(4)}
    assert found["measured"]["device"] == "CPU"
    assert found["measured"]["version"] == code_version()
    assert found["sets"]["Set5"]["fingerprint"] == benchmark().identity()["fingerprint"]
    assert "explained" not in found


def test_several_protocols_stand_beside_the_first() -> None:
    names = ["y", "pooled"]
    found = summarise(
        described("SR", scale=4),
        dict.fromkeys(names, SCORES),
        bicubic=dict.fromkeys(names, BICUBIC),
        protocols={name: PROTOCOLS[name] for name in names},
        benchmarks=[benchmark(sizes=(12, 32))],
        scale=4,
        conditions={},
    )
    assert list(found["explained"]) == names
    assert found["protocol"]["name"] == "y"
    pooled = found["explained"]["pooled"]["sets"]["Set5"]["psnr"]
    assert 33.0 < pooled < 34.0  # the larger image, with 34 dB, counts for more: 24x24 pixels against 4x4
    assert found["explained"]["pooled"]["protocol"]["psnr"] != found["protocol"]["psnr"]


def test_a_network_is_described_with_its_costs() -> None:
    found = described("RDN", RDN(D=1, C=1, G=2, G0=2, scale=2), {"scale": 2}, scale=2)
    assert found["parameters"] == 56 + 38 + 38 + 10 + 6 + 38 + 152 + 57
    assert found["multi_adds"] == 640 * 360 * (54 + 36 + 36 + 8 + 4 + 36 + 144) + 1280 * 720 * 54
    assert found["description"] == {"scale": 2}
    assert described("SR", scale=2) == {"label": "SR", "parameters": None, "multi_adds": None}


def test_results_are_written_and_read_whole(tmp_path: Path) -> None:
    write_results(tmp_path, results())
    assert json.loads((tmp_path / "results.json").read_text()) == results()
    assert read_results(tmp_path) == read_results(tmp_path / "results.json") == results()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["results.csv", "results.json", "table.md", "table.tex"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        ("{", "cannot be read as results"),
        ("[]", "is no results.json of this version"),
        ('{"sets": {"Set5": {"psnr_y": 30}}}', "is no results.json of this version"),
    ],
)
def test_what_is_no_result_is_named(content: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ResultsError, match=said) as error:
        read_results(path)
    assert str(error.value).startswith(f"{path}: ")


def test_results_of_one_protocol_and_the_same_images_may_share_a_table() -> None:
    other = results("RDN", benchmark())
    other["sets"]["B100"] = results()["sets"]["Set5"]  # which only one of them has
    check_comparable({"a": results(), "b": other})


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (results(protocol="rgb"), "a and b cannot share a table: the protocol's (name|colour) is 'y|'Y of"),
        (results(bench=benchmark(value=8)), "the fingerprint of HR of Set5 is"),
        (results(bench=benchmark(lr=4)), "the fingerprint of LR of Set5 is"),
    ],
)
def test_other_results_are_refused_naming_the_difference(other: dict[str, Any], said: str) -> None:
    with pytest.raises(ResultsError, match=said):
        check_comparable({"a": results(), "b": other})


def test_an_lr_that_is_not_known_is_no_difference() -> None:
    other = results()
    other["sets"]["Set5"]["lr_fingerprint"] = None
    check_comparable({"a": results(), "b": other})


def test_the_version_names_the_release() -> None:
    assert code_version().startswith("0.")
