"""Scores of a set: means over images, and every image in its place, whichever rank scored it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchmetrics import Metric

from aldsr.imaging import LITERATURE, PROTOCOLS, PSNRY, SSIMY, ImageScores, Protocol, psnr_y, ssim_y

Scores = dict[str, Tensor]
Mean = type[PSNRY] | type[SSIMY]
SCALE = 2
MEASURES: dict[Mean, Callable[..., Tensor]] = {PSNRY: psnr_y, SSIMY: ssim_y}
MANY: dict[str, Any] = {"protocols": list(PROTOCOLS.values()), "gray": [1]}
CASTS: dict[str, Callable[[Metric], object]] = {
    "half": lambda metric: metric.half(),
    "inside a module": lambda metric: nn.ModuleList([metric]).to(torch.bfloat16),
    "set_dtype": lambda metric: metric.set_dtype(torch.float16),
}


def pair(index: int, *, batch: int = 1) -> tuple[Tensor, Tensor]:
    """Image number `index` of a set whose images differ in size and difficulty: SR and HR."""
    generator = torch.Generator().manual_seed(index)
    hr = torch.randint(0, 256, (batch, 3, 18 + index, 24 - index), dtype=torch.uint8, generator=generator)
    noise = 4 + 30 * index
    sr = (hr.int() + torch.randint(-noise, noise + 1, hr.shape, generator=generator)).clamp(0, 255)
    return sr.to(torch.uint8), hr


def scored(
    order: Sequence[int], images: int, *, protocols: Sequence[Protocol] = (LITERATURE,), gray: Sequence[int] = ()
) -> ImageScores:
    metric = ImageScores(images=images, scale=SCALE, protocols=protocols)
    for index in order:
        metric.update(*pair(index), index, index in gray)
    return metric


def found(metric: ImageScores) -> Scores:
    """What a metric computes, `Tensor[protocols, images]` each, though torchmetrics makes one value a scalar."""
    return {key: value.reshape(metric.psnr.shape) for key, value in metric.compute().items()}


def expected(images: int) -> Scores:
    return {
        "psnr": torch.cat([psnr_y(*pair(index), shave=SCALE) for index in range(images)])[None],
        "ssim": torch.cat([ssim_y(*pair(index), shave=SCALE) for index in range(images)])[None],
    }


def same(a: Scores, b: Scores) -> bool:
    """Equal to the last bit."""
    return a.keys() == b.keys() and all(a[key].dtype == b[key].dtype and torch.equal(a[key], b[key]) for key in a)


def test_several_protocols_at_once_give_what_each_gives_alone_in_any_order() -> None:
    together = scored([1, 0, 2], 3, **MANY).compute()
    assert together["psnr"].shape == together["ssim"].shape == (len(PROTOCOLS), 3)
    for row, protocol in enumerate(PROTOCOLS.values()):
        alone = scored([0, 1, 2], 3, protocols=[protocol], gray=[1]).compute()
        assert same({key: value[[row]] for key, value in together.items()}, alone)


@pytest.mark.parametrize(
    ("order", "wrong"),
    [([0, 1, 1, 2], r"\[1\].*\[2\]"), ([0, 2], r"\[1\].*\[0\]"), ([2, 2, 2, 0], r"\[1, 2\].*\[0, 3\]")],
)
def test_image_scored_twice_or_not_at_all_is_an_error(order: list[int], wrong: str) -> None:
    with pytest.raises(RuntimeError, match=wrong):
        scored(order, 3, protocols=[LITERATURE, LITERATURE]).compute()


def mean_of(measure: Callable[..., Tensor], batches: Sequence[tuple[Tensor, Tensor]]) -> float:
    return torch.cat([measure(*each, shave=SCALE) for each in batches]).mean().item()


@pytest.mark.parametrize("kind", MEASURES)
def test_mean_is_over_images_whatever_the_batches(kind: Mean) -> None:
    batches, metric = [pair(0, batch=3), pair(1), pair(2, batch=2)], kind(shave=SCALE)
    for batch in batches:
        metric.update(*batch)
    assert metric.compute().item() == pytest.approx(mean_of(MEASURES[kind], batches), abs=1e-12)


@pytest.mark.parametrize("cast", CASTS)
def test_scores_stay_float64_whatever_a_metric_is_cast_to(cast: str) -> None:
    scores, means = ImageScores(images=2, scale=SCALE), [kind(shave=SCALE) for kind in MEASURES]
    for metric in (scores, *means):
        CASTS[cast](metric)
    for _ in range(2):
        for index in range(2):
            scores.update(*pair(index), index)
            for mean in means:
                mean.update(*pair(index))
        assert same(scores.compute(), expected(2))
        for mean, measure in zip(means, MEASURES.values(), strict=True):
            assert mean.compute().dtype == torch.float64
            assert mean.compute().item() == pytest.approx(mean_of(measure, [pair(0), pair(1)]), abs=1e-12)
        for metric in (scores, *means):
            metric.reset()


def one_rank(rank: int, folder: str) -> None:
    """Of two ranks: scores every second image and saves what it finds."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    results: dict[Any, Any] = {"protocols": found(scored(range(rank, 3, 2), 3, **MANY))}
    for images in (3, 1):  # of three, rank 0 scores two; of one, rank 1 scores none
        results[images] = found(scored(range(rank, images, 2), images))
        for kind in MEASURES:
            metric = kind(shave=SCALE)
            for index in range(rank, images, 2):
                metric.update(*pair(index, batch=1 + index))
            results[kind.__name__, images] = metric.compute()
    with pytest.raises(RuntimeError, match=r"images \[0\]"):
        scored([0, rank], 2).compute()  # what a padding sampler would do
    torch.save(results, f"{folder}/rank{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_find_what_one_process_finds(tmp_path: Path) -> None:
    # A fork server imports once for both ranks, in half the time of two interpreters started anew.
    torch.multiprocessing.set_forkserver_preload(["aldsr.imaging.metrics"])
    torch.multiprocessing.start_processes(one_rank, args=(str(tmp_path),), nprocs=2, start_method="forkserver")
    for each in (torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2)):
        assert same(each["protocols"], found(scored(range(3), 3, **MANY)))
        for images in (3, 1):
            assert same(each[images], found(scored(range(images), images)))
            for kind, measure in MEASURES.items():
                alone = mean_of(measure, [pair(index, batch=1 + index) for index in range(images)])
                assert each[kind.__name__, images].dtype == torch.float64
                assert each[kind.__name__, images].item() == pytest.approx(alone, abs=1e-12)
