"""`model=external` as a user meets it: anyone's network in every command."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from aldsr.benchmark import main as benchmark
from aldsr.compare import main as compare
from aldsr.convert import main as convert
from aldsr.evaluate import evaluate
from aldsr.export import main as export
from aldsr.figure import main as figure
from aldsr.report import main as report
from aldsr.train import train
from aldsr.upscale import main as upscale
from tests.command import refuse, run_command
from tests.otherlab.odd import Bytes
from tests.stopping import results

BENCH = ["data=folder", "data.eval_dirs=[bench]", "trainer=cpu"]
CODE = "allow_code=[tests]"
BYTES = ["external.target=tests.otherlab.odd.Bytes", "external.value_range=255", "external.channel_order=bgr"]
EXTERNAL = ["model=external", *BYTES, "external.args.scale=4", CODE]
WEIGHTS = "external.weights=w.pth"


@pytest.fixture
def weights(small: list[str]) -> list[str]:
    """Overrides for a training of seconds of `EXTERNAL`, beside `w.pth` with weights of it."""
    torch.save({"params_ema": Bytes(4).state_dict()}, "w.pth")
    return [each for each in small if not each.startswith("size=")]


def test_its_folder_is_a_runs_in_every_command(
    weights: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.OUTPUT", (64, 64))
    for run, more in (("out", ["cost=true"]), ("plus", ["self_ensemble=true", "tile=17", "name=Mine"])):
        assert run_command(evaluate, *EXTERNAL, WEIGHTS, *BENCH, f"run_dir={run}", *more) == 0
    assert [results(run)["network"]["label"] for run in ("out", "plus")] == ["Bytes", "Mine"]
    assert results("out")["cost"]["unfolded"]["parameters"] == 2
    assert results("out")["sets"]["bench"]["psnr"] == pytest.approx(results("plus")["sets"]["bench"]["psnr"], abs=0.01)
    assert run_command(evaluate, "ckpt_path=out", CODE, *BENCH, "run_dir=again") == 0
    assert results("again")["sets"] == results("out")["sets"]
    code = "--allow-code", "tests"
    assert run_command(upscale, "bench/HR/b0.png", "-o", "sr.png", "--weights", "out", *code) == 0
    with Image.open("sr.png") as picture:
        assert picture.size == (288, 256)
    assert run_command(export, "out", "-o", "w.safetensors", *code) == 0
    assert run_command(compare, "out", "plus", "again") == 0
    assert run_command(report, "out", "plus", "-o", "report.html", *code) == 0
    assert "Mine" in Path("report.html").read_text()
    for run in ("ckpt_path=out", "ckpt_path=w.safetensors"):
        assert "allow_code=[tests]" in refuse(capsys, evaluate, run, *BENCH)


@pytest.mark.slow
@pytest.mark.needs("matplotlib")
@pytest.mark.needs("onnx")
def test_it_is_timed_drawn_and_written_for_other_programs(weights: list[str]) -> None:
    assert run_command(evaluate, *EXTERNAL, WEIGHTS, *BENCH, "run_dir=out") == 0
    code = "--allow-code", "tests"
    assert run_command(benchmark, "deployed", "--networks", "out", "--rounds", "1", *code) == 0
    assert run_command(figure, "out", "--image", "bench/HR/b0.png", "-o", "fig.png", *code) == 0
    assert run_command(export, "out", "-o", "w.pt2", *code) == 0


@pytest.mark.needs("onnxscript")
@pytest.mark.slow
def test_a_network_that_is_padded_becomes_onnx_for_any_size(weights: list[str]) -> None:
    options = ["external.target=tests.otherlab.odd.Repeat", "external.args.scale=4", "external.multiple_of=4"]
    assert run_command(evaluate, "model=external", *options, WEIGHTS, CODE, *BENCH, "run_dir=out") == 0
    assert run_command(export, "out", "-o", "w.onnx", "--allow-code", "tests") == 0


def test_it_is_trained_from_its_weights_or_a_folder(weights: list[str]) -> None:
    for run, more in (("a", [WEIGHTS]), ("b", ["init=w.pth"]), ("c", [])):
        assert run_command(train, *EXTERNAL, *weights, *more, f"run_dir={run}") == 0
    assert results("a")["sets"] == results("b")["sets"]
    assert results("a")["training"]["init"] == results("b")["training"]["init"]
    assert "init" not in results("c")["training"]
    assert run_command(train, *EXTERNAL, *weights, "init=a", "run_dir=d") == 0
    assert results("d")["training"]["init"]["source"] == "a"
    assert run_command(evaluate, "ckpt_path=d", CODE, *BENCH, "run_dir=out") == 0
    assert results("out")["sets"]["bench"]["psnr"] == results("d")["sets"]["bench"]["psnr"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (EXTERNAL, "external.weights"),
        (["model=external", CODE], "external.target"),
        (["model=external", *BYTES, WEIGHTS], "allow_code=[tests]"),
        ([*EXTERNAL, WEIGHTS, "external.args.nf=3"], "nf"),
        ([*EXTERNAL, WEIGHTS, "+external.kind=3"], "kind"),
        ([*EXTERNAL, WEIGHTS, "size=tiny"], "size=tiny"),
        ([*EXTERNAL, WEIGHTS, "scale=2"], "scale="),
        ([*EXTERNAL, WEIGHTS, "external.half=false", "precision=bf16-mixed"], "bf16-mixed"),
        ([*EXTERNAL, "external.weights=nowhere.pth"], "nowhere.pth"),
        ([*EXTERNAL[:-2], CODE, "external.args=3"], "external.args"),
        (["model=external", "external=3"], "external"),
        ([*EXTERNAL, "external.target=Net"], "external.target=Net"),
        ([*EXTERNAL, "external.target=tests.otherlab.odd.settings", WEIGHTS], "dict"),
        (["model=bicubic", "external.value_range=255"], "model=external"),
        (["model=bicubic", "external.args.nf=64"], "model=external"),
        (["model=bicubic", CODE], "allow_code"),
    ],
)
def test_what_would_measure_something_else_is_refused(
    options: list[str], named: str, weights: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in refuse(capsys, evaluate, *options, *BENCH, "run_dir=out")
    assert not Path("out").exists()


def test_what_would_train_something_else_is_refused(weights: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"gain": torch.ones(2)}, "other.pth")
    for options, named in (
        ([*EXTERNAL, WEIGHTS, "init=w.pth"], "init"),
        ([*EXTERNAL, "init=other.pth"], "network.gain"),
        ([*EXTERNAL, "external.half=false", "trainer.precision=bf16-mixed"], "bf16-mixed"),
        ([*EXTERNAL, "block=ldw"], "block=ldw"),
        (["external.weights=w.pth"], "model=external"),
        ([CODE], "allow_code"),
    ):
        assert named in refuse(capsys, train, *weights, *options, "run_dir=out")
    assert not Path("out").exists()


@pytest.mark.slow
def test_published_weights_score_the_same_in_a_plain_class_and_in_our_network(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = shared / "published" / "IMDN_x4.pth"
    if not published.is_file():
        pytest.skip(f"no {published}")
    monkeypatch.chdir(tmp_path)
    assert run_command(convert, published, "-o", "ours.safetensors") == 0
    bench = ["data=folder", f"data.eval_dirs=[{shared}/data/benchmarks/Set5]", "trainer=cpu"]
    plain = ["external.target=tests.nn.published.IMDN", "external.args.scale=4", "external.args.nf=64", CODE]
    theirs = ["model=external", *plain, f"external.weights={published}"]
    assert run_command(evaluate, *theirs, *bench, "run_dir=theirs") == 0
    assert run_command(evaluate, "ckpt_path=ours.safetensors", *bench, "run_dir=ours") == 0
    for measure, value in (("psnr", 32.21), ("ssim", 0.8948)):
        found = [results(run)["sets"]["Set5"][measure] for run in ("theirs", "ours")]
        assert found[0] == pytest.approx(found[1], abs=1e-5)  # a rounding may move a pixel by one level
        assert round(found[0], 2 if measure == "psnr" else 4) == value
    for counted in ("parameters", "multi_adds"):
        assert results("theirs")["network"][counted] == results("ours")["network"][counted]
