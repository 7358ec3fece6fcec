"""Upscale a picture band by band, so that only a few rows at a time are in memory."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from aldsr.data.images import Samples
from aldsr.imaging import OVERLAP, imresize
from aldsr.imaging.tiling import Upscale, scaled, tile_spans
from aldsr.pictures.reading import Picture


def upscale_in_bands(
    picture: Picture, upscale: Upscale, *, scale: int, tile: int | None, device: torch.device | str = "cpu"
) -> Iterator[Samples]:
    """Yield the rows of the upscaled picture from top to bottom, in bands.

    They are (rows, sW, C), of the picture's bit depth; channels are colour, then alpha. Colour goes through the network
    (gray as three equal channels, whose results are averaged), alpha through bicubic `imresize`. The result does not
    depend on the tiles where the network does not see beyond the overlap.

    Args:
        upscale: `Tensor[1, 3, h, w]` → `Tensor[1, 3, sh, sw]`, float in [0, 1]; called for every tile.
        tile: largest side that `upscale` is given, in LR pixels, overlaps included; None: the whole picture.
        device: where `upscale` works. A band is rounded there and waited for once, as a whole.

    Raises FloatingPointError if a result is not finite, ValueError if the overlaps leave nothing of a tile.
    """
    height, width, channels = picture.samples.shape
    colours = 3 if channels > 2 else 1
    tile_height, tile_width = tile_size(height, tile), tile_size(width, tile)
    for top, rows in tile_spans(height, tile_height, OVERLAP):
        strip = picture.samples[top : top + tile_height]
        kept = scaled(rows, scale, top)
        shape, dtype = (kept.stop - kept.start, scale * width, colours), getattr(torch, strip.dtype.name)
        band, finite = torch.empty(shape, dtype=dtype, device=device), torch.tensor(True, device=device)
        for left, columns in tile_spans(width, tile_width, OVERLAP):
            part = strip[:, left : left + tile_width, :colours].astype(np.float32) / np.iinfo(strip.dtype).max
            sr = upscale(torch.from_numpy(part).permute(2, 0, 1)[None].to(device).expand(-1, 3, -1, -1))
            finite &= sr.isfinite().all()
            sr = sr.mean(1, keepdim=True) if colours == 1 else sr
            values = sr[..., kept, scaled(columns, scale, left)] * torch.iinfo(dtype).max
            band[:, scaled(columns, scale)] = _to_integers(values, dtype)
        if not finite:
            raise FloatingPointError("the network's result is not finite")
        samples = band.cpu().numpy()
        if channels > colours:
            alpha = _upscale_alpha(strip[..., colours:], scale)[kept]
            samples = np.concatenate((samples, alpha), axis=-1)
        yield samples


def tile_size(size: int, tile: int | None) -> int:
    """The smallest side of tiles that cover an axis with as many tiles as side `tile` needs.

    Raises ValueError if the overlaps leave nothing of a tile.
    """
    if tile is None or size <= tile:
        return max(size, 2 * OVERLAP + 1)
    number = len(tile_spans(size, tile, OVERLAP))
    return math.ceil((size - 2 * OVERLAP) / number) + 2 * OVERLAP


def count_tiles(picture: Picture, tile: int | None) -> int:
    """How often `upscale_in_bands` calls the network. Raises ValueError if the overlaps leave nothing of a tile."""
    return math.prod(len(tile_spans(size, tile_size(size, tile), OVERLAP)) for size in picture.samples.shape[:2])


def _upscale_alpha(samples: Samples, scale: int) -> Samples:
    """(h, w, C) → (sh, sw, C) by `imresize`."""
    dtype = torch.uint8 if samples.dtype == np.uint8 else torch.float32
    lr = torch.from_numpy(samples.astype(np.int32)).to(dtype).permute(2, 0, 1)[None]
    return _to_integers(imresize(lr, scale), getattr(torch, samples.dtype.name)).numpy()


def _to_integers(values: Tensor, dtype: torch.dtype) -> Tensor:
    """`Tensor[1, C, h, w]` → (h, w, C), clipped and rounded half up as `quantise` does."""
    return (values[0].float() + 0.5).clamp_(0, torch.iinfo(dtype).max).to(dtype).permute(1, 2, 0)
