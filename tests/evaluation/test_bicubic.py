"""Bicubic's scores equal those of Lightning's validation bit for bit; the cache serves them for nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning import Trainer
from PIL import Image

from aldsr.data import BenchmarkSet, SuperResolutionData
from aldsr.evaluation.bicubic import score_bicubic
from aldsr.imaging import Protocol, select
from aldsr.nn import BicubicUpscale
from aldsr.training import TRAINER_OPTIONS, SuperResolution

PLANTED = {name: {"psnr": 1.0, "ssim": 0.5} for name in "ab"}  # no images have these scores
Y = select("y")


@pytest.fixture
def data(tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> SuperResolutionData:
    """A set with a gray image, and an empty cache."""
    monkeypatch.setenv("ALDSR_CACHE", str(tmp_path / "cache"))
    a, b = (make_image(tmp_path / f"set/{name}.png", width=71, height=66, seed=ord(name)) for name in "ab")
    Image.open(b).convert("L").save(b)
    data = SuperResolutionData(scale=4, train_dirs=[], eval_dirs=[str(a.parent)])
    data.prepare_data()
    return data


def scores_of(benchmark: BenchmarkSet, protocols: dict[str, Protocol] = Y) -> dict[str, dict[str, float]]:
    """The scores of one set by the first protocol."""
    found = score_bicubic([benchmark], scale=4, protocols=protocols, device=torch.device("cpu"))
    return next(iter(found.values()))[benchmark.name]


def test_scores_equal_lightnings_the_second_time_too(data: SuperResolutionData) -> None:
    protocols = select("explain")
    module = SuperResolution(network=BicubicUpscale(scale=4), protocols=protocols)
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **TRAINER_OPTIONS)
    trainer.validate(module, datamodule=data, verbose=False)
    for _ in range(2):
        found = score_bicubic(data.benchmarks, scale=4, protocols=protocols, device=torch.device("cpu"))
        assert found == module.scores


def test_the_cache_serves_the_same_images_and_protocol_alone(data: SuperResolutionData, tmp_path: Path) -> None:
    (own,) = data.benchmarks
    expected = scores_of(own)
    (file,) = (tmp_path / "cache" / "bicubic").iterdir()
    file.write_text(json.dumps({"y": PLANTED}))
    assert scores_of(own) == scores_of(BenchmarkSet("another name", own.pairs, own.gray)) == PLANTED
    a, b = own.pairs
    for other in (
        BenchmarkSet("hr", [replace(a, hr=255 - a.hr[:, :, :]), b], own.gray),
        BenchmarkSet("lr", [replace(a, lr=255 - a.lr[:, :, :]), b], own.gray),
        BenchmarkSet("crossed", [replace(a, lr=b.lr), replace(b, lr=a.lr)], own.gray),
        BenchmarkSet("names", [replace(a, name="c"), b], own.gray),
        BenchmarkSet("gray", own.pairs, "ab"),
    ):
        assert scores_of(other) != PLANTED, other.name
    for protocol in (Protocol(shave=5), Protocol(gray="direct"), Protocol(psnr_mean="pixels")):
        assert scores_of(own, {"y": protocol}) != PLANTED, protocol
    for damaged in ('{"y": {"a": {"psnr": 1.0', ""):
        file.write_text(damaged)
        assert scores_of(own) == expected
        assert json.loads(file.read_text()) == {"y": expected}


def test_a_cache_that_cannot_be_written_is_no_error(data: SuperResolutionData, tmp_path: Path) -> None:
    (tmp_path / "cache" / "bicubic").write_text("a file where a folder should be")
    assert scores_of(data.benchmarks[0]) != PLANTED
