"""The side-by-side measurement, on tiny networks."""

import json
from pathlib import Path

import pytest
import torch

from aldsr.measure import ResultsError
from aldsr.measure.speed import BLOCKS, Measured, Task, Way, as_data, matmul_rate, read_figures, side_by_side

TINY = {"D": 1, "C": 1, "G": 4, "G0": 4}


@pytest.mark.slow
def test_networks_of_one_process_are_measured_in_turns() -> None:
    ways = [Way("ALD-RDN", "bf16-mixed", "channels-last", 2), Way("literal", "32-true", "contiguous")]
    jobs = [(ways[0], Task(TINY, batch=2, patch=4)), (ways[1], Task(TINY, batch=1, patch=8))]
    found = side_by_side(jobs, keep=True, runs=2, threads=1)
    assert [len(each.seconds) for each in found] == [2, 2]
    assert all(each.floor > 0 and min(each.seconds) > 0 for each in found)


def test_what_was_measured_is_plain_data() -> None:
    way, found = Way("RDN"), Measured([2.0, 1.0], None, 0.5)
    (record,) = json.loads(json.dumps(as_data({(way, False): [found, found]})))
    assert record["network"] == "RDN"
    assert record["keep_memory"] is False
    assert record["processes"] == [{"seconds": [2.0, 1.0], "peak_memory": None, "floor": 0.5}] * 2


@pytest.mark.parametrize("content", [None, "{", "[]", '{"sets": {}}'])
def test_a_file_without_figures_is_named(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "figures.json").write_text(content)
    with pytest.raises(ResultsError, match=r"figures\.json: (cannot be read as|holds no) figures of aldsr\.benchmark"):
        read_figures(tmp_path / "figures.json")


@pytest.mark.parametrize("network", [*BLOCKS, "literal"])
@pytest.mark.parametrize("batch", [0, 2])
def test_every_network_trains_and_upscales(network: str, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.measure.cost.OUTPUT", (32, 48))
    task = Task(TINY, batch=batch, patch=4)
    task.work(Way(network, "32-true"))()
    assert task.flops(Way(network).build(TINY)) > 0


def test_micro_batches_and_checkpointing_sum_to_the_gradient_of_the_batch() -> None:
    weights = {}
    for way in (Way("LDW-RDN", "32-true"), Way("LDW-RDN", "32-true", micro_batches=2, checkpoint=True)):
        torch.manual_seed(1)
        network = way.build(TINY)
        torch.manual_seed(2)
        Task(TINY, batch=4, patch=4)._training(network, way)()
        weights[way] = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
    whole, parts = weights.values()
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_operations_are_counted_forward_and_backward() -> None:
    network = Way("RDN").build(TINY)
    assert Task(TINY, batch=2, patch=10).flops(network) == pytest.approx(3 * 200 / 57600 * Task(TINY, 0).flops(network))


def test_the_median_of_the_runs_counts() -> None:
    assert Measured([3.0, 1.0, 2.0], None, 0.5).median == 2.0


def test_a_processor_multiplies_at_some_rate() -> None:
    assert matmul_rate("32-true", size=64) > 0
