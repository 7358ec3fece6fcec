"""Filter descriptors: one number for each depthwise filter (ALDNet, §II-B and Table III).

A descriptor is any function from filters, `Tensor[C, k, k]`, to `z`, `Tensor[C]`. `standardised` and `scale_free`,
which are not in the paper, modify another descriptor: `functools.partial(standardised, of=determinant)`.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Descriptor = Callable[[Tensor], Tensor]


def average(filters: Tensor) -> Tensor:
    """Mean of each filter. `Tensor[C, k, k]` → `Tensor[C]`."""
    return filters.mean((-2, -1))


def maximum(filters: Tensor) -> Tensor:
    """Largest weight of each filter. `Tensor[C, k, k]` → `Tensor[C]`."""
    return filters.amax((-2, -1))


def determinant(filters: Tensor) -> Tensor:
    """Determinant of each filter as a k×k matrix. `Tensor[C, k, k]` → `Tensor[C]`.

    3×3 in the closed form of ALDNet §II-B, the triple product of its rows, (a × b) · c; other k by LU decomposition.
    """
    if filters.shape[-2:] != (3, 3):
        return torch.linalg.det(filters)
    a, b, c = filters.unbind(-2)
    return torch.linalg.vecdot(torch.linalg.cross(a, b), c)


def zero(filters: Tensor) -> Tensor:
    """z = 0: the control. The attention keeps its parameters but learns nothing from the filters.

    Not in the paper; claims about a descriptor need the comparison with it. `Tensor[C, k, k]` → `Tensor[C]`.
    """
    return torch.zeros_like(filters[:, 0, 0])


EPS = 1e-12  # added to a variance or a mean square; small even for filters a tenth as large as at initialisation


def standardised(filters: Tensor, *, of: Descriptor) -> Tensor:
    """Another descriptor, centred and scaled over the channels of the layer: mean 0, standard deviation 1.

    z' = (z - mean) / sqrt(variance + EPS). Determinants of 3×3 filters are about 0.02 at initialisation, too small
    beside the biases to have an effect; z' is of order one whatever the size of the filters. Where all channels have
    the same z, z' = 0. Not in the paper. `Tensor[C, k, k]` → `Tensor[C]`.
    """
    z = of(filters)
    return F.layer_norm(z, z.shape, eps=EPS)


def scale_free(filters: Tensor, *, of: Descriptor) -> Tensor:
    """Another descriptor of filters that are each divided by the root mean square of their weights.

    The determinant becomes det D / (‖D‖ / k)^k with ‖D‖ the Frobenius norm: for 3×3 filters between ±5.2, which
    multiples of orthogonal matrices reach. Filters of zeros stay zeros. Not in the paper.
    `Tensor[C, k, k]` → `Tensor[C]`.
    """
    return of(F.rms_norm(filters, filters.shape[-2:], eps=EPS))
