"""A sweep whose processes are killed at random moments, started again until it is done, is the sweep left in peace.

The short version belongs to the suite; the long one is run with `pytest -m chaos`.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in Linux's /proc")

LOCKED_UP = 300  # seconds after which a sweep counts as hanging
SETTINGS = ["logger=wandb", "checkpoint_every=1", "trainer.max_steps=12", "study.name=chaos"]
ONE_JOB = ["model=ldw_rdn", "seed=choice(1)"]
SIX_JOBS = ["model=rdn,ldw_rdn,ald_rdn", "seed=1,2", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]


def test_a_sweep_killed_three_times_ends_as_if_left_in_peace(small: list[str], tmp_path: Path) -> None:
    check_chaos([*small, *ONE_JOB, *SETTINGS], tmp_path, kills=3, least=2, latest=0.8, seed=2)


@pytest.mark.chaos
def test_a_study_killed_twenty_times_ends_as_if_left_in_peace(small: list[str], tmp_path: Path) -> None:
    options = [each for each in small if each != "trainer=cpu"]
    check_chaos([*options, *SIX_JOBS, *SETTINGS], tmp_path, kills=24, least=20, latest=1.4, seed=3)


def check_chaos(options: Sequence[str], folder: Path, *, kills: int, least: int, latest: float, seed: int) -> None:
    peace, chaos, began = folder / "peace", folder / "chaos", time.monotonic()
    assert sweep([*options, f"run_dir={peace}"]) == 0
    job = (time.monotonic() - began) / len(list(peace.glob("*/results.json")))  # seconds
    moments, finished, made = random.Random(seed), {}, 0
    while made < kills:
        status = sweep([*options, f"run_dir={chaos}"], killed_after=job * moments.uniform(0.3, latest))
        made += status != 0
        for path in chaos.glob("*/results.json"):
            finished.setdefault(path, path.stat().st_mtime_ns)
        if status == 0:
            break
    assert sweep([*options, f"run_dir={chaos}"]) == 0
    assert made >= least, f"the sweep was done after {made} kills; kill it earlier"
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
        (identity,) = {path.name.rpartition("-")[2] for path in (chaos / job / "wandb").glob("offline-run-*")}
        identities.add(identity)
    assert len(identities) == len(jobs)


def weights(run: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return state


def sweep(options: Sequence[str], *, killed_after: float | None = None) -> int:
    """Run a sweep; SIGKILL all its processes after some seconds."""
    command = [sys.executable, "-m", "aldsr.train", "-m", *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} if killed_after else {}
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, start_new_session=True, **quiet)
    try:
        return process.wait(killed_after or LOCKED_UP)
    except subprocess.TimeoutExpired:
        kill_tree(process.pid)
        process.wait()
        if killed_after is None:
            raise
        return -signal.SIGKILL


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
