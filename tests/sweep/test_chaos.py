"""A sweep whose processes are killed at random moments, started again until it is done, is the sweep left in peace.

The short version belongs to the suite; the long one is run with `pytest -m chaos`.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from aldsr.train import train
from tests.command import run_command

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in Linux's /proc")

STARTING = 5.0  # seconds, within which a job on an idle machine has begun
SETTINGS = ["logger=wandb", "checkpoint_every=1", "trainer.max_steps=12", "study.name=chaos"]
ONE_JOB = ["model=ldw_rdn", "seed=choice(1)"]
SIX_JOBS = ["model=rdn,ldw_rdn,ald_rdn", "seed=1,2", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]


@pytest.mark.slow
def test_a_sweep_killed_twice_ends_as_if_left_in_peace(small: list[str], tmp_path: Path) -> None:
    check_chaos([*small, *ONE_JOB, *SETTINGS], tmp_path, kills=2, steps=(1, 5), seed=2)


@pytest.mark.chaos
def test_a_study_killed_twenty_times_ends_as_if_left_in_peace(small: list[str], tmp_path: Path) -> None:
    options = [each for each in small if each != "trainer=cpu"]
    check_chaos([*options, *SIX_JOBS, *SETTINGS], tmp_path, kills=24, steps=(-2, 5), seed=3)


def check_chaos(options: Sequence[str], folder: Path, *, kills: int, steps: tuple[int, int], seed: int) -> None:
    """Kill a sweep whenever it has made a random number of further steps, whatever time they take.

    Where that number is none or fewer, it is killed while it starts.
    """
    peace, chaos, moments, finished = folder / "peace", folder / "chaos", random.Random(seed), {}
    assert run_command(train, "-m", *options, f"run_dir={peace}") == 0
    for number in range(kills):
        further = moments.randint(*steps)
        delay, wanted = 0 if further > 0 else moments.uniform(0, STARTING), logged(chaos) + max(0, further)
        killed = kill_sweep([*options, f"run_dir={chaos}"], lambda wanted=wanted: logged(chaos) >= wanted, delay=delay)
        assert killed, f"the sweep was done after {number} kills; kill it earlier"
        for path in chaos.glob("*/results.json"):
            finished.setdefault(path, path.stat().st_mtime_ns)
    assert run_command(train, "-m", *options, f"run_dir={chaos}") == 0
    check_same_study(peace, chaos)
    for path, written in finished.items():
        assert path.stat().st_mtime_ns == written, f"{path} was made twice"
    assert not list(chaos.rglob("*.part"))


def check_same_study(peace: Path, chaos: Path) -> None:
    jobs = sorted(path.parent.name for path in peace.glob("*/results.json"))
    assert jobs
    assert sorted(path.name for path in chaos.iterdir()) == sorted(path.name for path in peace.iterdir())
    identities = set()
    for job in jobs:
        ours, theirs = (weights(study / job) for study in (chaos, peace))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs), f"{job}: other weights"
        assert (chaos / job / "log.csv").read_text() == (peace / job / "log.csv").read_text()
        identities.add((chaos / job / "wandb-id.txt").read_text())
    assert len(identities) == len(jobs)


def weights(run: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return state


def logged(study: Path) -> int:
    """Rows of all jobs' log.csv."""
    return sum(path.read_text().count("\n") - 1 for path in study.glob("*/log.csv"))


def kill_sweep(options: Sequence[str], when: Callable[[], bool], *, delay: float) -> bool:
    """Run a sweep and SIGKILL all its processes some seconds after something holds; whether it was still running."""
    command = [sys.executable, "-m", "aldsr.train", "-m", *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, start_new_session=True, **quiet)
    while process.poll() is None and not when():
        time.sleep(0.01)
    time.sleep(delay)
    kill_tree(process.pid)
    return process.wait() == -signal.SIGKILL


def kill_tree(root: int) -> None:
    """SIGKILL a process and all that it started, stopped first so that none starts another meanwhile."""
    tree = [root]
    for pid in tree:
        send(pid, signal.SIGSTOP)
        tree += children(pid)
    for pid in tree:
        send(pid, signal.SIGKILL)
    ends = time.monotonic() + 10
    while any(alive(pid) for pid in tree[1:]) and time.monotonic() < ends:
        time.sleep(0.02)


def send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def children(parent: int) -> list[int]:
    return [pid for pid, found, _ in processes() if found == parent]


def alive(pid: int) -> bool:
    return any(found == pid and state not in "ZX" for found, _, state in processes())


def processes() -> list[tuple[int, int, str]]:
    """Every process: its id, its parent's and its state."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append((int(stat.parent.name), int(parent), state))
    return found
