"""A sweep's jobs on this machine, with made-up GPUs and tiny commands."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aldsr.core.errors import OptionError
from aldsr.core.run_files import FAILURE
from aldsr.training import devices
from hydra_plugins import aldsr_local_launcher as local
from hydra_plugins.aldsr_local_launcher import Job, Slot, find_slots, run_jobs
from tests.command import PATIENCE


def on_gpus(*gpus: str) -> list[Slot]:
    return [{"CUDA_VISIBLE_DEVICES": each} for each in gpus]


@pytest.mark.parametrize(
    ("available", "per_job", "gpus"),
    [
        ("0 1 2", 2, ["0,1"]),
        ("4 5 6 7 GPU-8", 2, ["4,5", "6,7"]),
        ("", 1, []),
        ("0 1", 3, []),
        ("0 1", 0, []),
    ],
)
def test_gpus_and_cores_are_divided_into_slots(
    available: str, per_job: int, gpus: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "visible_gpus", available.split)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: available.split(), raising=False)
    if gpus:
        assert find_slots(per_job, None) == on_gpus(*gpus)
        assert find_slots(None, per_job) == [{"OMP_NUM_THREADS": str(per_job)}] * len(gpus)
        return
    for kind, options in (("gpus", (per_job, None)), ("cores", (None, per_job))):
        with pytest.raises(OptionError, match=f"hydra.launcher.{kind}_per_job={per_job}"):
            find_slots(*options)


def jobs(number: int) -> list[Job]:
    return [Job(Path(f"job{each}"), []) for each in range(number)]


def test_jobs_run_side_by_side_and_the_next_takes_the_gpu_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first job waits for all others, which thus run beside it, and none on its GPU."""
    others_done, done, busy = threading.Event(), [], []

    def run_job(job: Job, slot: Slot, stop: threading.Event, *, capture: bool) -> int:
        assert capture
        assert slot not in busy
        busy.append(slot)
        if job.folder.name == "job0":
            assert others_done.wait(PATIENCE), "the others wait for this one"
        else:
            done.append(job.folder.name)
            if len(done) == 4:
                others_done.set()
        busy.remove(slot)
        return int(job.folder.name[-1])

    monkeypatch.setattr(local, "run_job", run_job)
    assert run_jobs(jobs(5), on_gpus("0", "1")) == [0, 1, 2, 3, 4]
    assert done == ["job1", "job2", "job3", "job4"]


def test_no_further_job_starts_after_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled, ran = threading.Event(), []

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait and not cancel_futures, cancel_futures=cancel_futures)
            if cancel_futures:
                cancelled.set()

    def run_job(job: Job, slot: Slot, stop: threading.Event, *, capture: bool) -> int:
        ran.append(job)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        cancelled.wait(PATIENCE)
        return 130

    monkeypatch.setattr(local, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(local, "run_job", run_job)
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell runs in its background
    try:
        with pytest.raises(KeyboardInterrupt):
            run_jobs(jobs(3), find_slots(None, None))
    finally:
        signal.signal(signal.SIGINT, earlier)
    assert ran == jobs(1)


# Real processes: each adds its GPUs to `attempts` in its folder, then runs the code that it is given.
COMMAND = """
import os, sys
from pathlib import Path
Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
with Path(sys.argv[1], "attempts").open("a") as file:
    file.write((os.environ.get("CUDA_VISIBLE_DEVICES") or "none") + "\\n")
number = len(Path(sys.argv[1], "attempts").read_text().splitlines())
"""


def process(folder: Path, code: str) -> Job:
    return Job(folder, [sys.executable, "-c", COMMAND + code, str(folder)])


def attempts(folder: Path) -> list[str]:
    return (folder / "attempts").read_text().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "status", "number", "reason"),
    [
        ("number == 1 and os.kill(os.getpid(), 9)", 0, 2, "killed by SIGKILL after"),
        ("os.kill(os.getpid(), 9)", -9, 2, "killed by SIGKILL after"),
        ("os._exit(128 + 9)", 137, 2, "killed by SIGKILL after"),
        ("sys.exit(1)", 1, 1, "ended with status 1"),
        (f"Path(sys.argv[1], {FAILURE!r}).write_text('its own'); sys.exit(2)", 2, 1, "its own"),
        ("os.kill(os.getpid(), 15)", -15, 1, ""),
        ("sys.exit(143)", 143, 1, ""),
        ("print('to out')", 0, 1, ""),
    ],
)
def test_only_a_killed_job_is_tried_again_and_the_next_job_runs_anyway(
    code: str, status: int, number: int, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    assert run_jobs([process(a, code), process(b, "")], find_slots(None, None)) == [status, 0]
    assert len(attempts(a)) == number
    if reason:
        assert (a / FAILURE).read_text().splitlines()[-1].startswith(reason)
    assert (a / FAILURE).exists() == bool(reason)
    assert attempts(b) == ["none"]
    output = capfd.readouterr().out
    assert f"[1/2] {a}\n" in output
    assert ("to out" in output) == ("to out" in code)
    assert not (a / "output.log").exists()


@pytest.mark.slow
def test_jobs_side_by_side_see_their_gpus_and_write_output_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = "print('to out'); print('to err', file=sys.stderr)"
    assert run_jobs([process(tmp_path / name, code) for name in "abc"], on_gpus("4,5", "6,7")) == [0, 0, 0]
    assert {line for name in "abc" for line in attempts(tmp_path / name)} <= {"4,5", "6,7"}
    for name in "abc":
        assert set((tmp_path / name / "output.log").read_text().splitlines()) == {"to out", "to err"}
    output = capfd.readouterr()
    assert "to out" not in output.out + output.err
    assert f"[1/3] {tmp_path}/a on GPU " in output.out
