"""A run is continued, extended to more steps, or started from the weights of another: three different things."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from aldsr import train as command
from aldsr.nn.weights import read_weights
from aldsr.sweep.status import run_status
from aldsr.train import train
from tests.command import run_command
from tests.stopping import checkpoint, log_rows, results


def assert_same(value: Any, other: Any) -> None:
    """Compare nested containers of tensors bit for bit."""
    if isinstance(value, torch.Tensor):
        assert torch.equal(value, other)
    elif isinstance(value, dict):
        assert value.keys() == other.keys()
        for key in value:
            assert_same(value[key], other[key])
    elif isinstance(value, list | tuple):
        for mine, theirs in zip(value, other, strict=True):
            assert_same(mine, theirs)
    else:
        assert value == other


pytestmark = pytest.mark.slow  # most of these train three times
STATE = ("state_dict", "current_model_state", "averaging_state", "optimizer_states", "lr_schedulers", "global_step")


@pytest.mark.parametrize(("first", "ema"), [(3, "0.9"), (4, "null")], ids=["within-an-epoch", "at-its-end"])
def test_an_extended_run_is_the_straight_one_to_the_last_bit(first: int, ema: str, small: list[str]) -> None:
    options = [*small, "schedule=halved", "schedule.epochs=[1]", f"ema={ema}"]
    assert run_command(train, *options, "trainer.max_steps=8", "run_dir=straight") == 0
    assert run_command(train, *options, f"trainer.max_steps={first}", "run_dir=extended") == 0
    shorter = results("extended")
    for length in ("trainer.max_steps=6", "trainer.max_epochs=2 trainer.max_steps=null"):
        assert run_command(train, *options, *length.split(), "run_dir=extended", "ckpt_path=last") == 0
    straight, extended = checkpoint("straight"), checkpoint("extended")
    for key in STATE:
        assert_same(straight.get(key), extended.get(key))
    assert_same(read_weights("straight/weights.safetensors"), read_weights("extended/weights.safetensors"))
    logged = (
        [[row[key] for key in ("step", "epoch", "loss")] for row in log_rows(run)] for run in ("straight", "extended")
    )
    assert_same(*logged)
    segments = [{"steps": steps, "planned": steps} for steps in (first, 6, 8)]
    assert results("extended")["training"]["segments"] == segments
    assert results(f"extended/segments/{first}-steps") == shorter
    assert "rescheduled" not in {key for key, value in yaml_of("extended").items() if value}


def yaml_of(run: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((Path(run) / "config.yaml").read_text())
    return config


def test_an_extended_run_follows_the_curve_of_its_new_length(
    small: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    options = [*small, "run_dir=run", "optimizer.lr=0.001"]
    longer = ["trainer.max_steps=10", "ckpt_path=last"]
    assert run_command(train, *options) == 0
    # It may be killed before its first checkpoint, and is then continued by the same command.
    with monkeypatch.context() as patch:
        patch.setattr(command, "fit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_command(train, *options, *longer)
    assert not Path("run/results.json").exists()
    assert "follows the schedule of the new length" in capfd.readouterr().out
    assert run_command(train, *options, *longer) == 0
    assert "extends" not in (said := capfd.readouterr().out)  # which it did before
    assert "continues run/checkpoints/last.ckpt" in said
    rates = [float(row["lr-Adam"]) for row in log_rows("run") if row["lr-Adam"]]
    assert rates[4:] == pytest.approx([0.0005 * (1 + math.cos(math.pi * step / 10)) for step in range(4, 10)])
    assert yaml_of("run")["rescheduled"] == [4]
    assert run_command(train, *options, "trainer.max_steps=10", "if_exists=continue") == 0
    assert "done already" in capfd.readouterr().out


def test_only_the_run_itself_is_continued(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    asked, repeated = "ckpt_path=last", "if_exists=continue"
    others = {"optimizer.lr=0.5": asked, "optimizer.betas=[0.5,0.9]": repeated, "schedule=halved": asked}
    others |= {"seed=3": repeated, "data.batch_size=2": asked, "ema=0.9": repeated}
    assert run_command(train, *small, "run_dir=run", "trainer.max_steps=1") == 0
    before = Path("run/config.yaml").read_bytes(), Path("run/results.json").read_bytes()
    for other, how in others.items():
        capfd.readouterr()
        # Not even if it is extended at the same time.
        assert run_command(train, *small, "run_dir=run", "trainer.max_steps=2", other, how) == 2
        assert other.partition("=")[0] in capfd.readouterr().err
    assert (Path("run/config.yaml").read_bytes(), Path("run/results.json").read_bytes()) == before
    assert run_command(train, *small, "run_dir=run", "trainer.max_steps=2", repeated) == 2  # a sweep extends nothing
    assert asked in capfd.readouterr().err
    shutil.rmtree("train")
    for how in (asked, repeated):
        assert run_command(train, *small, "run_dir=run", "trainer.max_steps=1", how) == 0
        assert "run: done already" in capfd.readouterr().out


def test_a_run_is_not_continued_with_other_images_of_the_same_names(
    small: list[str], make_image: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *small, "run_dir=run", "trainer.max_steps=1") == 0
    longer = [*small, "run_dir=run", "trainer.max_steps=2", "ckpt_path=last"]
    for number in range(2):
        lr = make_image(Path(f"bench/LR/b{number}.png"), width=18, height=16)
    assert run_command(train, *longer) == 2
    assert "data.eval_lr_dirs" in capfd.readouterr().err
    shutil.rmtree(lr.parent)
    for replaced, option in (("bench/HR/b0.png", "eval_dirs"), ("train/0.png", "train_dirs")):
        make_image(Path(replaced), width=96, height=80, seed=77 + len(option))
        assert run_command(train, *longer) == 2
        assert f"data.{option}" in capfd.readouterr().err
    config = yaml_of("run")
    del config["images"]  # as of a run that began before there were fingerprints
    Path("run/config.yaml").write_text(yaml.safe_dump(config))
    assert run_command(train, *longer) == 0
    assert "fingerprints" in capfd.readouterr().out


def test_a_checkpoint_of_another_run_is_refused_with_what_to_do(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        assert run_command(train, *small, f"run_dir={name}", "trainer.max_steps=1") == 0
    for path in ("a", "a/checkpoints/last.ckpt"):
        assert run_command(train, *small, "run_dir=b", f"ckpt_path={path}", "trainer.max_steps=2") == 2
        assert f"init={path}" in capfd.readouterr().err
    assert results("b")["training"]["steps"] == 1
    assert run_command(train, *small, "run_dir=b", "ckpt_path=b", "trainer.max_steps=2") == 0


def test_the_average_is_the_result_though_only_the_results_were_missing(
    small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [*small, "ema=0.9", "run_dir=run"]
    with monkeypatch.context() as patch:
        patch.setattr(command.training, "collect_results", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_command(train, *options)
    assert run_command(train, *options, "ckpt_path=last") == 0
    _, weights = read_weights("run/weights.safetensors")
    saved = checkpoint("run")
    assert_same(weights, {key.removeprefix("network."): value for key, value in saved["state_dict"].items()})
    assert any(not torch.equal(saved["state_dict"][key], value) for key, value in saved["current_model_state"].items())


def test_a_run_starts_from_the_weights_of_another(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(train, *small, "run_dir=a", "trainer.max_steps=1") == 0
    for source in ("a/weights.safetensors", "a/checkpoints/last.ckpt", "a"):
        still = [*small, f"init={source}", "optimizer.lr=0", "trainer.max_steps=1"]
        assert run_command(train, *still, "run_dir=b") == 0
        assert_same(read_weights("a/weights.safetensors")[1], read_weights("b/weights.safetensors")[1])
        fingerprint = results("b")["training"]["init"]["fingerprint"]
        assert fingerprint == yaml_of("b")["initial"]
        assert f"from the weights of {source} ({fingerprint})" in capfd.readouterr().out
        assert checkpoint("b")["global_step"] == 1
    assert run_command(train, *still, "run_dir=c", "model.residual=none", "model.checkpoint=true") == 0
    assert "other options: residual=bicubic\n" in capfd.readouterr().out
    # The source is not needed any more to continue the run.
    shutil.rmtree("a")
    assert run_command(train, *still, "trainer.max_steps=2", "run_dir=b", "ckpt_path=last") == 0
    assert results("b")["training"]["init"]["fingerprint"] == fingerprint


def test_at_another_scale_the_upsampling_part_is_new_and_may_be_paired(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *small, "scale=2", "run_dir=a", "trainer.max_steps=1") == 0
    still = [*small, "init=a", "optimizer.lr=0", "trainer.max_steps=1"]
    assert run_command(train, *still, "run_dir=c", "scale=2", "paired_init=true") == 2
    assert "paired_init=true" in capfd.readouterr().err
    assert run_command(train, *still, "run_dir=b", "paired_init=true") == 0
    theirs, ours = (read_weights(f"{run}/weights.safetensors")[1] for run in "ab")
    body = {key for key in ours if not key.startswith("UPNet.")}
    assert_same({key: theirs[key] for key in body}, {key: ours[key] for key in body})
    assert set(results("b")["training"]["init"]["new_weights"]) == ours.keys() - body


def test_weights_that_do_not_fit_are_listed(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(train, *small, "model=rdn", "run_dir=a", "trainer.max_steps=1") == 0
    other = [*small, "model=rdn", "model.D=1", "init=a", "trainer.max_steps=1"]
    capfd.readouterr()
    assert run_command(train, *other, "run_dir=b") == 2
    listed = capfd.readouterr().err
    assert "RDBs.1." in listed
    assert "GFF.0.weight" in listed
    assert "RDBs.0." not in listed
    assert not Path("b").exists()
    assert run_command(train, *other, "run_dir=b", "init_partial=true") == 0
    assert results("b")["training"]["init"]["new_weights"] == ["GFF.0.weight"]


def test_a_run_that_was_killed_after_its_last_step_is_shown_as_done_in_all_its_steps(small: list[str]) -> None:
    assert run_command(train, *small, "run_dir=run", "trainer.max_steps=3") == 0
    Path("run/results.json").unlink()
    Path("run/progress.json").write_text('{"step": 2, "total": 3, "psnr": 99.0, "seconds": 1.0}')
    assert run_command(train, *small, "run_dir=run", "trainer.max_steps=3", "ckpt_path=last") == 0
    status = run_status(Path("run"))
    psnr = results("run")["sets"]["bench"]["psnr"]
    assert (status.state, status.step, status.total, status.psnr) == ("done", 3, 3, psnr)
