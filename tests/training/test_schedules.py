"""Learning-rate schedules against rates computed by hand."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from aldsr.core.errors import OptionError
from aldsr.training import constant, cosine, halved, multistep

WARM = [0.0, 0.25, 0.5, 0.75]


def half_cosine(steps: int) -> list[float]:
    return [(1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (partial(halved, epochs=[2], steps_per_epoch=3), [1.0] * 6 + [0.5] * 4),
        (partial(halved, epochs=[2], steps_per_epoch=3, warmup_steps=4), [*WARM, 1.0, 1.0] + [0.5] * 4),
        (cosine, half_cosine(10)),
        (partial(cosine, warmup_steps=4), [*WARM, *half_cosine(6)]),
        (partial(multistep, milestones=[6, 8], gamma=0.1), [1.0] * 6 + [0.1] * 2 + [0.01] * 2),
        (partial(multistep, milestones=[2, 8], warmup_steps=4), [0.0, 0.25, 0.25, 0.375] + [0.5] * 4 + [0.25] * 2),
        (constant, [1.0] * 10),
        (partial(constant, warmup_steps=4), WARM + [1.0] * 6),
    ],
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


@pytest.mark.parametrize(
    "schedule",
    [
        *(partial(multistep, milestones=each) for each in ([10], [0, 5], [5, 5], [6, 5], [2.5], ["a"])),
        *(partial(each, warmup_steps=10) for each in (cosine, constant)),
        *(partial(constant, warmup_steps=each) for each in (-1, 2.5, "a")),
        partial(multistep, milestones=[5], gamma="a"),
    ],
)
def test_what_would_be_ignored_or_fail_later_is_refused(schedule: Callable[..., LRScheduler]) -> None:
    with pytest.raises(OptionError, match="schedule"):
        schedule(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0), 10)
