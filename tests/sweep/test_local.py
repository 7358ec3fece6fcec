"""A sweep's jobs on this machine, with made-up GPUs and tiny commands."""

import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aldsr.sweep import local
from aldsr.sweep.local import Job, Place, on_cores, on_gpus, run_jobs
from aldsr.sweep.states import FAILURE
from tests.command import PATIENCE


@pytest.mark.parametrize(
    ("gpus", "gpus_per_job", "expected"),
    [
        ("0", 1, ["0"]),
        ("0 1", 1, ["0", "1"]),
        ("0 1", 2, ["0,1"]),
        ("0 1 2", 2, ["0,1"]),
        ("4 5 6 7 GPU-8", 2, ["4,5", "6,7"]),
        ("4 5 6 7 GPU-8", 1, ["4", "5", "6", "7", "GPU-8"]),
    ],
)
def test_gpus_are_dealt_out_in_sets(gpus: str, gpus_per_job: int, expected: list[str]) -> None:
    assert on_gpus(gpus.split(), gpus_per_job) == [{"CUDA_VISIBLE_DEVICES": each} for each in expected]


@pytest.mark.parametrize(("cores", "cores_per_job", "jobs"), [(1, 1, 1), (8, 1, 8), (8, 3, 2), (2, 2, 1)])
def test_cores_are_dealt_out_by_number(cores: int, cores_per_job: int, jobs: int) -> None:
    assert on_cores(cores, cores_per_job) == [{"OMP_NUM_THREADS": str(cores_per_job)}] * jobs


@pytest.mark.parametrize(("number", "per_job"), [(0, 1), (1, 2), (5, 6), (2, 0), (2, -1)])
def test_more_than_there_are_is_a_sentence(number: int, per_job: int) -> None:
    end = "; give a number from 1 to that, or null for one job at a time"
    with pytest.raises(ValueError, match=end) as caught:
        on_gpus([str(each) for each in range(number)], per_job)
    assert f"gpus_per_job={per_job}: this machine has {number} usable NVIDIA GPUs" in str(caught.value)
    with pytest.raises(ValueError, match=end) as caught:
        on_cores(number, per_job)
    assert f"cores_per_job={per_job}: this machine has {number} usable cores" in str(caught.value)


def test_a_job_finds_its_place_in_its_environment(tmp_path: Path) -> None:
    shows = [sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'])"]
    found = [Job(tmp_path / name, shows) for name in ("one", "two")]
    assert run_jobs(found, on_cores(6, 3)) == [0, 0]
    assert [(job.folder / "output.log").read_text() for job in found] == ["3\n", "3\n"]


def jobs(number: int) -> list[Job]:
    return [Job(Path(f"job{each}"), []) for each in range(number)]


def test_jobs_run_side_by_side_and_never_two_on_one_gpu() -> None:
    """A job waits for a second one beside it, and there is none on its own GPU."""
    together, busy, ran = threading.Barrier(2), set(), []

    def start(job: Job, place: Place, alone: bool) -> int:
        gpus = place["CUDA_VISIBLE_DEVICES"].split(",")
        assert not alone
        assert busy.isdisjoint(gpus), f"{gpus} is busy"
        busy.update(gpus)
        ran.append(job)
        together.wait(PATIENCE)
        assert len(busy) == 4
        together.wait(PATIENCE)
        busy.difference_update(gpus)
        together.wait(PATIENCE)
        return 0

    assert run_jobs(jobs(6), on_gpus(["0", "1", "2", "3"], 2), start=start) == [0] * 6
    assert sorted(ran) == jobs(6)


def test_a_free_gpu_is_taken_by_the_next_job_while_another_one_is_busy() -> None:
    others_done, done, where = threading.Event(), [], {}

    def start(job: Job, place: Place, alone: bool) -> int:
        where[job.folder.name] = place
        if job.folder.name == "job0":
            assert others_done.wait(PATIENCE), "the others wait for this one"
        else:
            done.append(job.folder.name)
            if len(done) == 4:
                others_done.set()
        return int(job.folder.name[-1])

    assert run_jobs(jobs(5), on_gpus(["0", "1"], 1), start=start) == [0, 1, 2, 3, 4]
    assert done == ["job1", "job2", "job3", "job4"]
    assert all(where[name] != where["job0"] for name in done)


def test_one_place_runs_one_job_after_another_in_order() -> None:
    began = []

    def start(job: Job, place: Place, alone: bool) -> int:
        assert not place
        assert alone
        began.append(job)
        return 1 if len(began) == 2 else 0

    assert run_jobs(jobs(4), start=start) == [0, 1, 0, 0]
    assert began == jobs(4)


def test_no_further_job_begins_once_the_command_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled, began = threading.Event(), []

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait and not cancel_futures, cancel_futures=cancel_futures)
            if cancel_futures:
                cancelled.set()

    def start(job: Job, place: Place, alone: bool) -> int:
        began.append(job)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        cancelled.wait(PATIENCE)
        return 130

    monkeypatch.setattr(local, "ThreadPoolExecutor", Pool)
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell runs in its background
    try:
        with pytest.raises(KeyboardInterrupt):
            run_jobs(jobs(3), start=start)
    finally:
        signal.signal(signal.SIGINT, earlier)
    assert began == jobs(1)


def test_a_job_is_announced_with_its_number_and_gpus(capfd: pytest.CaptureFixture[str]) -> None:
    run_jobs(jobs(2), on_gpus(["4", "5"], 2), start=lambda *_: 0)
    run_jobs(jobs(1), start=lambda *_: 0)
    said = capfd.readouterr().out.splitlines()
    assert said == ["[1/2] job0 on GPU 4,5", "[2/2] job1 on GPU 4,5", "[1/1] job0"]


# Real processes: each adds a line to `attempts` in its folder, then does what it is told.
COMMAND = """
import os, sys
from pathlib import Path
Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
with Path(sys.argv[1], "attempts").open("a") as file:
    file.write(os.environ.get("CUDA_VISIBLE_DEVICES", "none") + "\\n")
number = len(Path(sys.argv[1], "attempts").read_text().splitlines())
"""


def job(folder: Path, what: str) -> Job:
    return Job(folder, [sys.executable, "-c", COMMAND + what, str(folder)])


def attempts(folder: Path) -> list[str]:
    return (folder / "attempts").read_text().splitlines()


def test_a_job_that_was_killed_is_tried_once_more(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    killed_once = job(tmp_path / "a", "number == 1 and os.kill(os.getpid(), 9)")
    assert run_jobs([killed_once]) == [0]
    assert len(attempts(tmp_path / "a")) == 2
    assert "killed by SIGKILL after" in (tmp_path / "a" / FAILURE).read_text()
    assert f"{tmp_path}/a: killed by SIGKILL; goes on from its last checkpoint" in capfd.readouterr().out


@pytest.mark.parametrize("dies", ["os.kill(os.getpid(), 9)", "os._exit(128 + 9)", "os.abort()"])
def test_a_job_that_is_killed_again_is_given_up_and_the_next_one_runs(dies: str, tmp_path: Path) -> None:
    statuses = run_jobs([job(tmp_path / "a", dies), job(tmp_path / "b", "")])
    assert statuses == [{"os.abort()": -6, "os._exit(128 + 9)": 137}.get(dies, -9), 0]
    assert len(attempts(tmp_path / "a")) == 2
    assert len(attempts(tmp_path / "b")) == 1
    assert "killed by SIG" in (tmp_path / "a" / FAILURE).read_text()
    assert not (tmp_path / "b" / FAILURE).exists()


@pytest.mark.parametrize(
    ("ends", "status"),
    [("sys.exit(1)", 1), ("sys.exit(2)", 2), ("os.kill(os.getpid(), 15)", -15), ("sys.exit(143)", 143), ("", 0)],
)
def test_a_job_that_ends_by_itself_or_is_told_to_is_not_tried_again(ends: str, status: int, tmp_path: Path) -> None:
    assert run_jobs([job(tmp_path / "a", ends)]) == [status]
    assert len(attempts(tmp_path / "a")) == 1


def test_a_job_that_ended_without_a_word_has_a_reason_all_the_same(tmp_path: Path) -> None:
    run_jobs([job(tmp_path / "a", "sys.exit(1)"), job(tmp_path / "b", "sys.exit(143)")])
    assert "ended with status 1 before it could say why" in (tmp_path / "a" / FAILURE).read_text()
    assert not (tmp_path / "b" / FAILURE).exists()


def test_the_reason_that_a_job_gave_itself_is_kept(tmp_path: Path) -> None:
    says = f"Path(sys.argv[1], {FAILURE!r}).write_text('ValueError: its own words'); sys.exit(1)"
    run_jobs([job(tmp_path / "a", says)])
    assert (tmp_path / "a" / FAILURE).read_text() == "ValueError: its own words"


def test_side_by_side_each_job_sees_its_gpus_and_has_its_own_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    speaks = "print('to out'); print('to err', file=sys.stderr)"
    some = [job(tmp_path / name, speaks) for name in "abc"]
    assert run_jobs(some, on_gpus(["4", "5", "6", "7"], 2)) == [0, 0, 0]
    assert {line for name in "abc" for line in attempts(tmp_path / name)} <= {"4,5", "6,7"}
    for name in "abc":
        assert set((tmp_path / name / "output.log").read_text().splitlines()) == {"to out", "to err"}
    said = capfd.readouterr()
    assert "to out" not in said.out
    assert "to err" not in said.err


def test_one_after_another_jobs_speak_for_themselves(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_jobs([job(tmp_path / "a", "print('to out')")]) == [0]
    assert "to out" in capfd.readouterr().out
    assert not (tmp_path / "a" / "output.log").exists()
