"""What a GPU can do, in at most eight minutes: its tests, the benchmarks, training, the quick start.

The paper's size is trained as it is by default, and with compile=graph kernels=triton optimizer.fused=true.

    python experiments/speed/gpu.py [STAGE …]    (or make gpu; make gpu BIN=DIR takes the Python there as it is)

Needs aldsr's dependencies and pytest, no photographs and no network. Every stage has a limit of time, and one that
fails stops no other; what each printed is in build/gpu/. Leaves gpu-DEVICE.json, the measurements, and gpu-DEVICE.txt,
the tables and how the stages ended, beside this file; the first after every stage, also of a benchmark that was
stopped. STAGE: only these, which replace their part of the measurements. Exit status: 0 all passed, 1 a stage failed,
2 no GPU, or no such stage.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCRATCH = ROOT / "build" / "gpu"  # what the stages print, and their runs
LIMIT = 480.0  # seconds in all
GRACE = 20.0  # seconds for a stage to end after it was asked to


class Stage(NamedTuple):
    """A command of this Python's, and the seconds that it may take; one that `runs_on` passes if they end it."""

    name: str
    command: Sequence[str]
    seconds: float
    runs_on: bool = False


def list_stages() -> list[Stage]:
    """The stages, of which those that matter most come first."""
    train = ["-m", "aldsr.train", "trainer=gpu", "logger=csv"]
    paper = ["size=paper", "trainer.max_steps=300000", "data.steps_per_epoch=300000"]  # no validation in between
    fast = ["compile=graph", "kernels=triton", "+optimizer.fused=true"]
    workers = str(max(1, min(8, (os.cpu_count() or 1) // 2)))  # tests mostly start processes and compile
    parallel = ["-n", workers, "--dist", "worksteal"] if find_spec("xdist") else []
    tests = ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    return [
        Stage("tests", [*tests, *parallel, "tests"], 130),
        benchmark("training", 150),
        Stage("fast", [*train, *paper, *fast, f"run_dir={SCRATCH / 'runs' / 'fast'}"], 60, runs_on=True),
        Stage("paper", [*train, *paper, f"run_dir={SCRATCH / 'runs' / 'paper'}"], 45, runs_on=True),
        benchmark("upscaling", 110),
        Stage("quick", [*train, f"run_dir={SCRATCH / 'runs' / 'quick'}"], 120),
        benchmark("loading", 30),
        benchmark("checkpointing", 60),
        benchmark("growth", 60),
    ]


def benchmark(name: str, seconds: float) -> Stage:
    """A benchmark, which keeps what it has so far in a file of its own."""
    rounds = [] if name == "loading" else ["--rounds", "1"]
    command = ["-m", "aldsr.benchmark", name, "--device", "cuda", *rounds, "--json", str(SCRATCH / f"{name}.json")]
    return Stage(name, command, seconds)


def main(names: Sequence[str] = ()) -> int:
    stages = {each.name: each for each in list_stages()}
    if unknown := [name for name in names if name not in stages]:
        print(f"make gpu: there is no stage {unknown[0]}; there are {', '.join(stages)}", file=sys.stderr)
        return 2
    if not torch.cuda.is_available():
        print("make gpu: torch finds no NVIDIA GPU here; run it on a machine that has one", file=sys.stderr)
        return 2
    device = re.sub(r"\W+", "-", torch.cuda.get_device_name()).strip("-")
    measurements, table = HERE / f"gpu-{device}.json", HERE / f"gpu-{device}.txt"
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    measured = json.loads(measurements.read_text()) if names and measurements.is_file() else {}
    deadline = time.monotonic() + LIMIT
    lines, failed = [], 0
    for stage in [stages[name] for name in names] or stages.values():
        print(f"{stage.name}: at most {max(0, min(stage.seconds, deadline - time.monotonic())):.0f} s …", flush=True)
        passed, line = run_stage(stage, deadline)
        failed += not passed
        lines.append(line)
        print(line, flush=True)
        with suppress(OSError, ValueError):
            measured |= json.loads((SCRATCH / f"{stage.name}.json").read_text())
            measurements.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    if measured:
        shown = subprocess.run(
            [sys.executable, "-m", "aldsr.benchmark", "--from", str(measurements)],
            env=surroundings() | {"COLUMNS": "120"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = [shown.stdout + shown.stderr, *lines]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(["", *lines, "", f"{measurements}, {table}; what each stage printed: {SCRATCH}/*.log"]))
    return int(failed > 0)


def run_stage(stage: Stage, deadline: float) -> tuple[bool, str]:
    """Run a stage up to its limit; whether it passed, and a line for the summary."""
    started, progress = time.monotonic(), list[tuple[int, float]]()
    limit = min(stage.seconds, deadline - started)
    if limit <= 0:
        return False, f"{stage.name:10} left out: no time left"
    log = SCRATCH / f"{stage.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *stage.command],
            cwd=ROOT, env=surroundings(), stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            while process.poll() is None and time.monotonic() < started + limit:
                time.sleep(0.5)
                note_progress(stage, progress)
            if process.poll() is None:
                process.terminate()  # the command itself: a training leaves its checkpoint
                with suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    seconds, ended = time.monotonic() - started, time.monotonic() - started < limit
    passed = process.returncode == 0 or (stage.runs_on and not ended)
    outcome = "passed" if passed else f"failed, status {process.returncode}" if ended else "stopped: out of time"
    said = "; ".join([describe_progress(progress) or last_line(log), *find_warnings(log)])
    return passed, f"{stage.name:10} {outcome}, {seconds:.0f} s: {said}"


def surroundings() -> Mapping[str, str]:
    """The environment of the stages: this source tree, all GPUs that are visible here, no account."""
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(torch.cuda.device_count())))
    own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "ALDSR_TEST_GPU": gpus, "WANDB_MODE": "offline"}
    return os.environ | own


def note_progress(stage: Stage, progress: list[tuple[int, float]]) -> None:
    """Add the steps that a training has made, and its seconds for them, where it has written new ones."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((SCRATCH / "runs" / stage.name / "progress.json").read_text())
        if found["step"] > (progress[-1][0] if progress else 0):
            progress.append((found["step"], found["step"] * found["seconds"] / found["total"]))


def describe_progress(progress: Sequence[tuple[int, float]]) -> str:
    """How far a training has come, and its milliseconds a step, without those before it first said so."""
    if not progress:
        return ""
    (first, began), (last, ended) = progress[0] if len(progress) > 1 else (0, 0.0), progress[-1]
    return f"{last:,} steps, {1000 * (ended - began) / (last - first):.1f} ms each"


def find_warnings(log: Path) -> list[str]:
    """What a training said of what it does in another way than was asked for, such as without a CUDA graph."""
    lines = [line.strip() for line in log.read_text(errors="replace").split("\n")]
    return [line for line in dict.fromkeys(lines) if line.startswith(("compile=graph:", "warning:"))][:3]


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "printed nothing")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
