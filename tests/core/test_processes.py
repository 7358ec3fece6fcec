"""Processes that do not outlive the one that started them."""

import os
import signal
import subprocess
import sys

import pytest

from aldsr.core import processes
from aldsr.core.processes import LAUNCHER
from tests.command import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel tells of a parent's end")

# The module alone, since a process that imports all of aldsr takes seconds.
ALONE = f"""
import importlib.util, os, signal, subprocess, sys, time
spec = importlib.util.spec_from_file_location("processes", {processes.__file__!r})
processes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(processes)
"""
CHILD = ALONE + f"processes.end_with_launcher(); print(os.environ.get({LAUNCHER!r}), flush=True); time.sleep(600)"
PARENT = """
import os, subprocess, sys
environment = os.environ | {sys.argv[2]: str(os.getpid())}
subprocess.run([sys.executable, "-c", sys.argv[1]], env=environment)
"""


def test_a_job_dies_when_its_launcher_is_killed() -> None:
    """The child inherits the pipe, so that the pipe ends when both have, but not the launcher's id."""
    with subprocess.Popen([sys.executable, "-c", PARENT, CHILD, LAUNCHER], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "None\n"
        parent.kill()
        assert parent.communicate(timeout=PATIENCE)[0] == ""


def test_a_job_whose_launcher_has_gone_already_dies_at_once() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    environment = os.environ | {LAUNCHER: str(gone.pid)}
    done = subprocess.run([sys.executable, "-c", CHILD], env=environment, capture_output=True, timeout=PATIENCE)
    assert done.returncode == -signal.SIGTERM
    assert done.stdout == b""


def test_the_signal_is_the_one_asked_for() -> None:
    code = ALONE + "processes.end_with_parent(1, signal.SIGUSR2); time.sleep(600)"
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == -signal.SIGUSR2
