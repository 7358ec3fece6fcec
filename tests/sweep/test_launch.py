"""Ranks of one machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from aldsr.core.errors import UserError
from aldsr.sweep.launch import RankError, launch

PATIENCE = 600  # seconds; not that of tests.command: the ranks import this file by itself


def write_rank(config: dict[str, Any]) -> None:
    rank = os.environ.get("RANK", "alone")
    Path(config["folder"], rank).write_text(f"{os.environ.get('WORLD_SIZE', 1)} {torch.get_num_threads()}")


def kill_rank_1(config: dict[str, Any]) -> None:
    if os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)


def print_and_wait(config: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which torch would send; a rank that waits for others ignores it
    print("lives", flush=True)
    time.sleep(600)


def fail_on_rank_1(config: dict[str, Any]) -> None:
    if os.environ["RANK"] == "1":
        raise {"bug": ValueError, "mistake": UserError}[config["kind"]]("rank one\nfails")


def test_one_rank_stays_in_this_process(tmp_path: Path) -> None:
    launch(write_rank, {"folder": str(tmp_path)}, ranks=1, share_cpu=True)
    assert [path.name for path in tmp_path.iterdir()] == ["alone"]


@pytest.mark.slow
def test_two_ranks_share_the_cores(tmp_path: Path) -> None:
    launch(write_rank, {"folder": str(tmp_path)}, ranks=2, share_cpu=True)
    threads = max(1, (os.cpu_count() or 1) // 2)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"0": f"2 {threads}", "1": f"2 {threads}"}


@pytest.mark.slow
def test_a_bug_on_a_rank_is_a_rank_error() -> None:
    with pytest.raises(RankError, match="rank 1 failed: ValueError: rank one\nfails") as caught:
        launch(fail_on_rank_1, {"kind": "bug"}, ranks=2, share_cpu=True)
    assert caught.value.signal == 0
    assert "Traceback" in str(caught.value)


@pytest.mark.slow
def test_a_mistake_of_the_user_on_a_rank_is_a_user_error() -> None:
    with pytest.raises(UserError, match="rank one fails"):
        launch(fail_on_rank_1, {"kind": "mistake"}, ranks=2, share_cpu=True)


@pytest.mark.slow
def test_a_killed_rank_gives_its_signal_and_ends_the_others() -> None:
    with pytest.raises(RankError, match="rank 1 failed: ") as caught:
        launch(kill_rank_1, {}, ranks=2, share_cpu=True)
    assert caught.value.signal == signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel tells of a parent's end")
def test_ranks_die_with_a_launching_process_that_is_killed() -> None:
    """They inherit the pipe, so that it ends when all of them have."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_launch import launch, print_and_wait; launch(print_and_wait, {}, ranks=2, share_cpu=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        assert [launcher.stdout.readline() for _ in range(2)] == ["lives\n"] * 2
        launcher.kill()
        assert launcher.communicate(timeout=PATIENCE)[0] == ""
