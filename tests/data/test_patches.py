"""Training patches lie where they should, whatever batch they are in; a benchmark knows its images."""

import pytest
import torch

from aldsr.data.cache import CachedPair
from aldsr.data.patches import BenchmarkSet, Patches, fingerprint
from aldsr.data.sampling import draw

SIZES = [(20, 31), (8, 8), (8, 40), (33, 9)]
P = 8


def located(image: int, height: int, width: int, scale: int) -> CachedPair:
    """A pair whose pixels tell their place: channels are row, column and number of the image."""

    def grid(factor: int) -> torch.Tensor:
        y, x = torch.meshgrid(torch.arange(height * factor), torch.arange(width * factor), indexing="ij")
        return torch.stack([y, x, torch.full_like(y, image)]).to(torch.uint8)

    return CachedPair(f"image {image}", grid(scale), grid(1))


def patches(scale: int, *, seed: int = 0) -> Patches:
    pairs = [located(number, height, width, scale) for number, (height, width) in enumerate(SIZES)]
    return Patches(pairs, patch_size=P, scale=scale, seed=seed)


@pytest.mark.parametrize("scale", [2, 3])
def test_hr_lies_at_scale_times_the_place_of_lr(scale: int) -> None:
    lr, hr, _ = patches(scale)[range(200)]
    row, column = lr[:, 0, 0, 0].int(), lr[:, 1, 0, 0].int()
    assert torch.equal(hr[:, 0, 0, 0].int(), scale * row)
    assert torch.equal(hr[:, 1, 0, 0].int(), scale * column)
    assert torch.equal(hr[:, 2, 0, 0], lr[:, 2, 0, 0])
    for batch, side in ((lr, P), (hr, scale * P)):  # and both are cut in one piece
        steps = torch.arange(side, dtype=torch.uint8)
        assert torch.equal(batch[:, 0] - batch[:, 0, :1, :1], steps[:, None].expand(200, side, side))
        assert torch.equal(batch[:, 1] - batch[:, 1, :1, :1], steps.expand(200, side, side))


def test_patch_n_is_what_draw_says_whatever_its_batch() -> None:
    numbers = [11, 3, 3, *range(40)]
    lr, _, flips = patches(2, seed=9)[numbers]
    for place, n in enumerate(numbers):
        choice = draw(9, n, len(SIZES))
        corner = choice.corner(*SIZES[choice.image], P)
        assert lr[place, :, 0, 0].tolist() == [*corner, choice.image]
        assert tuple(flips[place].tolist()) == choice.flips


def test_lr_of_a_benchmark_is_made_unless_all_is_given() -> None:
    for made, source in (([False, False], "given"), ([True, True], "made"), ([False, True], "made")):
        pairs = [CachedPair("a", torch.empty(3, 4, 4), torch.empty(3, 2, 2), lr_made=is_made) for is_made in made]
        assert BenchmarkSet("Set2", pairs).lr_source == source


def test_a_benchmark_is_known_by_its_pixels_not_by_names_or_order() -> None:
    pairs = [located(number, *size, 4) for number, size in enumerate(SIZES)]
    identity = BenchmarkSet("Set4", pairs).identity
    renamed = [CachedPair(f"other {pair.name}", pair.hr, pair.lr) for pair in reversed(pairs)]
    assert BenchmarkSet("other", renamed).identity == identity
    changed = pairs[1].hr.clone()
    changed[0, 0, 0] += 1
    other = BenchmarkSet("Set4", [pairs[0], CachedPair("b", changed, pairs[1].lr), *pairs[2:]]).identity
    assert other["fingerprint"] != identity["fingerprint"]
    assert other["lr_fingerprint"] == identity["lr_fingerprint"]
    assert BenchmarkSet("Set4", pairs[1:]).identity["number"] == 3
    flat = torch.zeros(3, 2, 8, dtype=torch.uint8)
    assert fingerprint([flat]) != fingerprint([flat.view(3, 8, 2)])


def test_the_side_of_a_patch_is_that_of_its_step_and_its_place_is_as_ever() -> None:
    growing = Patches(patches(2).pairs[:1], patch_size={"0": 4, "2": 8}, scale=2, seed=0, batch_size=3)
    assert [growing[[n]].hr.shape[-1] for n in range(12)] == [8] * 6 + [16] * 6
    always = Patches(growing.pairs, patch_size=8, scale=2, seed=0)
    assert torch.equal(growing[range(6, 9)].lr, always[range(6, 9)].lr)
