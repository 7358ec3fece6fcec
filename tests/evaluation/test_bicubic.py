"""Bicubic's scores equal those of Lightning's validation bit for bit; the cache serves them for nothing else."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from aldsr.data import BenchmarkSet, SuperResolutionData
from aldsr.evaluation.bicubic import score_bicubic
from aldsr.imaging import Protocol, select
from aldsr.nn import BicubicUpscale
from aldsr.training import SuperResolution, score

PLANTED = {"psnr": 1.0, "ssim": 0.5}  # no image has these scores
Y = select("y")


@pytest.fixture
def data(tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> SuperResolutionData:
    """Two sets, one with a gray image, and an empty cache."""
    monkeypatch.setenv("ALDSR_CACHE", str(tmp_path / "cache"))
    for number, file in enumerate(("one/a.png", "one/b.png", "two/a.png")):
        make_image(tmp_path / file, width=71, height=66, seed=number)
    Image.open(tmp_path / "one/b.png").convert("L").save(tmp_path / "one/b.png")
    data = SuperResolutionData(scale=4, train_dirs=[], eval_dirs=[str(tmp_path / "one"), str(tmp_path / "two")])
    data.prepare_data()
    return data


def scores_of(benchmark: BenchmarkSet, protocols: dict[str, Protocol] = Y) -> dict[str, dict[str, float]]:
    """The scores of one set by the first protocol."""
    found = score_bicubic([benchmark], scale=4, protocols=protocols, device=torch.device("cpu"))
    return next(iter(found.values()))[benchmark.name]


def overwrite_cache(tmp_path: Path, content: str) -> None:
    for file in (tmp_path / "cache" / "bicubic").iterdir():
        file.write_text(content)


def test_scores_equal_lightnings_and_come_from_the_cache_the_second_time(
    data: SuperResolutionData, tmp_path: Path
) -> None:
    protocols = select("explain")
    module = SuperResolution(network=BicubicUpscale(scale=4), protocols=protocols)
    expected = score(module, data, {"accelerator": "cpu", "devices": 1, "num_nodes": 1, "strategy": "auto"})
    for _ in range(2):
        found = score_bicubic(data.benchmarks, scale=4, protocols=protocols, device=torch.device("cpu"))
        assert found == expected
    shutil.rmtree(tmp_path / "cache" / "bicubic")
    one, _ = data.benchmarks
    scores_of(one)
    overwrite_cache(tmp_path, "[[[1.0, 0.5], [1.0, 0.5]]]")
    assert scores_of(one) == {"a": PLANTED, "b": PLANTED}


def test_another_image_protocol_or_scale_is_not_served_from_the_cache(
    data: SuperResolutionData, tmp_path: Path
) -> None:
    one, _ = data.benchmarks
    scores_of(one)
    overwrite_cache(tmp_path, "[[[1.0, 0.5], [1.0, 0.5]]]")
    a, b = one.pairs
    for other in (
        BenchmarkSet("hr", [replace(a, hr=255 - a.hr), b], one.gray),
        BenchmarkSet("lr", [replace(a, lr=255 - a.lr), b], one.gray),
        BenchmarkSet("crossed", [replace(a, lr=b.lr), replace(b, lr=a.lr)], one.gray),
        BenchmarkSet("gray", one.pairs, ["a", "b"]),
    ):
        assert scores_of(other) != {"a": PLANTED, "b": PLANTED}, other.name
    for protocol in (Protocol(shave=5), Protocol(gray="direct"), Protocol(psnr_mean="pixels")):
        assert scores_of(one, {"y": protocol}) != {"a": PLANTED, "b": PLANTED}, protocol
    assert scores_of(BenchmarkSet("same images", one.pairs, one.gray)) == {"a": PLANTED, "b": PLANTED}


@pytest.mark.parametrize("content", ["", "[[[1.0, 0.5], [1.0", "[[[1, 0.5]]]", '{"a": 1}', "[[[1, null], [1, 0.5]]]"])
def test_a_damaged_file_of_the_cache_is_ignored_and_written_again(
    content: str, data: SuperResolutionData, tmp_path: Path
) -> None:
    one, _ = data.benchmarks
    expected = scores_of(one)
    (file,) = (tmp_path / "cache" / "bicubic").iterdir()
    written = file.read_text()
    file.write_text(content)
    assert scores_of(one) == expected
    assert file.read_text() == written


def test_a_cache_that_cannot_be_written_is_no_error(data: SuperResolutionData, tmp_path: Path) -> None:
    expected = scores_of(data.benchmarks[0])
    shutil.rmtree(tmp_path / "cache" / "bicubic")
    (tmp_path / "cache" / "bicubic").write_text("a file where a folder should be")
    assert scores_of(data.benchmarks[0]) == expected
