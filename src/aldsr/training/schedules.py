"""Schedules: the optimizer's rate at every step of a run of `total_steps`, with a linear warm-up from zero."""

import math
from collections.abc import Callable, Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, MultiStepLR

from aldsr.core.errors import OptionError


def cosine(optimizer: Optimizer, total_steps: int, *, warmup_steps: int = 0) -> LRScheduler:
    """Lower the rate along half a cosine, which begins after the warm-up, to zero at the last step."""
    if not warmup_steps:
        return CosineAnnealingLR(optimizer, total_steps)

    def curve(step: int) -> float:
        return (1 + math.cos(math.pi * max(0, step - warmup_steps) / (total_steps - warmup_steps))) / 2

    return _warm_up(optimizer, total_steps, warmup_steps, curve)


def halved(
    optimizer: Optimizer,
    total_steps: int,
    *,
    epochs: Sequence[int],
    steps_per_epoch: int,
    gamma: float = 0.5,
    warmup_steps: int = 0,
) -> LRScheduler:
    """Keep the rate constant and multiply it by gamma at the given epochs. ALDNet: once, at epoch 200 of 300."""
    return _multiply(optimizer, total_steps, [epoch * steps_per_epoch for epoch in epochs], gamma, warmup_steps)


def multistep(
    optimizer: Optimizer, total_steps: int, *, milestones: Sequence[int], gamma: float = 0.5, warmup_steps: int = 0
) -> LRScheduler:
    """Keep the rate constant and multiply it by gamma at the given steps, which count from the run's start."""
    whole = all(type(each) is int for each in milestones)
    if not whole or sorted({0, *milestones, total_steps}) != [0, *milestones, total_steps]:
        raise OptionError(
            f"schedule.milestones={milestones}: expected ascending steps inside the run, from 1 to {total_steps - 1}"
        )
    return _multiply(optimizer, total_steps, milestones, gamma, warmup_steps)


def constant(optimizer: Optimizer, total_steps: int, *, warmup_steps: int = 0) -> LRScheduler:
    """Keep the rate."""
    return _multiply(optimizer, total_steps, [], 1.0, warmup_steps)


def _multiply(
    optimizer: Optimizer, total_steps: int, milestones: Sequence[int], gamma: float, warmup_steps: int
) -> LRScheduler:
    if not all(isinstance(each, int | float) for each in (gamma, *milestones)):
        raise OptionError(f"schedule: gamma={gamma} and the milestones {milestones}: expected numbers")
    if not warmup_steps:
        return MultiStepLR(optimizer, milestones, gamma)
    return _warm_up(
        optimizer, total_steps, warmup_steps, lambda step: gamma ** sum(step >= each for each in milestones)
    )


def _warm_up(optimizer: Optimizer, total_steps: int, warmup_steps: int, curve: Callable[[int], float]) -> LRScheduler:
    """The rate of a step is a function of its number, so that a run can be continued or extended anywhere."""
    if type(warmup_steps) is not int or not 0 < warmup_steps < total_steps:
        raise OptionError(
            f"schedule.warmup_steps={warmup_steps}: expected whole steps, fewer than the run's {total_steps}, or 0"
        )
    return LambdaLR(optimizer, lambda step: min(1.0, step / warmup_steps) * curve(step))
