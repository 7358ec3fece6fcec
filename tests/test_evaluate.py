"""`python -m aldsr.evaluate` as a user meets it."""

import json
from pathlib import Path

import pytest

from aldsr.evaluate import evaluate
from aldsr.train import train
from tests.command import run_command

BENCH = ["data=folder", "data.eval_dirs=[bench]", "trainer=cpu"]


def test_a_checkpoint_scores_what_its_run_scored(small: list[str]) -> None:
    assert run_command(train, *small, "run_dir=run", "model=dw_rdn", "model.residual=none") == 0
    assert run_command(evaluate, "ckpt_path=run/checkpoints/last.ckpt", *BENCH) == 0
    trained, measured = (json.loads(Path(p, "results.json").read_text()) for p in ("run", "run/evaluation"))
    assert measured["sets"] == trained["sets"]
    assert measured["bicubic"] == trained["bicubic"]
    assert measured["network"] == trained["network"]


def test_bicubic_needs_no_network(small: list[str]) -> None:
    assert run_command(evaluate, "model=bicubic", *BENCH, "scale=2", "run_dir=out") == 0
    results = json.loads(Path("out/results.json").read_text())
    assert results["sets"]["bench"]["psnr_y"] == results["bicubic"]["bench"]["psnr_y"]
    assert results["network"]["parameters"] == 0
    assert results["protocol"]["scale"] == 2


@pytest.mark.slow
def test_two_ranks_score_every_image_once(small: list[str]) -> None:
    for ranks in (1, 2):
        devices = ["trainer.strategy=ddp", f"trainer.devices={ranks}"] if ranks > 1 else []
        assert run_command(evaluate, "model=bicubic", *BENCH, *devices, f"run_dir=out{ranks}") == 0
    one, two = (json.loads(Path(f"out{ranks}", "results.json").read_text()) for ranks in (1, 2))
    assert one["sets"] == two["sets"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model=bicubic", "ckpt_path=x.ckpt"], "give either model or ckpt_path"),
        ([], "nothing to measure"),
        (["ckpt_path=x.ckpt"], "x.ckpt: no such checkpoint file"),
        (["model=bicubic", "data.eval_dirs=[nowhere]"], "nowhere: expected a folder of images"),
    ],
)
def test_mistakes_get_one_sentence(
    arguments: list[str], said: str, small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(evaluate, *BENCH, *arguments) == 2
    error = capfd.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_known_answers_of_bicubic_on_set5(shared: Path, tmp_path: Path) -> None:
    """28.42 dB / 0.8104 in the literature, which does not say how often it rounds."""
    bench = shared.resolve() / "data" / "benchmarks" / "Set5"
    out = tmp_path / "out"
    assert run_command(evaluate, "model=bicubic", "data=folder", f"data.eval_dirs=[{bench}]", f"run_dir={out}") == 0
    results = json.loads((out / "results.json").read_text())["sets"]["Set5"]
    assert results["psnr_y"] == pytest.approx(28.42, abs=0.02)
    assert results["ssim_y"] == pytest.approx(0.8104, abs=0.001)
    assert results["lr"] == "given"
