"""What a block computes, as plain weights: the two kinds of layer that the four blocks come down to.

A block offers its own by `layer()`. ALD's attention is in the weights by then, so that an RDB (see
`buffered`), folding and collapsing need not know of it.
"""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.nn.kernels import cpu as depthwise


class Dense(NamedTuple):
    """Convolution k×k → ReLU. `weight` `Tensor[G, K, k, k]`, `bias` `Tensor[G]`."""

    weight: Tensor
    bias: Tensor


class Separable(NamedTuple):
    """Depthwise k×k (→ ReLU, if hasty) → pointwise 1×1 → ReLU.

    `depthwise` `Tensor[K, 1, k, k]`, `depthwise_bias` `Tensor[K]`, `pointwise` `Tensor[G, K, 1, 1]`,
    `pointwise_bias` `Tensor[G]`.
    """

    depthwise: Tensor
    depthwise_bias: Tensor
    pointwise: Tensor
    pointwise_bias: Tensor
    hasty: bool = False

    @property
    def growth(self) -> int:
        """Channels that come out."""
        return len(self.pointwise)

    @property
    def halo(self) -> int:
        """Pixels that an output pixel sees to each side."""
        return self.depthwise.shape[-1] // 2

    def features(self, x: Tensor, rows: slice) -> Tensor:
        """What the pointwise convolution is given: `Tensor[B, H, W, K]` → `Tensor[B, rows, W, K]`."""
        return depthwise.convolve(x, self.depthwise, self.depthwise_bias, rows=rows, relu=self.hasty)

    def rows(self, x: Tensor, rows: slice) -> Tensor:
        """Some of a picture's rows, before the ReLU: `Tensor[B, H, W, K]` → `Tensor[B, rows, W, G]`."""
        return F.linear(self.features(x, rows), self.pointwise.flatten(1), self.pointwise_bias)


Layer = Dense | Separable


def offers_layer(module: nn.Module) -> bool:
    """Whether a module is a block that says by `layer()` what it computes; a part that is called so does not count."""
    return callable(getattr(type(module), "layer", None))
