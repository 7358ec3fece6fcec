"""Tiles cover the picture once and change nothing; the self-ensemble is the mean of eight orientations."""

import itertools
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor

from aldsr.imaging import self_ensemble, tiled
from aldsr.imaging.tiling import tile_spans
from aldsr.nn import BicubicUpscale

# (tile, overlap); bicubic upscaling sees two LR pixels beyond its own.
TILES = [(5, 2), (8, 3), (13, 2), (64, 8)]
SIZES = [(1, 1), (1, 31), (23, 1), (4, 4), (5, 5), (6, 13), (17, 9), (27, 40)]


def picture(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("tile", "overlap"), [(1, 0), (5, 2), (8, 3), (14, 1), (64, 8)])
def test_spans_cover_an_axis_once_with_tiles_inside_it(tile: int, overlap: int) -> None:
    for size in range(1, 150):
        found = tile_spans(size, tile, overlap)
        length = min(tile, size)
        kept = [place for _, part in found for place in range(part.start, part.stop)]
        assert kept == list(range(size)), f"size {size}: not a partition"
        for number, (start, part) in enumerate(found):
            end = start + length
            assert 0 <= start <= part.start < part.stop <= end <= size, f"size {size}: beyond the tile or the picture"
            if number > 0:
                assert part.start - start >= overlap, f"size {size}: kept too near the tile's beginning"
            if number < len(found) - 1:
                assert end - part.stop >= overlap, f"size {size}: kept too near the tile's end"
        assert found[0][0] == 0
        assert found[-1][0] + length == size


@pytest.mark.parametrize(("tile", "overlap"), [(5, 0), (5, 2), (12, 3), (64, 8)])
def test_no_span_could_be_left_out(tile: int, overlap: int) -> None:
    for size in range(tile + 1, 200):
        fewer = len(tile_spans(size, tile, overlap)) - 1
        assert fewer * (tile - 2 * overlap) + 2 * overlap < size, f"size {size}: {fewer} tiles would do"


@pytest.mark.parametrize(("tile", "overlap"), [(16, 8), (0, 0), (8, -1)])
def test_tile_of_which_overlaps_leave_nothing_is_refused(tile: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"tile={tile}: "):
        tile_spans(100, tile, overlap)
    with pytest.raises(ValueError, match=f"tile={tile}: "):
        tiled(BicubicUpscale(scale=2), picture(1, 3, 4, 4), scale=2, tile=tile, overlap=overlap)


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize(("tile", "overlap"), TILES)
def test_tiles_change_nothing_where_the_operator_sees_no_farther_than_the_overlap(
    tile: int, overlap: int, scale: int
) -> None:
    for height, width in SIZES:
        upscale, lr = Mock(side_effect=BicubicUpscale(scale=scale)), picture(2, 3, height, width)
        found = tiled(upscale, lr, scale=scale, tile=tile, overlap=overlap)
        shapes = {call.args[0].shape for call in upscale.call_args_list}
        assert shapes == {(2, 3, min(tile, height), min(tile, width))}  # one shape: compiled or captured once
        torch.testing.assert_close(found, upscale(lr), rtol=0, atol=1e-6)


def lopsided(lr: Tensor) -> Tensor:
    """Repeats every pixel, brighter to the right and much brighter below: no orientation is like another."""
    sr = lr.repeat_interleave(2, -1).repeat_interleave(2, -2)
    rows, columns = (torch.linspace(0, 1, size, dtype=lr.dtype) for size in sr.shape[-2:])
    return sr * (1 + columns + 3 * rows[:, None] ** 2)


@pytest.mark.parametrize(("height", "width"), [(6, 6), (5, 8), (9, 1)])
def test_self_ensemble_is_the_mean_over_eight_orientations(height: int, width: int) -> None:
    """With or without transposing, turning upside down and mirroring; then all of it backwards."""
    lr = picture(2, 3, height, width).double()
    results = []
    for transposed, axes in itertools.product((False, True), ([], [2], [3], [2, 3])):
        image = (lr.mT if transposed else lr).flip(axes)
        result = lopsided(image).flip(axes)
        results.append(result.mT if transposed else result)
    torch.testing.assert_close(self_ensemble(lopsided, lr), torch.stack(results).mean(0), rtol=1e-12, atol=0)
    assert not torch.allclose(results[0], results[1])  # or the comparison would show little
