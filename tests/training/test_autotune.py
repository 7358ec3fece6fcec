"""What is chosen for training, from times that the tests make up, and once for real."""

from typing import Any

import pytest
import torch

from aldsr.nn import RDN
from aldsr.training import autotune
from aldsr.training.autotune import _Measure


def network() -> RDN:
    torch.manual_seed(0)
    return RDN(D=1, C=1, G=4, G0=4, scale=2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str, int], float]:
    """Seconds of a step by (precision, layout, micro-batches); absent: 1."""
    seconds: dict[tuple[str, str, int], float] = {}
    tried: list[int] = []

    def call(self: _Measure, precision: str, layout: str, micro_batches: int) -> Any:
        from aldsr.training import StepTiming

        tried.append(micro_batches)
        return StepTiming(precision, layout, micro_batches, seconds.get((precision, layout, micro_batches), 1.0))

    monkeypatch.setattr(_Measure, "__call__", call)
    seconds["tried"] = tried  # type: ignore[index, assignment]
    return seconds


def best(**options: Any) -> tuple[str, str, int]:
    given = {"batch_size": 16, "patch_size": 4, "precisions": ("32-true", "bf16-mixed")} | options
    pace = autotune(network(), **given)[-1]
    return pace.precision, pace.layout, pace.micro_batches


def test_where_nothing_is_faster_the_plainest_way_is_taken(clock: dict) -> None:
    assert best() == ("32-true", "contiguous", 1)


def test_a_gain_that_noise_could_make_does_not_count(clock: dict) -> None:
    clock["bf16-mixed", "channels-last", 8] = 0.96
    clock["32-true", "contiguous", 4] = 0.96
    assert best() == ("32-true", "contiguous", 1)


def test_a_faster_precision_and_layout_are_taken(clock: dict) -> None:
    clock["bf16-mixed", "channels-last", 8] = 0.5
    assert best()[:2] == ("bf16-mixed", "channels-last")
    assert best(precisions=("32-true",))[0] == "32-true"
    assert best(layouts=("contiguous",))[1] == "contiguous"


def test_faster_micro_batches_are_taken_and_slower_larger_ones_are_not_tried_further(clock: dict) -> None:
    clock["32-true", "contiguous", 4] = 0.5
    clock["tried"].clear()
    assert best() == ("32-true", "contiguous", 4)
    assert clock["tried"][4:] == [8, 4, 2]  # not the whole batch, whose memory may not be there


def test_micro_batches_divide_the_batch(clock: dict) -> None:
    clock["tried"].clear()
    assert best(batch_size=6) == ("32-true", "contiguous", 1)
    assert all(6 % number == 0 for number in clock["tried"])
    assert best(micro_batches=[3], batch_size=6)[2] == 3
    assert best(batch_size=1)[2] == 1


def test_the_network_stays_as_it_is_and_the_times_are_times() -> None:
    measured = network()
    before = {name: value.clone() for name, value in measured.state_dict().items()}
    paces = autotune(measured, batch_size=4, patch_size=4, precisions=("32-true", "bf16-mixed"))
    assert all(pace.seconds > 0 for pace in paces)
    assert {pace.micro_batches for pace in paces} <= {1, 2, 4}
    assert all(torch.equal(value, before[name]) for name, value in measured.state_dict().items())
    assert all(parameter.grad is None for parameter in measured.parameters())
    assert str(paces[-1]).endswith(" s a step")
