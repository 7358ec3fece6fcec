"""Which timing is chosen, from times that the tests make up, and once for real."""

from typing import Any

import pytest
import torch

from aldsr.nn import RDN
from aldsr.training import StepTiming, autotune, charbonnier
from aldsr.training.autotune import StepTimer

Settings = tuple[str, str, int]  # precision, layout, micro-batches
PLAINEST = ("32-true", "contiguous", 1)
FOUR_PARTS = ("32-true", "contiguous", 4)
GRAPH = ("", "", 0)  # any of them as a CUDA graph
BF16 = ("bf16-mixed", "channels-last", 8)


@pytest.fixture
def network() -> RDN:
    return RDN(D=1, C=1, G=4, G0=4, scale=2)


@pytest.mark.parametrize(
    ("options", "seconds", "chosen"),
    [
        ({}, {}, PLAINEST),
        ({}, {BF16: 0.96, FOUR_PARTS: 0.96}, PLAINEST),
        ({}, {BF16: 0.5}, BF16),
        ({"layouts": ["channels-last"]}, {}, ("32-true", "channels-last", 1)),
        ({}, {FOUR_PARTS: 0.5}, FOUR_PARTS),
        ({"batch_size": 6, "micro_batches": 3}, {}, ("32-true", "contiguous", 3)),
        ({"batch_size": 1}, {}, PLAINEST),
        ({"compiles": ["none", "graph"]}, {GRAPH: 0.96}, PLAINEST),
        ({"compiles": ["none", "graph"]}, {GRAPH: 0.5}, GRAPH),
    ],
    ids=["plainest", "noise", "bf16", "layout", "parts", "given-parts", "one-patch", "graph-noise", "graph"],
)
def test_the_plainest_setting_unless_another_saves_time(
    options: dict, seconds: dict[Settings, float], chosen: Settings, network: RDN, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`seconds` of a step are 1 where they are not given."""
    timed: list[Settings] = []

    def time_step(self: StepTimer, *settings: Any) -> StepTiming:
        *others, compile = settings
        timed.append(tuple(others))  # type: ignore[arg-type]
        return StepTiming(*others, seconds.get(GRAPH if compile == "graph" else tuple(others), 1.0), compile)

    monkeypatch.setattr(StepTimer, "time_step", time_step)
    given = {"batch_size": 16, "patch_size": 4, "precisions": ["32-true", "bf16-mixed"], **options}
    best = autotune(network, **given)[-1]
    found = best.precision, best.layout, best.micro_batches
    assert (GRAPH if best.compile == "graph" else found) == chosen
    assert all(given["batch_size"] % micro_batches == 0 for _, _, micro_batches in timed)
    if chosen == FOUR_PARTS:  # the whole batch, for which memory may be short, is not tried after 2 were slower
        assert [micro_batches for _, _, micro_batches in timed[4:]] == [8, 4, 2]


def test_network_and_random_state_stay_as_they_are_and_the_times_are_times(network: RDN) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.random.get_rng_state()
    computed: list[int] = []

    def loss(sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        computed.append(len(sr))
        return charbonnier(sr, hr)

    timings = autotune(network, loss=loss, batch_size=4, patch_size=4, precisions=("32-true", "bf16-mixed"))
    assert len(computed) == 3 * len(timings)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(timing.seconds > 0 for timing in timings)
    assert {timing.micro_batches for timing in timings} <= {1, 2, 4}
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert str(StepTiming("32-true", "contiguous", 4, 0.25)) == "32-true, contiguous, 4 micro-batches: 0.25 s a step"


def test_patches_of_several_sizes_are_timed_by_their_part_of_the_run_the_largest_first(
    network: RDN, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides: list[int] = []

    def time_runs(run: Any, device: torch.device) -> float:
        sides.append(run.args[0].shape[-1])
        return float(sides[-1])

    monkeypatch.setitem(autotune.__globals__, "time_runs", time_runs)
    (_, best) = autotune(network, batch_size=1, patch_size={8: 1, 4: 3}, precisions=["32-true"], layouts=["contiguous"])
    assert sides == [8, 4] * 2
    assert best.seconds == 8 / 4 + 4 * 3 / 4
