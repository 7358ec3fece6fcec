"""Attention-aware linear depthwise convolution, the contribution of ALDNet (Hwang et al., Figs. 2 and 3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.nn.blocks.standard import same_conv
from aldsr.nn.descriptors import Descriptor, determinant
from aldsr.nn.layers import Separable, depthwise_features, make_activation, weights_and_biases

# Filters and r of the attentions that were computed together, while a `GroupedAttention` is entered.
GIVEN: dict[nn.Module, tuple[Tensor, Tensor]] = {}


class FilterAttention(nn.Module):
    """Attention of a depthwise layer, computed from its filters alone (Fig. 3, eq. 3).

    r = σ(W_I · ReLU(W_D · z + b_D) + b_I), where z is the descriptor of each filter; r does not depend on the image.
    `Tensor[C, 1, k, k]` → `Tensor[C]`, each value in (0, 1). `reduction` is C, the number of filters, divided by the
    hidden width, which is at least 1. The paper does not state it; 32 is what its Table IV implies (52,224 weights more
    per RDB than LDW).
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
        if GIVEN and (given := GIVEN.get(self)) and given[0].is_set_to(filters):  # the same numbers in memory
            return given[1]
        # A few hundred numbers: rounding them to bf16 would cost accuracy and save nothing.
        with torch.autocast(filters.device.type, enabled=False):
            return self.gate(self.descriptor(filters.squeeze(1)))

    def gate(self, z: Tensor) -> Tensor:
        """r for the values of a descriptor (eq. 3). `Tensor[C]` → `Tensor[C]`."""
        return self.excite(F.relu(self.squeeze(z))).sigmoid()

    @torch.no_grad()
    def activate_hidden_units(self, filters: Tensor) -> None:
        """Raise b_D until every hidden unit is at 1 or more for these filters, `Tensor[C, 1, k, k]`.

        r does not depend on the image, so a unit that the ReLU stops is stopped for every image and gets no gradient
        to recover by. A unit that starts just above 0 is often stopped in the first steps, hence the margin of 1.
        """
        hidden = self.squeeze(self.descriptor(filters.squeeze(1)))
        self.squeeze.bias.add_(1 + F.relu(-hidden))


class ALDBlock(nn.Module):
    """Attention-aware linear depthwise convolution (Fig. 2, eqs. 3–6).

    Eqs. 4–6 scale feature map c by (1 + r_c). Because r depends on the filters only, scaling filter and bias c by
    (1 + r_c) gives the same output and the same gradients, without computing a scaled feature map or keeping it for
    the backward pass.

    `reduction` and `descriptor` are those of `FilterAttention`. `live`, not in the paper, starts with every hidden unit
    active (see `FilterAttention.activate_hidden_units`); the same random numbers are drawn either way. `frozen`, not in
    the paper, does not train the attention: without a descriptor, r stays what it was drawn as.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 3,
        activation: str = "relu",
        reduction: int = 32,
        descriptor: Descriptor = determinant,
        live: bool = False,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.depthwise = same_conv(in_channels, in_channels, kernel_size, groups=in_channels)
        self.attention = FilterAttention(in_channels, reduction=reduction, descriptor=descriptor)
        self.attention.requires_grad_(not frozen)
        self.live = live
        self.adjust_first_weights()
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)
        self.activation = make_activation(activation)

    def adjust_first_weights(self) -> None:
        """Apply `live` to the weights that were drawn."""
        if self.live:
            self.attention.activate_hidden_units(self.depthwise.weight)

    def layer(self) -> Separable:
        """What the block computes, as weights: those of the depthwise layer are multiplied by (1 + r)."""
        filters, bias, *pointwise = weights_and_biases(self.depthwise, self.pointwise)
        scale = 1 + self.attention(filters)
        weights = filters * scale.view(-1, 1, 1, 1), bias * scale, *pointwise
        return Separable._make((*weights, False, self.activation))

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.pointwise(depthwise_features(x, self.layer())))
