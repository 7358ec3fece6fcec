"""Filter descriptors: one number for each depthwise filter (ALDNet, §II-B and Table III).

A descriptor is any function of the filters `Tensor[C, k, k]` with result `z`, `Tensor[C]`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

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
