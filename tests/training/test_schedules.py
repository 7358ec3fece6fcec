"""Learning-rate schedules against their definitions."""

import math

import pytest
import torch
from torch import nn

from aldsr.training import cosine, halved
from aldsr.training.schedules import Schedule


def rates(schedule: Schedule, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = schedule(optimizer, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_halved_once_at_the_epoch() -> None:
    def schedule(optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
        return halved(optimizer, steps, epochs=[2], steps_per_epoch=3)

    assert rates(schedule, 9) == [1.0] * 6 + [0.5] * 3


def test_cosine_falls_from_the_rate_to_zero() -> None:
    found = rates(cosine, 10)
    assert found == pytest.approx([(1 + math.cos(math.pi * step / 10)) / 2 for step in range(10)])
