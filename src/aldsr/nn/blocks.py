"""The four convolution blocks of ALDNet, each a drop-in for "conv 3×3 → ReLU".

Hwang, Yu, Jung, Kim: Attention-aware Linear Depthwise Convolution for Single Image Super-Resolution.

    standard   conv k×k ────────────────────────────────→ ReLU     RDN (Zhang et al., CVPR 2018)
    DW         depthwise k×k → ReLU ─────→ pointwise 1×1 → ReLU     Fig. 1(a), without batch norm
    LDW        depthwise k×k ────────────→ pointwise 1×1 → ReLU     Fig. 1(b)
    ALD        depthwise k×k → × (1 + r) → pointwise 1×1 → ReLU     Fig. 2, eqs. 3–6

A block takes `Tensor[B, in_channels, H, W]` to `Tensor[B, out_channels, H, W]` and is made by
`block(in_channels, out_channels)`; further options are bound beforehand with `functools.partial`. `layer()`
gives what it computes as weights (see `layers`); a block of one's own does without, or gains an RDB without
copies, folding and collapsing by it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.nn.descriptors import Descriptor, determinant
from aldsr.nn.layers import Dense, Separable

ConvBlock = Callable[[int, int], nn.Module]


def same(kernel_size: int) -> int:
    """The padding with which a k×k convolution keeps the picture's size.

    Raises:
        ValueError: for an even k, with which none does.
    """
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and positive to keep the picture's size, got {kernel_size}")
    return kernel_size // 2


def depthwise(channels: int, kernel_size: int) -> nn.Conv2d:
    """One k×k filter per channel, biased."""
    return nn.Conv2d(channels, channels, kernel_size, padding=same(kernel_size), groups=channels)


def weights_of(*convolutions: nn.Module) -> list[Any]:
    """Weight and bias of each."""
    return [tensor for each in convolutions for tensor in (each.weight, each.bias)]


class StandardBlock(nn.Sequential):
    """Dense k×k convolution, then ReLU: the block of RDN itself."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3) -> None:
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=same(kernel_size))
        super().__init__(conv, nn.ReLU(inplace=True))

    def layer(self) -> Dense:
        """What is computed, as weights."""
        return Dense(*weights_of(self[0]))


class DWBlock(nn.Sequential):
    """Depthwise separable convolution with the "hasty ReLU" between its two halves (Fig. 1(a))."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3) -> None:
        super().__init__(
            depthwise(in_channels, kernel_size),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, out_channels, 1),
            nn.ReLU(inplace=True),
        )

    def layer(self) -> Separable:
        """What is computed, as weights."""
        return Separable._make((*weights_of(self[0], self[2]), True))


class LDWBlock(nn.Sequential):
    """Linear depthwise convolution: DW without the hasty ReLU (Fig. 1(b))."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3) -> None:
        super().__init__(
            depthwise(in_channels, kernel_size),
            nn.Conv2d(in_channels, out_channels, 1),
            nn.ReLU(inplace=True),
        )

    def layer(self) -> Separable:
        """What is computed, as weights."""
        return Separable(*weights_of(self[0], self[1]))


class FilterAttention(nn.Module):
    """Attention of a depthwise layer, computed from its filters alone (Fig. 3, eq. 3).

    r = σ(W_I · ReLU(W_D · z + b_D) + b_I) with z the descriptor of each filter; r does not depend on
    the picture. `Tensor[C, 1, k, k]` → `Tensor[C]`, each value in (0, 1).

    Args:
        channels: C, the number of filters.
        reduction: C over the hidden width, which is at least 1. The paper does not state it; 32 is
            what its Table IV implies (52,224 weights more per RDB than LDW).
        descriptor: what becomes of each k×k filter.
    """

    def __init__(self, channels: int, *, reduction: int, descriptor: Descriptor) -> None:
        super().__init__()
        if reduction < 1:
            raise ValueError(f"reduction must be at least 1, got {reduction}")
        hidden = max(1, channels // reduction)
        self.descriptor = descriptor
        self.squeeze = nn.Linear(channels, hidden)  # W_D, b_D
        self.excite = nn.Linear(hidden, channels)  # W_I, b_I

    def forward(self, filters: Tensor) -> Tensor:
        # A few hundred numbers: rounding them to bf16 would cost accuracy and save nothing.
        with torch.autocast(filters.device.type, enabled=False):
            return self.gate(self.descriptor(filters.squeeze(1)))

    def gate(self, z: Tensor) -> Tensor:
        """r of a descriptor's values (eq. 3). `Tensor[C]` → `Tensor[C]`."""
        return self.excite(F.relu(self.squeeze(z))).sigmoid()

    @torch.no_grad()
    def enliven(self, filters: Tensor) -> None:
        """Raise b_D until every hidden unit is at 1 or more for these filters: `Tensor[C, 1, k, k]`.

        r does not depend on the picture, so a unit that the ReLU stops is stopped for every picture and gets no
        gradient by which it could come back. From just above 0 many units are stopped in the first steps.
        """
        hidden = self.squeeze(self.descriptor(filters.squeeze(1)))
        self.squeeze.bias.add_(1 + F.relu(-hidden))


class ALDBlock(nn.Module):
    """Attention-aware linear depthwise convolution (Fig. 2, eqs. 3–6).

    Eqs. 4–6 scale feature map c by (1 + r_c). Because r depends on the filters only, scaling filter
    and bias c by (1 + r_c) gives the same output and the same gradients, and no attention-scaled
    feature map is ever computed or kept for the backward pass.

    Args:
        in_channels, out_channels: of the block; there are `in_channels` depthwise filters.
        kernel_size: k, odd.
        reduction, descriptor: of the attention, see `FilterAttention`.
        live: beyond the paper: whether every hidden unit starts alive (see `FilterAttention.enliven`). No random
            number more or less is drawn.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 3,
        reduction: int = 32,
        descriptor: Descriptor = determinant,
        live: bool = False,
    ) -> None:
        super().__init__()
        self.depthwise = depthwise(in_channels, kernel_size)
        self.attention = FilterAttention(in_channels, reduction=reduction, descriptor=descriptor)
        if live:
            self.attention.enliven(self.depthwise.weight)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)

    def layer(self) -> Separable:
        """What is computed, as weights: those of the depthwise layer, times (1 + r)."""
        filters, bias, *pointwise = weights_of(self.depthwise, self.pointwise)
        scale = 1 + self.attention(filters)
        return Separable(filters * scale.view(-1, 1, 1, 1), bias * scale, *pointwise)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias, *_ = self.layer()
        features = F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2, groups=len(weight))
        return F.relu(self.pointwise(features), inplace=True)
