"""A network at inference: in tiles, as a self-ensemble, in a precision."""

from functools import partial

import torch
from torch import Tensor, nn

from aldsr.core.device import PRECISIONS
from aldsr.imaging import OVERLAP, self_ensemble, tiled
from aldsr.imaging.tiling import tile_spans
from aldsr.nn.foreign import check_precision

GLOBAL = "the network computes from averages over the whole image, so tiles change the result slightly"


def has_global_statistics(network: nn.Module) -> bool:
    """Whether a part of a network averages over the whole image: by its `global_statistics`, or torch's pooling."""
    parts = network.modules()
    return any(getattr(each, "global_statistics", isinstance(each, nn.AdaptiveAvgPool2d)) for each in parts)


class Inference(nn.Module):
    """Wrap a network, with an attribute `scale`, for measuring and upscaling, in one of `PRECISIONS`.

    `Tensor[B, 3, H, W]` → `Tensor[B, 3, sH, sW]`, float32. `tile`, `overlap`: see `tiled`; None: whole images. What
    tiles change beyond the overlap in a network of `has_global_statistics`, as RCAN and IMDN: experiments/tiling.
    Raises ValueError for a precision that is not offered or not safe, or a tile not larger than its overlaps.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        tile: int | None = None,
        overlap: int = OVERLAP,
        self_ensemble: bool = False,
        precision: str = "32-true",
    ) -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise ValueError(f"precision={precision}: expected one of {', '.join(PRECISIONS)}")
        if tile is not None:
            tile_spans(tile, tile, overlap)  # which refuses what the overlaps leave nothing of
        check_precision(network, precision)
        self.network, self.dtype = network, PRECISIONS[precision]
        self.scale: int = network.scale  # type: ignore[assignment]
        self.tile, self.overlap, self.self_ensemble = tile, overlap, self_ensemble

    def forward(self, lr: Tensor) -> Tensor:
        upscale = self._upscale
        if self.tile is not None:
            upscale = partial(tiled, upscale, scale=self.scale, tile=self.tile, overlap=self.overlap)
        return self_ensemble(upscale, lr) if self.self_ensemble else upscale(lr)

    def _upscale(self, lr: Tensor) -> Tensor:
        with torch.autocast(lr.device.type, self.dtype, enabled=self.dtype is not None):
            sr: Tensor = self.network(lr.contiguous(memory_format=torch.channels_last))
            return sr.float()
