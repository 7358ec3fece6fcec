"""Scores of a set: every image in its place, whichever rank scored it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aldsr.imaging import ImageScores, psnr_y, ssim_y

Scores = dict[str, Tensor]
SHAVE = 2


def pair(index: int) -> tuple[Tensor, Tensor]:
    """Image number `index` of a set whose images differ in size: SR and HR."""
    generator = torch.Generator().manual_seed(index)
    shape = (1, 3, 18 + index, 24 - index)
    sr, hr = (torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator) for _ in range(2))
    return sr, hr


def scored(order: list[int], images: int) -> ImageScores:
    metric = ImageScores(images=images, shave=SHAVE)
    for index in order:
        metric.update(*pair(index), index)
    return metric


def expected(images: int) -> Scores:
    return {
        "psnr": torch.cat([psnr_y(*pair(index), shave=SHAVE) for index in range(images)]),
        "ssim": torch.cat([ssim_y(*pair(index), shave=SHAVE) for index in range(images)]),
    }


def same(a: Scores, b: Scores) -> bool:
    """Equal to the last bit."""
    return a.keys() == b.keys() and all(a[key].dtype == b[key].dtype and torch.equal(a[key], b[key]) for key in a)


def test_every_image_has_its_score_in_its_place() -> None:
    assert same(scored([0, 1, 2, 3], 4).compute(), expected(4))


@pytest.mark.parametrize("order", [[3, 2, 1, 0], [2, 0, 3, 1]])
def test_order_does_not_matter(order: list[int]) -> None:
    assert same(scored(order, 4).compute(), expected(4))


def test_image_equal_to_its_original_does_not_spoil_the_others() -> None:
    metric, (_, hr) = scored([0, 2], 3), pair(1)
    metric.update(hr, hr, 1)
    psnr = metric.compute()["psnr"]
    assert psnr.isinf().tolist() == [False, True, False]
    assert torch.equal(psnr[[0, 2]], expected(3)["psnr"][[0, 2]])


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([0, 1, 1, 2], r"images \[1\] were scored \[2\] times"),
        ([0, 2], r"images \[1\] were scored \[0\] times"),
        ([2, 2, 2, 0], r"images \[1, 2\] were scored \[0, 3\] times"),
    ],
)
def test_image_scored_twice_or_not_at_all_is_an_error(order: list[int], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        scored(order, 3).compute()


def test_number_beyond_the_set_is_an_error() -> None:
    with pytest.raises(IndexError):
        scored([3], 3)


def test_reset_forgets_every_score() -> None:
    metric = scored([0, 1, 2], 3)
    metric.compute()
    metric.reset()
    for index in range(3):
        metric.update(*pair(index), index)
    assert same(metric.compute(), expected(3))


@pytest.mark.parametrize("cast", ["half", "bfloat16", "float", "to float16", "to bfloat16", "set_dtype", "type"])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside a module"])
def test_scores_stay_float64_whatever_the_metric_is_cast_to(cast: str, inside: bool) -> None:
    metric = ImageScores(images=2, shave=SHAVE)
    module: Any = nn.ModuleList([metric]) if inside else metric
    if cast.startswith("to "):
        module.to(getattr(torch, cast.removeprefix("to ")))
    elif cast == "type":
        module.type(torch.float16)
    elif cast == "set_dtype":
        metric.set_dtype(torch.float16)
    else:
        getattr(module, cast)()
    for _ in range(2):
        for index in range(2):
            metric.update(*pair(index), index)
        assert same(metric.compute(), expected(2))
        metric.reset()


def one_rank(rank: int, folder: str) -> None:
    """Of two ranks: scores every second image and saves what it finds."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    results: dict[Any, Any] = {}
    for images in (3, 1):  # of three, rank 0 scores two; of one, rank 1 scores none
        try:
            results[images] = scored(list(range(rank, images, 2)), images).compute()
        except RuntimeError as error:
            results[images] = {"error": str(error)}
    try:
        results["twice"] = scored([0, rank], 2).compute()  # what a padding sampler would do
    except RuntimeError as error:
        results["twice"] = {"error": str(error)}
    torch.save(results, f"{folder}/rank{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[Any, Any]]:
    """What each of two gloo ranks found."""
    folder: Path = tmp_path_factory.mktemp("ranks")
    # A fork server imports once for both ranks, in half the time of two interpreters started anew.
    torch.multiprocessing.set_forkserver_preload(["aldsr.imaging"])
    torch.multiprocessing.start_processes(one_rank, args=(str(folder),), nprocs=2, start_method="forkserver")
    return [torch.load(folder / f"rank{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("images", [3, 1])
def test_two_ranks_find_what_one_process_finds_to_the_last_bit(images: int, ranks: list[dict[Any, Any]]) -> None:
    alone = scored(list(range(images)), images).compute()
    for found in ranks:
        assert same(found[images], alone)


def test_image_that_two_ranks_score_is_an_error_on_both(ranks: list[dict[Any, Any]]) -> None:
    assert [found["twice"] for found in ranks] == [
        {"error": "images [0] were scored [3] times, each must be scored once"}
    ] * 2
