"""Training on an NVIDIA GPU, and `make gpu` itself as far as it goes without one."""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from aldsr.benchmark import main as benchmark
from aldsr.evaluate import evaluate
from aldsr.train import train
from tests.command import PATIENCE, run_command
from tests.stopping import STOP_STEPS, TrainingProcess, checkpoint, losses, updates

SCRIPT = Path(__file__).parents[1] / "experiments" / "speed" / "gpu.py"


def on_gpu(options: list[str], trainer: str = "gpu") -> list[str]:
    return [f"trainer={trainer}" if each == "trainer=cpu" else each for each in options]


@pytest.mark.gpu
@pytest.mark.parametrize("model", ["rdn", "dw_rdn", "ald_rdn"])
def test_a_gpu_learns_what_a_cpu_learns(model: str, small: list[str]) -> None:
    options = [*small, f"model={model}", "model.residual=none", "trainer.max_steps=200", "data.steps_per_epoch=200"]
    assert run_command(train, *options, "run_dir=cpu") == 0
    assert run_command(train, *on_gpu(options), "run_dir=gpu") == 0
    assert len(losses("cpu")) == 200
    assert losses("gpu") == pytest.approx(losses("cpu"), abs=1e-3)


@pytest.mark.gpu
def test_a_training_on_a_gpu_that_is_stopped_continues_to_the_same_weights(waiting: list[str]) -> None:
    options = on_gpu(waiting)
    with TrainingProcess(*options, "run_dir=run") as process:
        process.wait_for_stop_step()
        assert process.stop(signal.SIGTERM, group=False) == 128 + signal.SIGTERM, process.output.read_text()
    assert updates("run") == {STOP_STEPS[0]}
    for folder in ("run", "whole"):
        assert run_command(train, *options, f"run_dir={folder}", "if_exists=continue") == 0
    found, expected = (checkpoint(run)["state_dict"] for run in ("run", "whole"))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)  # a GPU's sums have no order


@pytest.mark.gpu
def test_all_gpus_together_learn_what_one_learns(small: list[str]) -> None:
    options = [*small, "data.batch_size=8", "trainer.max_steps=20", "data.steps_per_epoch=20", "model.residual=none"]
    assert run_command(train, *on_gpu(options), "run_dir=one") == 0
    # In a process of its own: Lightning leaves the process group of one GPU, in which a CPU's metrics would fail later.
    with TrainingProcess(*on_gpu(options, "ddp"), "run_dir=all") as process:
        assert process.wait(PATIENCE) == 0, process.output.read_text()
    assert losses("all") == pytest.approx(losses("one"), abs=1e-3)


@pytest.mark.gpu
def test_a_gpu_that_is_full_is_told_in_a_sentence(
    small: list[str], make_image: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *small, "run_dir=done") == 0
    make_image(Path("large/HR/l.png"), width=1200, height=900)
    # Of megabytes, since what earlier tests have left in use may have room for less in its last block of two.
    options = [*on_gpu(small), "data.batch_size=64", "data.patch_size=16", "run_dir=run"]
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        assert run_command(train, *options) == 2
        assert "accumulate_grad_batches" in capsys.readouterr().err
        images = ["data=folder", "data.eval_dirs=[large]"]
        assert run_command(evaluate, "ckpt_path=done/weights.safetensors", *images, "trainer=gpu") == 2
        assert "tile=128" in capsys.readouterr().err
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """experiments/speed/gpu.py on a machine with a GPU by name only, which writes into a folder of its own."""
    if not SCRIPT.is_file():
        pytest.skip("experiments/ is not part of a wheel")
    spec = importlib.util.spec_from_file_location("make_gpu", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H1 (80GB)")
    for name, value in {"HERE": tmp_path, "SCRATCH": tmp_path / "scratch", "GRACE": 5.0}.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.mark.slow
def test_a_stage_that_fails_or_takes_too_long_stops_no_other(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wait, stage, progress = "import time; time.sleep(600)", script.Stage, tmp_path / "scratch/runs/trains/progress.json"
    text = json.dumps({"device": "H1", "threads": 1, "loading": {}})
    keep = f"import pathlib; pathlib.Path({str(tmp_path / 'scratch/hangs.json')!r}).write_text({text!r}); {wait}"
    train = f"""
import json, pathlib, time
file = pathlib.Path({str(progress)!r})
file.parent.mkdir(parents=True)
for step, seconds in ((10, 1000.0), (20, 600.0)):  # a step takes 10 s at first, then 2
    file.write_text(json.dumps({{"step": step, "total": 100, "seconds": seconds}}))
    time.sleep(2)
print("compile=graph: why not")
print("compile=graph: why not", flush=True)
{wait}"""
    stages = [
        stage("fails", ["-c", "import sys; print('why'); sys.exit(3)"], 60),
        stage("hangs", ["-c", keep], 2),
        stage("trains", ["-c", train], 6, runs_on=True),
        stage("works", ["-c", "print('well')"], 60),
    ]
    monkeypatch.setattr(script, "list_stages", lambda: stages)
    began = time.monotonic()
    assert script.main() == 1
    assert time.monotonic() - began < 60
    *_, table = (tmp_path / "gpu-NVIDIA-H1-80GB.txt").read_text().partition("fails")
    lines = ["fails" + table.splitlines()[0], *table.splitlines()[1:]]
    for line, expected in zip(
        lines, ("fails failed, status 3", "hangs stopped", "trains passed", "works passed"), strict=True
    ):
        assert " ".join(line.split()).startswith(expected)
    assert lines[0].endswith("why")
    assert lines[2].endswith("20 steps, 2000.0 ms each; compile=graph: why not")
    assert "works" in capsys.readouterr().out
    measurements = tmp_path / "gpu-NVIDIA-H1-80GB.json"
    assert json.loads(measurements.read_text()) == json.loads(text)  # of a stage that was stopped
    assert script.main(["works"]) == 0
    assert json.loads(measurements.read_text()) == json.loads(text)
    assert script.main(["wroks"]) == 2


def test_the_stages_are_commands_that_exist(script: ModuleType) -> None:
    stages = [stage.command for stage in script.list_stages() if stage.name != "tests"]
    assert {module for _, module, *_ in stages} == {"aldsr.train", "aldsr.benchmark"}
    for _, module, *options in stages:
        main, asked = (train, ["--cfg", "job"]) if module == "aldsr.train" else (benchmark, ["--help"])
        assert run_command(main, *options, *asked) == 0


@pytest.mark.slow
def test_without_a_gpu_make_gpu_is_one_sentence() -> None:
    if torch.cuda.is_available() or not SCRIPT.is_file():
        pytest.skip("there is a GPU, or no experiments/, which is not part of a wheel")
    ended = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
