"""Filter descriptors: one number for each depthwise filter (ALDNet, §II-B and Table III).

A descriptor is any function of the filters `Tensor[C, k, k]` with result `z`, `Tensor[C]`. Two functions make a
descriptor of another one, bound by `functools.partial(standardised, of=determinant)`; they are beyond the paper.
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
    """Determinant of each filter, read as a k×k matrix. `Tensor[C, k, k]` → `Tensor[C]`.

    3×3 in the closed form of ALDNet §II-B, as the triple product of its rows, (a × b) · c; other k by LU
    decomposition.
    """
    if filters.shape[-2:] != (3, 3):
        return torch.linalg.det(filters)
    a, b, c = filters.unbind(-2)
    return torch.linalg.vecdot(torch.linalg.cross(a, b), c)


def zero(filters: Tensor) -> Tensor:
    """z = 0: the control. The attention keeps its parameters but learns nothing from the filters.

    Not in the paper; any claim about a descriptor has to be held against it.
    `Tensor[C, k, k]` → `Tensor[C]`.
    """
    return torch.zeros_like(filters[:, 0, 0])


EPS = 1e-12  # of a variance or a mean square: small beside those of filters a tenth as large as at initialisation


def standardised(filters: Tensor, *, of: Descriptor) -> Tensor:
    """Another descriptor, centred and scaled over the channels of the layer: mean 0, standard deviation 1.

    z' = (z - mean) / sqrt(variance + EPS). Determinants of 3×3 filters are about 0.02 at initialisation, too small
    beside the biases to be heard; z' is of order one, however large or small the filters are. Where all channels
    have the same z, z' = 0. Not in the paper. `Tensor[C, k, k]` → `Tensor[C]`.
    """
    z = of(filters)
    return F.layer_norm(z, z.shape, eps=EPS)


def scale_free(filters: Tensor, *, of: Descriptor) -> Tensor:
    """Another descriptor of the filters' shapes alone: each filter is divided by the root mean square of its weights.

    The determinant becomes det D / (‖D‖ / k)^k with ‖D‖ the Frobenius norm: of 3×3 filters between ±5.2, which the
    multiples of orthogonal matrices reach. Filters of zeros stay zeros. Not in the paper.
    `Tensor[C, k, k]` → `Tensor[C]`.
    """
    return of(F.rms_norm(filters, filters.shape[-2:], eps=EPS))
