"""What EDSR and RCAN have in common: a residual body between the first features and the upscaler."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from aldsr.nn.upscaling import Residual, UPNet, Upscaler, conv3x3


class ResidualNetwork(Upscaler):
    """Head 3×3 → units of the body, of `n_feats` feature maps → 3×3 → + head → upscaler.

    Args:
        up: the width of the upscaler; None: `n_feats`.
        mean: of red, green and blue, subtracted before the network and added after it; None: none is. Not with a
            residual, which has the mean of its own.
        value_range: what the network computes in: 1 for [0, 1], 255 for [0, 255].

    Raises ValueError for a value that is not offered.
    """

    upsampling = "tail"

    def __init__(
        self,
        units: Iterable[nn.Module],
        *,
        n_feats: int,
        scale: int,
        residual: Residual,
        up: int | None,
        mean: Sequence[float] | None,
        value_range: int,
    ) -> None:
        super().__init__(scale, residual)
        if mean is not None and residual != "none":
            raise ValueError(f"mean must be None with residual={residual!r}, which has the mean of its own, got {mean}")
        if mean is not None and len(mean) != 3:
            raise ValueError(f"mean must be three numbers, of red, green and blue, got {mean}")
        if value_range not in (1, 255):
            raise ValueError(f"value_range must be 1 or 255, got {value_range}")
        self.value_range = value_range
        self.mean = (
            None if mean is None else nn.Buffer(torch.tensor([*map(float, mean)]).view(1, 3, 1, 1), persistent=False)
        )
        self.head = conv3x3(3, n_feats)
        self.body = nn.Sequential(*units, conv3x3(n_feats, n_feats))
        self.tail = UPNet(scale=scale, G=n_feats if up is None else up, G0=n_feats)
        self.adjust_first_weights()

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.head((x if self.mean is None else x - self.mean) * self.value_range)
        output: Tensor = self.tail(self.body(shallow) + shallow) / self.value_range
        return self.add_residual(output if self.mean is None else output + self.mean, x)
