"""Training patch n is a pure function of (seed, n), fair, and shared out without gaps or doubles."""

import numpy as np
import pytest

from aldsr.data.images import DataError
from aldsr.data.sampling import Draw, StepBatches, draw

IMAGES = 7


def test_the_sequence_is_the_published_one() -> None:
    """Golden values: a change here is a change of every network's training data, to be made on purpose only."""
    assert [draw(0, n, 10) for n in (0, 1, 2, 9, 10, 123456789)] == [
        Draw(5, 0.011546754286331562, 0.24154919656271812, (False, False, False)),
        Draw(3, 0.5023796042735054, 0.27760557688455356, (True, True, True)),
        Draw(7, 0.25382274039248487, 0.19505057563074713, (True, False, True)),
        Draw(9, 0.6385839404733241, 0.84018867390756, (False, False, False)),
        Draw(3, 0.8457968968540326, 0.967268111730076, (True, True, False)),
        Draw(4, 0.9053304657576661, 0.0852004847977379, (True, True, False)),
    ]
    assert draw(1, 0, 10) == Draw(0, 0.3035680343067586, 0.8487087496857769, (False, False, True))
    assert [draw(3, n, 6).image for n in range(12)] == [3, 5, 4, 0, 2, 1, 2, 1, 5, 3, 4, 0]


def test_positions_are_the_blocks_of_one_stream_of_random_bits() -> None:
    """So no two patches share bits: block n of the generator's stream is read once, by patch n."""
    stream = np.random.Philox(key=3).random_raw(4 * 50).reshape(50, 4) / 2.0**64
    drawn = np.array([(d.top, d.left) for d in (draw(3, n, IMAGES) for n in range(50))])
    np.testing.assert_allclose(drawn, stream[:, :2], rtol=0, atol=2.0**-52)


@pytest.mark.parametrize("images", [1, IMAGES, 100])
def test_every_pass_takes_every_image_once(images: int) -> None:
    for number in range(5):
        taken = [draw(1, number * images + place, images).image for place in range(images)]
        assert sorted(taken) == list(range(images))


@pytest.mark.parametrize(("height", "width"), [(48, 48), (50, 49), (4096, 2049)])
def test_the_corner_keeps_the_patch_inside(height: int, width: int) -> None:
    largest = 1 - 2.0**-53
    for draws, corner in ((0.0, (0, 0)), (largest, (height - 48, width - 48))):
        assert Draw(0, draws, draws, (False, False, False)).corner(height, width, 48) == corner


def batches(first_step: int = 0, **options: int) -> list[list[int]]:
    defaults = {"steps_per_epoch": 5, "batch_size": 24}
    return list(StepBatches(first_step=lambda: first_step, **{**defaults, **options}))


@pytest.mark.parametrize(("ranks", "micro_batches"), [(1, 2), (2, 1), (3, 4), (24, 1)])
@pytest.mark.parametrize("first_step", [0, 13])
def test_ranks_and_micro_batches_share_the_batch_of_one_rank(ranks: int, micro_batches: int, first_step: int) -> None:
    whole = batches(first_step)
    options = {"ranks": ranks, "micro_batches": micro_batches}
    parts = np.array([batches(first_step, rank=rank, **options) for rank in range(ranks)])
    assert parts.shape == (ranks, len(whole) * micro_batches, 24 // (ranks * micro_batches))
    shares = parts.reshape(ranks, len(whole), -1)
    np.testing.assert_array_equal(np.concatenate(shares, axis=1), whole)


def test_epochs_follow_one_another_without_gap_and_go_on_in_their_middle() -> None:
    epochs = [numbers for first in (0, 5, 10) for batch in batches(first, micro_batches=2) for numbers in batch]
    assert epochs == list(range(3 * 5 * 24))
    assert batches(first_step=13) == batches(first_step=10)[3:]


@pytest.mark.parametrize(("batch_size", "ranks", "micro_batches"), [(16, 3, 1), (16, 1, 3), (16, 32, 1), (0, 2, 1)])
def test_an_uneven_division_is_refused(batch_size: int, ranks: int, micro_batches: int) -> None:
    with pytest.raises(DataError, match=rf"data\.batch_size={batch_size} "):
        batches(batch_size=batch_size, ranks=ranks, micro_batches=micro_batches)
