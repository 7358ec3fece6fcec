"""`python -m aldsr.train` as a user meets it."""

from pathlib import Path
from typing import Any
from unittest import mock
from unittest.mock import Mock

import pytest
import torch
import yaml
from lightning import Trainer

from aldsr.compare import main as compare
from aldsr.data import SuperResolutionData, patches
from aldsr.evaluate import evaluate
from aldsr.nn import RDN
from aldsr.nn.initial import hash_weights
from aldsr.nn.weights import read_weights
from aldsr.report import main as report
from aldsr.run import continuing, resolve
from aldsr.study import main as study
from aldsr.train import train
from aldsr.training import StepTiming, SuperResolution
from tests.command import refuse, run_command
from tests.stopping import checkpoint, log_rows, losses, results

MODELS = [["model=rdn"], ["model=dw_rdn"], ["model=ldw_rdn"]]
DESCRIPTORS = [["model=ald_rdn", f"descriptor={d}"] for d in ("avg", "max", "det", "none")]


@pytest.mark.parametrize("choice", MODELS + DESCRIPTORS, ids="-".join)
def test_every_block_trains_and_leaves_a_run_that_explains_itself(choice: list[str], small: list[str]) -> None:
    assert run_command(train, *small, *choice, "run_dir=run", "trainer.max_steps=2") == 0
    found = results("run")
    assert list(found["sets"]["bench"]["images"]) == ["b0", "b1"]
    assert checkpoint("run")["network"] == found["network"]["description"]
    assert checkpoint("run")["global_step"] == found["training"]["steps"] == 2
    description, weights = read_weights("run/weights.safetensors")
    assert description == found["network"]["description"]
    written = {f"network.{key}": value for key, value in weights.items()}
    torch.testing.assert_close(written, checkpoint("run")["state_dict"], rtol=0, atol=0)
    assert found["training"]["weights"] == hash_weights(weights)
    assert sorted(p.name for p in Path("run/pictures").iterdir()) == ["bench-b0.png", "bench-b1.png"]
    assert [row["step"] for row in log_rows("run")] == ["0", "1", "2"]


@pytest.mark.parametrize("scale", [2, 3])
def test_other_scales(scale: int, small: list[str]) -> None:
    assert run_command(train, *small, f"scale={scale}", "run_dir=run", "trainer.max_steps=1") == 0
    assert results("run")["protocol"]["shave"] == scale


def test_micro_batches_give_the_weights_of_the_whole_batch(small: list[str]) -> None:
    small += ["model=ldw_rdn", "model.residual=none", "trainer.max_steps=1", "optimizer._target_=torch.optim.SGD"]
    # One step of plain descent: Adam would divide the gradient by itself, and hide a wrong scale.
    small += ["~optimizer.betas", "optimizer.lr=0.1"]
    for parts in (1, 2, 4):
        assert run_command(train, *small, f"trainer.accumulate_grad_batches={parts}", f"run_dir=parts{parts}") == 0
    whole = torch.cat([weights.flatten() for weights in checkpoint("parts1")["state_dict"].values()])
    (loss,) = losses("parts1")
    for parts in (2, 4):
        weights = torch.cat([weights.flatten() for weights in checkpoint(f"parts{parts}")["state_dict"].values()])
        assert (weights - whole).norm() <= 1e-6 * whole.norm()
        assert losses(f"parts{parts}") == [pytest.approx(loss, rel=1e-6)]


OPEN = ["trainer.precision=auto", "trainer.accumulate_grad_batches=auto", "layout=auto"]


def test_what_is_left_open_is_measured_once_and_holds_when_the_run_is_continued(
    small: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    timings = [StepTiming("32-true", "contiguous", parts, 1 / parts) for parts in (1, 2)]
    monkeypatch.setattr(resolve, "autotune", lambda *_, **__: timings)
    assert run_command(train, *small, *OPEN, "run_dir=run", "trainer.max_steps=1") == 0
    assert str(timings[-1]) in capfd.readouterr().out
    monkeypatch.setattr(resolve, "autotune", lambda *_, **__: pytest.fail("measured again"))
    assert run_command(train, *small, *OPEN, "run_dir=run", "trainer.max_steps=2", "ckpt_path=last") == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert (config["trainer"]["precision"], config["layout"]) == ("32-true", "contiguous")
    assert config["trainer"]["accumulate_grad_batches"] == 2


def test_nothing_is_built_or_measured_twice(small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One network, optimizer, trainer; the last validation, if it was of the final weights, is the result."""
    counted = []
    for owner in (RDN, torch.optim.Adam, Trainer, SuperResolutionData, SuperResolution):
        method = "super_resolve" if owner is SuperResolution else "__init__"
        counted.append(mock.create_autospec(getattr(owner, method), side_effect=getattr(owner, method)))
        monkeypatch.setattr(owner, method, counted[-1])
    images = counted[-1]
    hashed = mock.Mock(side_effect=patches.fingerprint)
    for module in (patches, continuing):
        monkeypatch.setattr(module, "fingerprint", hashed)
    assert run_command(train, *small, "run_dir=run") == 0
    assert [each.call_count for each in counted] == [1, 1, 1, 1, 2]
    assert hashed.call_count == 4  # HR and LR, of the images to train on and of the set
    for options, number in (("trainer.max_steps=3", 2), ("ema=0.9", 4)):  # the average is validated once more
        images.reset_mock()
        assert run_command(train, *small, options, "run_dir=run") == 0
        assert images.call_count == number


@pytest.mark.needs("matplotlib")
def test_without_images_to_measure_on_the_weights_and_a_result_that_says_so_are_left(
    small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *small, "run_dir=runs/a", "data.eval_dirs=[]", "ema=0.9") == 0
    assert Path("runs/a/weights.safetensors").is_file()
    for command, place, said in (
        (compare, "runs/a", "data.eval_dirs"),
        (compare, "runs", "data.eval_dirs"),
        (study, "runs", "4/4"),
        (report, "runs", "report.html"),
        (report, "runs/a", "report.html"),
    ):
        capsys.readouterr()
        assert run_command(command, place) == 0
        assert said in capsys.readouterr().out
    assert "--chart" in refuse(capsys, compare, "runs", "--chart", "fig")
    assert run_command(train, *small, "run_dir=runs/b", "seed=1") == 0
    assert run_command(compare, "runs") == 0
    assert "BT.601" in capsys.readouterr().out


def test_a_network_without_weights_is_refused(small: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "BicubicUpscale" in refuse(capsys, train, *small, "model=bicubic")


@pytest.mark.parametrize(
    ("free", "small_image", "named"), [(1000, False, "cache"), (100_000, False, "run_dir=run"), (1e12, True, "'t'")]
)
def test_what_would_fail_later_is_refused_before_the_first_step(
    free: float,
    small_image: bool,
    named: str,
    small: list[str],
    make_image: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ALDSR_CACHE", str(Path("cache").absolute()))
    make_image(Path("bench/HR/t.png"), width=16 if small_image else 64, height=64)
    monkeypatch.setattr("shutil.disk_usage", lambda place: mock.Mock(free=free))
    assert named in refuse(capsys, train, *small, "run_dir=run")
    assert not Path("run").exists()


@pytest.mark.slow
def test_a_multirun_gives_each_job_its_folder_and_one_failure_stops_no_other(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    swept = ["model=ldw_rdn", "data.batch_size=5,4", "trainer.accumulate_grad_batches=2"]
    assert run_command(train, "-m", *small, *swept, "study.name=blocks", "trainer.max_steps=1") == 1
    files = {".study.json.lock", "batch_size4", "batch_size5", "multirun.yaml", "study.json"}
    assert {path.name for path in Path("runs/blocks").iterdir()} == files
    assert [path.parent.name for path in Path("runs/blocks").glob("*/results.json")] == ["batch_size4"]
    assert "data.batch_size=5 cannot be divided" in Path("runs/blocks/batch_size5/failure.txt").read_text()
    output = capfd.readouterr()
    assert "data.batch_size=5 cannot be divided" in output.err
    assert "1 done, 1 failed" in output.out


def test_a_run_is_moved_aside_not_overwritten(small: list[str]) -> None:
    for _ in range(2):
        assert run_command(train, *small, "run_dir=run", "trainer.max_steps=1") == 0
    (archived,) = Path().glob("run-archived-*")
    assert (archived / "results.json").is_file()
    assert Path("run/results.json").is_file()


def test_nan_stops_the_run_and_keeps_the_last_good_checkpoint(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    broken = ["run_dir=run", "optimizer.lr=1e30", "checkpoint_every=1", "trainer.max_steps=20"]
    assert run_command(train, *small, *broken) == 2
    assert "training stopped; the last good checkpoint is kept" in capfd.readouterr().err
    assert all(weights.isfinite().all() for weights in checkpoint("run")["state_dict"].values())


def test_a_block_of_ones_own_needs_one_override(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mypackage.py").write_text(
        "from torch import nn\n"
        "class MyBlock(nn.Sequential):\n"
        "    def __init__(self, in_channels, out_channels):\n"
        "        super().__init__(nn.Conv2d(in_channels, out_channels, 1), nn.GELU())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert run_command(train, *small, "model.conv._target_=mypackage.MyBlock", "run_dir=run") == 0
    assert results("run")["network"]["label"] == "My-RDN"


def test_the_first_lines_name_the_papers_protocol(
    capfd: pytest.CaptureFixture[str], small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "QUICK_STEPS", 1)
    options = [o for o in small if not o.startswith(("size", "data", "trainer.max_steps"))]
    assert run_command(train, *options, "data.pictures=2", "data.eval_dirs=[bench]") == 0
    said = capfd.readouterr().out
    assert "experiment=paper" in said
    assert "runs/ald_rdn-det-small-x4/results.json" in said


def test_memory_that_runs_out_is_one_sentence_with_what_to_lower(
    small: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has …")
    assert run_command(train, *small, "run_dir=done") == 0
    monkeypatch.setattr(SuperResolution, "forward", Mock(side_effect=error))
    capsys.readouterr()
    assert run_command(train, *small, "run_dir=run") == 2
    told = capsys.readouterr().err
    assert all(each in told for each in ("2.00 GiB", "trainer.accumulate_grad_batches", "model.checkpoint=true"))
    evaluation = ("ckpt_path=done/weights.safetensors", *(each for each in small if each.startswith("data.eval")))
    assert run_command(evaluate, *evaluation, "data=folder", "trainer=cpu") == 2
    assert "tile=128" in capsys.readouterr().err


@pytest.mark.slow
def test_degradations_make_variants_and_keep_tables_apart(small: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    small = [*small, "trainer.max_steps=4", "data.eval_lr_dirs=[made]", "data.train_lr_dirs=[made]"]
    for name in ("bicubic", "dn"):
        assert run_command(train, *small, f"degradation={name}", f"run_dir={name}") == 0
    assert "LR made (dn)" in capsys.readouterr().out
    sentence = refuse(capsys, compare, "bicubic", "dn")
    assert all(name in sentence for name in ("LR track", "'bicubic'", "'dn'"))
    tracks = [yaml.safe_load(Path(run, "config.yaml").read_text())["lr_track"] for run in ("bicubic", "dn")]
    assert tracks == ["bicubic", "dn"]
