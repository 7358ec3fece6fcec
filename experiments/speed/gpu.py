"""What a GPU can do, in at most eight minutes: its tests, the benchmark, training, the quick start.

The paper's size is trained as it is by default, and with compile=graph kernels=triton optimizer.fused=true.

    python experiments/speed/gpu.py        (or make gpu; make gpu BIN=DIR takes the Python there as it is)

Needs aldsr's dependencies and pytest, no photographs and no network. Every stage has a limit of time, and one that
fails stops no other; what each printed is in build/gpu/. Leaves gpu-DEVICE.json, the measurements, and gpu-DEVICE.txt,
the tables and how the stages ended, beside this file. Exit status: 0 all passed, 1 a stage failed, 2 no GPU.
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


def list_stages(measurements: Path) -> list[Stage]:
    """The stages, of which those that matter most come first."""
    train = ["-m", "aldsr.train", "trainer=gpu", "logger=csv"]
    paper = ["size=paper", "trainer.max_steps=300000", "data.steps_per_epoch=300000"]  # no validation in between
    fast = ["compile=graph", "kernels=triton", "+optimizer.fused=true"]
    what = ["training", "upscaling", "checkpointing", "loading", "growth"]
    benchmark = ["-m", "aldsr.benchmark", *what, "--device", "cuda", "--rounds", "1", "--json", str(measurements)]
    return [
        Stage("tests", ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests"], 120),
        Stage("benchmark", benchmark, 200),
        Stage("paper", [*train, *paper, f"run_dir={SCRATCH / 'runs' / 'paper'}"], 40, runs_on=True),
        Stage("fast", [*train, *paper, *fast, f"run_dir={SCRATCH / 'runs' / 'fast'}"], 60, runs_on=True),
        Stage("quick", [*train, f"run_dir={SCRATCH / 'runs' / 'quick'}"], 120),
    ]


def main() -> int:
    if not torch.cuda.is_available():
        print("make gpu: torch finds no NVIDIA GPU here; run it on a machine that has one", file=sys.stderr)
        return 2
    device = re.sub(r"\W+", "-", torch.cuda.get_device_name()).strip("-")
    measurements, table = HERE / f"gpu-{device}.json", HERE / f"gpu-{device}.txt"
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    deadline = time.monotonic() + LIMIT
    lines, failed = [], 0
    for stage in list_stages(measurements):
        print(f"{stage.name}: at most {min(stage.seconds, deadline - time.monotonic()):.0f} s …", flush=True)
        passed, line = run_stage(stage, deadline)
        failed += not passed
        lines.append(line)
        print(line, flush=True)
    if measurements.is_file():
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
    started = time.monotonic()
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
            process.wait(limit)
        except subprocess.TimeoutExpired:
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
    return passed, f"{stage.name:10} {outcome}, {seconds:.0f} s: {describe_progress(stage) or last_line(log)}"


def surroundings() -> Mapping[str, str]:
    """The environment of the stages: this source tree, all GPUs that are visible here, no account."""
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(torch.cuda.device_count())))
    own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "ALDSR_TEST_GPU": gpus, "WANDB_MODE": "offline"}
    return os.environ | own


def describe_progress(stage: Stage) -> str:
    """How far a training has come that was ended, and its milliseconds a step."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        progress = json.loads((SCRATCH / "runs" / stage.name / "progress.json").read_text())
        return f"{progress['step']:,} steps, {1000 * progress['seconds'] / progress['total']:.1f} ms each"
    return ""


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "printed nothing")


if __name__ == "__main__":
    sys.exit(main())
