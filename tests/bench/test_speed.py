"""The side-by-side measurement, on tiny networks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from aldsr.bench.speed import Measured, as_data, matmul_rate, read_figures, side_by_side
from aldsr.bench.tasks import Task, Way
from aldsr.evaluation.results import ResultsError
from tests.command import PATIENCE

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


def test_the_median_of_the_runs_counts() -> None:
    assert Measured([3.0, 1.0, 2.0], None, 0.5).median == 2.0


def test_a_processor_multiplies_at_some_rate() -> None:
    assert matmul_rate("32-true", size=64) > 0


STAYING = """
import time
from aldsr.bench.speed import in_a_process

def stay():
    print("measuring", flush=True)
    time.sleep(3600)

if __name__ == "__main__":
    in_a_process(stay)
"""


@pytest.mark.slow
def test_a_measurement_ends_with_the_command_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "staying.py").write_text(STAYING)
    command = subprocess.Popen([sys.executable, tmp_path / "staying.py"], stdout=subprocess.PIPE, text=True)
    assert command.stdout
    assert command.stdout.readline() == "measuring\n"
    command.kill()
    command.communicate(timeout=PATIENCE)  # its output ends with the last process that could write to it
