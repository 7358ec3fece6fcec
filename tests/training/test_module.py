"""Learning-rate schedules against their definitions."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from aldsr.training import cosine, halved


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (partial(halved, epochs=[2], steps_per_epoch=3), [1.0] * 6 + [0.5] * 4),
        (cosine, [(1 + math.cos(math.pi * step / 10)) / 2 for step in range(10)]),
    ],
    ids=["halved", "cosine"],
)
def test_rates(schedule: Callable[..., LRScheduler], expected: list[float]) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = schedule(optimizer, len(expected))
    rates = []
    for _ in expected:
        rates += scheduler.get_last_lr()
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx(expected)
