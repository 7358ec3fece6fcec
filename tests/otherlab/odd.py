"""Networks of two weights that multiply an image and repeat its pixels, each with a habit of its own."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Repeat(nn.Module):
    """The plain one: RGB in [0, 1]."""

    def __init__(self, scale: int = 2, activation: Callable[[], nn.Module] = nn.Identity) -> None:
        super().__init__()
        self.hyperparameters = {"scale": scale, "activation": activation, "constant": 3}
        self.scale, self.activation = scale, activation()
        self.gain, self.bias = nn.Parameter(torch.tensor(0.5)), nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor) -> Any:
        pixels = self.activation(x * self.gain + self.bias).repeat_interleave(self.scale, -1)
        return pixels.repeat_interleave(self.scale, -2)


class Windows(Repeat):
    """In windows of 8x8 pixels."""

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        windows = x.contiguous().view(batch, channels, height // 8, 8, width // 8, 8)
        return super().forward(windows.reshape(batch, channels, height, width))


class Bytes(Repeat):
    """Takes and gives BGR in 0..255."""

    def forward(self, x: Tensor) -> Tensor:
        colours = torch.tensor([0.2, 0.4, 0.6], device=x.device).view(3, 1, 1)  # B, G, R
        return 255 * super().forward(x / 255) * colours


class Several(Repeat):
    """Gives a list, as networks with several outputs do."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [super().forward(x), x]


class View(Repeat):
    """Fails on tensors in channels-last layout."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.view(len(x), -1).view(x.shape))


def settings(scale: int = 2) -> dict[str, int]:
    """No network."""
    return {"scale": scale}
