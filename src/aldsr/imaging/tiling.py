"""Upscale in tiles, for images of any size, and in all eight orientations: pure functions around a network."""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

Upscale = Callable[[Tensor], Tensor]
OVERLAP = 8  # LR pixels; why 8: experiments/tiling


def tile_spans(size: int, tile: int, overlap: int) -> list[tuple[int, slice]]:
    """How tiles cover an axis: where each begins, and which part of the axis its result is used for.

    All tiles are `min(tile, size)` long; what is used lies at least `overlap` away from a tile's end, unless that is
    the end of the image.

    Raises ValueError if the overlaps leave nothing of a tile.
    """
    if overlap < 0 or tile <= 2 * overlap:
        raise ValueError(f"tile={tile}: must be more than twice the overlap, {overlap} at each side")
    if size <= tile:
        return [(0, slice(0, size))]
    number = math.ceil((size - 2 * overlap) / (tile - 2 * overlap))
    starts = [round(place * (size - tile) / (number - 1)) for place in range(number)]
    cuts = [0, *((start + tile + following) // 2 for start, following in pairwise(starts)), size]
    return [(start, slice(*ends)) for start, ends in zip(starts, pairwise(cuts), strict=True)]


def tiled(upscale: Upscale, lr: Tensor, *, scale: int, tile: int, overlap: int = OVERLAP) -> Tensor:
    """Upscale `lr`, `Tensor[B, C, H, W]`, tile by tile, so that memory depends on the tile, not on the image.

    Equal to `upscale(lr)` where the network does not see beyond the overlap: of a tile, at most `tile` LR pixels a side
    with its overlaps, `overlap` at each inner side are discarded, since the network saw a border there that the image
    does not have. Raises ValueError if the overlaps leave nothing of a tile.
    """
    height, width = lr.shape[-2:]
    rows, columns = tile_spans(height, tile, overlap), tile_spans(width, tile, overlap)
    sr: Tensor | None = None
    for top, kept_rows in rows:
        for left, kept_columns in columns:
            part = upscale(lr[..., top : top + tile, left : left + tile])
            if sr is None:
                sr = part.new_empty((*part.shape[:-2], scale * height, scale * width))
            inner = part[..., scaled(kept_rows, scale, top), scaled(kept_columns, scale, left)]
            sr[..., scaled(kept_rows, scale), scaled(kept_columns, scale)] = inner
    assert sr is not None
    return sr


def scaled(kept: slice, scale: int, start: int = 0) -> slice:
    """Where LR pixels of an axis lie in SR, which begins at LR pixel `start`."""
    return slice(scale * (kept.start - start), scale * (kept.stop - start))


def self_ensemble(upscale: Upscale, lr: Tensor) -> Tensor:
    """The mean of the results for all eight flips and turns of the image: the papers' "+", eight times the cost.

    `Tensor[B, C, H, W]` → `Tensor[B, C, sH, sW]`, float, as `upscale` does. Timofte et al., Seven ways to improve
    example-based single image super resolution, CVPR 2016.
    """
    total: Tensor | float = 0.0
    for mirrored in (False, True):
        for turns in range(4):
            turned = torch.rot90(lr.flip(-1) if mirrored else lr, turns, (-2, -1))
            back = torch.rot90(upscale(turned), -turns, (-2, -1))
            total = total + (back.flip(-1) if mirrored else back)
    assert isinstance(total, Tensor)
    return total / 8
