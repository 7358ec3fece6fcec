"""What is computed at every step of a training: the loss of a batch, and what its gradients depend on."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYOUTS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
Loss = Callable[[Tensor, Tensor], Tensor]
Sharing = Callable[[nn.Module], AbstractContextManager[Any]]


class TrainingStep(nn.Module):
    """Network and loss: LR and HR patches, `Tensor[B, 3, H, W]` and `Tensor[B, 3, sH, sW]` in [0, 1] → the loss.

    `loss` is a function of SR and HR, both float. `sharing` computes what several layers share, such as
    `GroupedAttention`; it is entered for the forward pass, and to be entered again, as `shared`, for the backward pass.
    """

    def __init__(
        self, network: nn.Module, *, loss: Loss = F.l1_loss, layout: torch.memory_format, sharing: Sharing | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.layout = layout
        self.sharing = sharing or (lambda network: nullcontext())
        self.shared: AbstractContextManager[Any] = nullcontext()

    def forward(self, lr: Tensor, hr: Tensor) -> Tensor:
        self.shared = self.sharing(self.network)
        with self.shared:
            sr: Tensor = self.network(lr.contiguous(memory_format=self.layout))
        return self.loss(sr.float(), hr)
