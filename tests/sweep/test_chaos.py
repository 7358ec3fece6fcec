"""A sweep that is killed at random moments and restarted until it is done ends as if it had never been killed.

The short version is part of the suite; run the long one with `pytest -m chaos`.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from aldsr.train import train
from tests.command import PATIENCE, run_command
from tests.stopping import check_same_weights, in_ranks, wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in Linux's /proc")

START_UP = 5.0  # seconds, within which a job on an idle machine has begun
SETTINGS = ["logger=wandb", "checkpoint_every=1", "trainer.max_steps=12", "study.name=chaos"]
ONE_JOB = ["model=ldw_rdn", "seed=choice(1)", "data.num_workers=1", "hydra/launcher=basic"]
SIX_JOBS = ["model=rdn,ldw_rdn,ald_rdn", "seed=1,2", "data.num_workers=2"]
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL]


@pytest.mark.slow
def test_a_sweep_killed_twice_ends_as_if_never_killed(small: list[str], tmp_path: Path) -> None:
    check_chaos([*small, *ONE_JOB, *SETTINGS], tmp_path, kills=2, steps=(1, 5), seed=2)


@pytest.mark.slow
@pytest.mark.chaos
def test_a_study_killed_twenty_times_ends_as_if_never_killed(small: list[str], tmp_path: Path) -> None:
    options = [*in_ranks(small), *SIX_JOBS, *SETTINGS, "trainer.max_steps=16"]
    check_chaos(options, tmp_path, kills=24, steps=(-2, 5), seed=3)


def check_chaos(options: Sequence[str], folder: Path, *, kills: int, steps: tuple[int, int], seed: int) -> None:
    """Kill a sweep by one signal after another after a random number of further steps; 0 or fewer: at once."""
    calm, chaos, randoms, finished = folder / "calm", folder / "chaos", random.Random(seed), {}
    assert run_command(train, "-m", *options, f"run_dir={calm}") == 0
    for number in range(kills):
        further = randoms.randint(*steps)
        delay, wanted = 0 if further > 0 else randoms.uniform(0, START_UP), logged(chaos) + max(0, further)
        kind, start = SIGNALS[(seed + number) % len(SIGNALS)], time.monotonic()
        kill_sweep([*options, f"run_dir={chaos}"], kind, lambda wanted=wanted: logged(chaos) >= wanted, delay=delay)
        print(f"{number}: {kind.name} at {logged(chaos)} rows, {time.monotonic() - start:.1f} s")
        for path in chaos.glob("*/results.json"):
            finished.setdefault(path, path.stat().st_mtime_ns)
    assert run_command(train, "-m", *options, f"run_dir={chaos}") == 0
    check_same_study(calm, chaos)
    for path, written in finished.items():
        assert path.stat().st_mtime_ns == written, f"{path} was made twice"
    assert not list(chaos.rglob("*.part"))


def check_same_study(calm: Path, chaos: Path) -> None:
    jobs = sorted(path.parent.name for path in calm.glob("*/results.json"))
    assert jobs
    assert sorted(path.name for path in chaos.iterdir()) == sorted(path.name for path in calm.iterdir())
    wandb_ids = set()
    for job in jobs:
        check_same_weights(chaos / job, calm / job)
        assert (chaos / job / "log.csv").read_text() == (calm / job / "log.csv").read_text()
        (wandb_id,) = {path.name.rpartition("-")[2] for path in (chaos / job / "wandb").glob("offline-run-*")}
        wandb_ids.add(wandb_id)
    assert len(wandb_ids) == len(jobs)


def logged(study: Path) -> int:
    """Rows of all jobs' log.csv."""
    return sum(path.read_text().count("\n") - 1 for path in study.glob("*/log.csv"))


def kill_sweep(options: Sequence[str], kind: signal.Signals, when: Callable[[], bool], *, delay: float) -> None:
    """Kill a sweep and all its processes some seconds after something holds."""
    command = [sys.executable, "-m", "aldsr.train", "-m", *options]
    mark, output = secrets.token_hex(16), Path("output.txt")
    with output.open("wb") as file:
        quiet = {"stdout": file, "stderr": file}
        process = subprocess.Popen(command, env={**os.environ, "CHAOS": mark}, start_new_session=True, **quiet)
    while process.poll() is None and not when():
        time.sleep(0.01)
    time.sleep(delay)
    assert process.poll() is None, f"the sweep was done; kill it earlier: {output.read_text()}"
    if kind == signal.SIGKILL:
        kill_all(mark)
    else:
        os.killpg(process.pid, kind)
    # A process that has not yet set up its handlers dies by the signal.
    assert process.wait(PATIENCE) in (-kind, 128 + kind), output.read_text()
    wait_for(lambda: not find_processes(mark))
    assert "Traceback" not in output.read_text(), output.read_text()


def kill_all(mark: str) -> None:
    number = signal.SIGSTOP  # first, so that none acts on the end of another
    while pids := find_processes(mark):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        number = signal.SIGKILL


def find_processes(mark: str) -> list[int]:
    """Running processes that have inherited the mark in their environment, whoever started them."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is not ours
            if mark.encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found
