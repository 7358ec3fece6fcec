"""Ranks of one machine, and the machines that SLURM has allocated."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from aldsr.core.errors import OptionError, UserError
from aldsr.core.signals import STOP_SIGNALS
from aldsr.sweep.launch import Nodes, RankError, RankKilledError, find_nodes, launch

PATIENCE = 600  # seconds; not that of tests.command: the ranks import this file by itself


@pytest.mark.parametrize(
    ("hosts", "first"),
    [("n1,n2", "n1"), ("gpu[07-08]", "gpu07"), ("gpu[07-09,12],cpu1", "gpu07"), ("r[1,3]-gpu,x", "r1-gpu")],
)
def test_slurm_names_the_nodes(hosts: str, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    allocated = {"NNODES": "2", "JOB_ID": "1042", "JOB_NODELIST": hosts, "NODEID": "1"}
    for name, value in allocated.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert find_nodes(2) == Nodes(2, 1, f"{first}:29442", "1042-0")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "3")
    assert find_nodes(2).run_id == "1042-3"
    with pytest.raises(OptionError, match=r"trainer\.num_nodes=3"):
        find_nodes(3)
    monkeypatch.setenv("SLURM_JOB_NODELIST", "")
    with pytest.raises(OptionError, match="SLURM_JOB_NODELIST"):
        find_nodes(2)


def test_one_node_needs_no_slurm_and_several_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_NNODES", raising=False)
    assert find_nodes(1)[:3] == (1, 0, "localhost:0")
    with pytest.raises(OptionError, match=r"trainer\.num_nodes=2"):
        find_nodes(2)


def write_rank(folder: Path) -> None:
    if "RANK" in os.environ:  # its main thread runs no handler, such as Lightning's, which waits for other ranks
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= set(STOP_SIGNALS)
    (folder / os.environ.get("RANK", "alone")).write_text(f"{os.environ.get('WORLD_SIZE')} {torch.get_num_threads()}")


def fail_on_rank_1(kind: str) -> None:
    if os.environ["RANK"] == "0":
        time.sleep(PATIENCE)
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    raise {"bug": ValueError, "mistake": UserError}[kind]("rank one\nfails")


def print_and_wait() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which torch would send; a rank that waits for others ignores it
    print("lives", flush=True)
    time.sleep(PATIENCE)


@pytest.mark.slow
def test_two_ranks_share_the_cores(tmp_path: Path) -> None:
    launch(write_rank, tmp_path, ranks=2, share_cpu=True)
    threads = max(1, (os.cpu_count() or 1) // 2)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"0": f"2 {threads}", "1": f"2 {threads}"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "error", "message", "status"),
    [
        ("bug", RankError, r"rank 1 failed: ValueError: rank one\nfails\nTraceback", None),
        ("mistake", UserError, "rank one fails", 2),
        ("killed", RankKilledError, "rank 1 was killed by SIGKILL", 137),
    ],
)
def test_a_rank_that_fails_ends_the_others_and_gives_its_error(
    kind: str, error: type[Exception], message: str, status: int | None
) -> None:
    with pytest.raises(error, match=message) as caught:
        launch(fail_on_rank_1, kind, ranks=2, share_cpu=True)
    assert getattr(caught.value, "status", None) == status


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel tells of a parent's end")
def test_ranks_die_with_a_launching_process_that_is_killed() -> None:
    """They inherit the pipe, so that it ends when all of them have."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_launch import launch, print_and_wait; launch(print_and_wait, ranks=2, share_cpu=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        assert [launcher.stdout.readline() for _ in range(2)] == ["lives\n"] * 2
        launcher.kill()
        assert launcher.communicate(timeout=PATIENCE)[0] == ""
