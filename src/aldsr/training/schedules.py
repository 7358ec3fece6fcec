"""Learning-rate schedules per optimizer step: `schedule(optimizer, total_steps)`."""

from collections.abc import Callable, Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR

Schedule = Callable[[Optimizer, int], LRScheduler]


def halved(
    optimizer: Optimizer, total_steps: int, *, epochs: Sequence[int], steps_per_epoch: int, gamma: float = 0.5
) -> LRScheduler:
    """Keep the rate constant and multiply it by gamma at the given epochs. ALDNet: once, at epoch 200 of 300."""
    return MultiStepLR(optimizer, [epoch * steps_per_epoch for epoch in epochs], gamma)


def cosine(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """Lower the optimizer's rate along half a cosine, to zero at the last step."""
    return CosineAnnealingLR(optimizer, total_steps)
