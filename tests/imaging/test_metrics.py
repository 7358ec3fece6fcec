"""Scores of a set: means over images, and every image in its place, whichever rank scored it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from aldsr.imaging import LITERATURE, PROTOCOLS, Protocol, psnr_y, ssim_y
from aldsr.imaging.metrics import ImageScores

Scores = dict[str, Tensor]
SCALE = 2
MANY: dict[str, Any] = {"protocols": list(PROTOCOLS.values()), "gray": [1]}


def pair(index: int) -> tuple[Tensor, Tensor]:
    """Image number `index` of a set whose images differ in size and difficulty: SR and HR."""
    generator = torch.Generator().manual_seed(index)
    hr = torch.randint(0, 256, (1, 3, 18 + index, 24 - index), dtype=torch.uint8, generator=generator)
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


def test_the_scores_are_those_of_the_functions_and_start_anew() -> None:
    metric = ImageScores(images=2, scale=SCALE)
    for _ in range(2):
        for index in range(2):
            metric.update(*pair(index), index)
        assert same(metric.compute(), expected(2))
        metric.reset()


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


def one_rank(rank: int, folder: str) -> None:
    """Of two ranks: scores every second image and saves what it finds."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    results: dict[Any, Any] = {"protocols": found(scored(range(rank, 3, 2), 3, **MANY))}
    for images in (3, 1):  # of three, rank 0 scores two; of one, rank 1 scores none
        results[images] = found(scored(range(rank, images, 2), images))
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
