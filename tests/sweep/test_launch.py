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

from aldsr.sweep.launch import RankError, launch

PATIENCE = 600  # seconds; not that of tests.command: the ranks import this file by itself


def leave_a_note(config: dict[str, Any]) -> None:
    rank = os.environ.get("RANK", "alone")
    Path(config["folder"], rank).write_text(f"{os.environ.get('WORLD_SIZE', 1)} {torch.get_num_threads()}")


def killed_on_rank_1(config: dict[str, Any]) -> None:
    if os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)


def speak_and_wait(config: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which torch would send; a rank that waits for others is deaf to it
    print("lives", flush=True)
    time.sleep(600)


def fail_on_rank_1(config: dict[str, Any]) -> None:
    if os.environ["RANK"] == "1":
        raise ValueError("rank one has had enough")


def test_one_rank_stays_in_this_process(tmp_path: Path) -> None:
    launch(leave_a_note, {"folder": str(tmp_path)}, ranks=1, share_cpu=True)
    assert [path.name for path in tmp_path.iterdir()] == ["alone"]


@pytest.mark.slow
def test_two_ranks_share_the_cores(tmp_path: Path) -> None:
    launch(leave_a_note, {"folder": str(tmp_path)}, ranks=2, share_cpu=True)
    threads = max(1, (os.cpu_count() or 1) // 2)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"0": f"2 {threads}", "1": f"2 {threads}"}


@pytest.mark.slow
def test_a_failed_rank_is_named_with_its_words() -> None:
    with pytest.raises(RankError, match="rank 1 failed: ValueError: rank one has had enough") as caught:
        launch(fail_on_rank_1, {}, ranks=2, share_cpu=True)
    assert (caught.value.kind, caught.value.said) == ("ValueError", "rank one has had enough")


@pytest.mark.slow
def test_a_killed_rank_is_named_with_its_signal_and_ends_the_others() -> None:
    with pytest.raises(RankError, match="rank 1 failed: ") as caught:
        launch(killed_on_rank_1, {}, ranks=2, share_cpu=True)
    assert (caught.value.signal, caught.value.kind) == (signal.SIGKILL, "")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel tells of a parent's end")
def test_ranks_die_with_a_launching_process_that_is_killed() -> None:
    """They inherit the pipe, so that it ends when all of them have."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_launch import launch, speak_and_wait; launch(speak_and_wait, {}, ranks=2, share_cpu=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        assert [launcher.stdout.readline() for _ in range(2)] == ["lives\n"] * 2
        launcher.kill()
        assert launcher.communicate(timeout=PATIENCE)[0] == ""
