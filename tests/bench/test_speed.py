"""Measuring in turns, on tiny networks, and the files of results."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aldsr.bench.records import read_benchmark
from aldsr.bench.speed import Job, OutOfMemoryError, matmul_rate, measure_in_turns, run_in_process
from aldsr.bench.tasks import BenchmarkCase, Task
from aldsr.evaluation.results import ResultsError
from tests.command import PATIENCE

TINY = {"D": 1, "C": 1, "G": 4, "G0": 4}


@pytest.mark.slow
def test_networks_of_one_process_are_measured_in_turns() -> None:
    jobs = [
        Job(BenchmarkCase("ALD-RDN", "bf16-mixed", "channels-last", 2), Task(TINY, batch=2, patch=4)),
        Job(BenchmarkCase("literal", "32-true", "contiguous"), Task(TINY, batch=1, patch=8)),
    ]
    found = measure_in_turns(jobs, keep_freed=True, runs=2)
    assert [len(each.seconds) for each in found] == [2, 2]
    assert all(each.floor > 0 and min(each.seconds) > 0 for each in found)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"sets": {}}'])
def test_a_file_without_results_is_named(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "speed.json").write_text(content)
    with pytest.raises(ResultsError, match=r"speed\.json"):
        read_benchmark(tmp_path / "speed.json")


def test_a_processor_multiplies_at_some_rate() -> None:
    assert matmul_rate("32-true", size=64) > 0


@pytest.mark.slow
def test_a_process_that_is_killed_is_a_lack_of_memory() -> None:
    with pytest.raises(OutOfMemoryError):
        run_in_process(os._exit, 9)


WAITING = """
import time
from aldsr.bench.speed import run_in_process

def wait():
    print("measuring", flush=True)
    time.sleep(3600)

if __name__ == "__main__":
    run_in_process(wait)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel reports the end of a parent")
def test_a_measurement_ends_with_the_command_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(WAITING)
    command = subprocess.Popen([sys.executable, tmp_path / "waiting.py"], stdout=subprocess.PIPE, text=True)
    assert command.stdout
    assert command.stdout.readline() == "measuring\n"
    command.kill()
    command.communicate(timeout=PATIENCE)  # its output ends with the last process that could write to it
