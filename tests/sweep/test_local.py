"""A sweep's jobs on this machine, with made-up GPUs and tiny commands."""

import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aldsr.core.errors import OptionError
from aldsr.sweep import local
from aldsr.sweep.local import Job, Slot, core_slots, gpu_slots, run_jobs
from aldsr.sweep.status import FAILURE
from tests.command import PATIENCE


@pytest.mark.parametrize(
    ("gpus", "gpus_per_job", "expected"),
    [("0", 1, ["0"]), ("0 1 2", 2, ["0,1"]), ("4 5 6 7 GPU-8", 2, ["4,5", "6,7"]), ("4 GPU-8", 1, ["4", "GPU-8"])],
)
def test_gpus_and_cores_are_divided_into_slots(gpus: str, gpus_per_job: int, expected: list[str]) -> None:
    assert gpu_slots(gpus.split(), gpus_per_job) == [{"CUDA_VISIBLE_DEVICES": each} for each in expected]
    cores = core_slots(len(gpus.split()), gpus_per_job)
    assert cores == [{"OMP_NUM_THREADS": str(gpus_per_job)}] * len(expected)


@pytest.mark.parametrize(("number", "per_job"), [(0, 1), (5, 6), (2, 0)])
def test_more_than_the_machine_has_is_an_option_error(number: int, per_job: int) -> None:
    with pytest.raises(OptionError, match=f"hydra.launcher.gpus_per_job={per_job}"):
        gpu_slots([str(each) for each in range(number)], per_job)
    with pytest.raises(OptionError, match=f"hydra.launcher.cores_per_job={per_job}"):
        core_slots(number, per_job)


def jobs(number: int) -> list[Job]:
    return [Job(Path(f"job{each}"), []) for each in range(number)]


def test_jobs_run_side_by_side_and_never_two_on_one_gpu() -> None:
    """A job waits for a second one beside it, and there is none on its own GPU."""
    together, busy, ran = threading.Barrier(2), set(), []

    def run_job(job: Job, slot: Slot, capture: bool) -> int:
        gpus = slot["CUDA_VISIBLE_DEVICES"].split(",")
        assert capture
        assert busy.isdisjoint(gpus), f"{gpus} is busy"
        busy.update(gpus)
        ran.append(job)
        together.wait(PATIENCE)
        assert len(busy) == 4
        together.wait(PATIENCE)
        busy.difference_update(gpus)
        together.wait(PATIENCE)
        return 0

    assert run_jobs(jobs(6), gpu_slots(["0", "1", "2", "3"], 2), run_job=run_job) == [0] * 6
    assert sorted(ran) == jobs(6)


def test_the_next_job_takes_the_gpu_that_is_free() -> None:
    others_done, done, slots = threading.Event(), [], {}

    def run_job(job: Job, slot: Slot, capture: bool) -> int:
        slots[job.folder.name] = slot
        if job.folder.name == "job0":
            assert others_done.wait(PATIENCE), "the others wait for this one"
        else:
            done.append(job.folder.name)
            if len(done) == 4:
                others_done.set()
        return int(job.folder.name[-1])

    assert run_jobs(jobs(5), gpu_slots(["0", "1"], 1), run_job=run_job) == [0, 1, 2, 3, 4]
    assert done == ["job1", "job2", "job3", "job4"]
    assert all(slots[name] != slots["job0"] for name in done)


def test_one_slot_runs_one_job_after_another_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    ran = []

    def run_job(job: Job, slot: Slot, capture: bool) -> int:
        assert not slot
        assert not capture
        ran.append(job)
        return len(ran)

    assert run_jobs(jobs(3), run_job=run_job) == [1, 2, 3]
    assert ran == jobs(3)
    assert capfd.readouterr().out.splitlines() == ["[1/3] job0", "[2/3] job1", "[3/3] job2"]


def test_no_further_job_starts_after_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled, ran = threading.Event(), []

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait and not cancel_futures, cancel_futures=cancel_futures)
            if cancel_futures:
                cancelled.set()

    def run_job(job: Job, slot: Slot, capture: bool) -> int:
        ran.append(job)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        cancelled.wait(PATIENCE)
        return 130

    monkeypatch.setattr(local, "ThreadPoolExecutor", Pool)
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell runs in its background
    try:
        with pytest.raises(KeyboardInterrupt):
            run_jobs(jobs(3), run_job=run_job)
    finally:
        signal.signal(signal.SIGINT, earlier)
    assert ran == jobs(1)


# Real processes: each adds its GPUs to `attempts` in its folder, then runs the code that it is given.
COMMAND = """
import os, sys
from pathlib import Path
Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
with Path(sys.argv[1], "attempts").open("a") as file:
    file.write(os.environ.get("CUDA_VISIBLE_DEVICES", "none") + "\\n")
number = len(Path(sys.argv[1], "attempts").read_text().splitlines())
"""


def process(folder: Path, code: str) -> Job:
    return Job(folder, [sys.executable, "-c", COMMAND + code, str(folder)])


def attempts(folder: Path) -> list[str]:
    return (folder / "attempts").read_text().splitlines()


def failure(folder: Path) -> str:
    """The last line of the recorded failure, if there is one."""
    return (folder / FAILURE).read_text().splitlines()[-1] if (folder / FAILURE).exists() else ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "status", "number", "reason"),
    [
        ("number == 1 and os.kill(os.getpid(), 9)", 0, 2, "killed by SIGKILL after"),
        ("os.kill(os.getpid(), 9)", -9, 2, "killed by SIGKILL after"),
        ("os._exit(128 + 9)", 137, 2, "killed by SIGKILL after"),
        ("os.abort()", -6, 2, "killed by SIGABRT after"),
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
    assert run_jobs([process(tmp_path / "a", code), process(tmp_path / "b", "")]) == [status, 0]
    assert len(attempts(tmp_path / "a")) == number
    assert failure(tmp_path / "a").startswith(reason)
    assert bool(failure(tmp_path / "a")) == bool(reason)
    assert attempts(tmp_path / "b") == ["none"]
    assert ("to out" in capfd.readouterr().out) == ("to out" in code)
    assert not (tmp_path / "a" / "output.log").exists()


@pytest.mark.slow
def test_jobs_side_by_side_see_their_gpus_and_write_output_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    code = "print('to out'); print('to err', file=sys.stderr)"
    assert run_jobs([process(tmp_path / name, code) for name in "abc"], gpu_slots("4567", 2)) == [0, 0, 0]
    assert {line for name in "abc" for line in attempts(tmp_path / name)} <= {"4,5", "6,7"}
    for name in "abc":
        assert set((tmp_path / name / "output.log").read_text().splitlines()) == {"to out", "to err"}
    output = capfd.readouterr()
    assert "to out" not in output.out + output.err
    assert "[1/3]" in output.out
    assert " on GPU " in output.out
