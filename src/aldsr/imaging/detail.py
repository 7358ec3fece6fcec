"""Where an image has most detail."""

import torch
from torch import Tensor


def detailed_window(image: Tensor, side: int) -> tuple[slice, slice]:
    """Rows and columns of the window of at most side×side pixels with the largest sum of absolute differences."""
    gray = image.float().mean(0)
    detail = torch.zeros_like(gray)
    detail[1:] += gray.diff(dim=0).abs()
    detail[:, 1:] += gray.diff(dim=1).abs()
    height, width = (min(side, size) for size in gray.shape)
    sums = torch.nn.functional.avg_pool2d(detail[None, None], (height, width), stride=8)[0, 0]
    top, left = (8 * int(i) for i in torch.unravel_index(sums.argmax(), sums.shape))
    return slice(top, top + height), slice(left, left + width)
