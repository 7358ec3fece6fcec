"""Measuring in turns, on tiny networks, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aldsr.bench.speed import LITERAL, Group, OutOfMemoryError, measure_in_turns, run_in_process
from aldsr.bench.tasks import BenchmarkCase, Task
from tests.command import PATIENCE

TINY = {"D": 1, "C": 1, "G": 4, "G0": 4}
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
def test_networks_of_one_process_are_measured_in_turns() -> None:
    ours = BenchmarkCase("ALD-RDN", "bf16-mixed", "channels-last", 2)
    group = Group([(ours, Task(TINY, batch=2, patch=4)), (LITERAL, Task(TINY, batch=1, patch=8))])
    for found in run_in_process(measure_in_turns, group, 1, 2):
        assert len(found["seconds"]) == 2
        assert min(*found["seconds"], found["floor"]) > 0


@pytest.mark.slow
def test_a_process_that_is_killed_is_a_lack_of_memory() -> None:
    with pytest.raises(OutOfMemoryError):
        run_in_process(os._exit, 9)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel reports the end of a parent")
def test_a_measurement_ends_with_the_command_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(WAITING)
    command = subprocess.Popen([sys.executable, tmp_path / "waiting.py"], stdout=subprocess.PIPE, text=True)
    assert command.stdout
    assert command.stdout.readline() == "measuring\n"
    command.kill()
    command.communicate(timeout=PATIENCE)  # its output ends with the last process that could write to it
