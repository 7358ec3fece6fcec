"""`python -m aldsr.evaluate` as a user meets it."""

import shutil
from math import inf
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch

from aldsr.compare import main as compare
from aldsr.evaluate import evaluate
from aldsr.evaluation.results import read_results
from aldsr.export import main as export
from aldsr.nn import StandardBlock
from aldsr.nn.weights import load_network, read_degradation
from aldsr.train import train
from tests.command import refuse, run_command
from tests.stopping import checkpoint, results

BENCH = ["data=folder", "data.eval_dirs=[bench]", "trainer=cpu"]
BICUBIC = ["model=bicubic", *BENCH]
TINY = ["model=ald_rdn", "size=tiny", "model.residual=none", *BENCH]


def bench(folder: str) -> Any:
    return results(folder)["sets"]["bench"]


def test_a_network_in_a_file_scores_what_its_run_scored(small: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(train, *small, "run_dir=run", "model=dw_rdn", "model.residual=none") == 0
    for file, out in (
        ("checkpoints/last.ckpt", "run/evaluation"),
        ("weights.safetensors", "run/weights"),
        ("", "run/weights"),
    ):
        assert run_command(evaluate, f"ckpt_path=run/{file}", *BENCH) == 0
        for part in ("sets", "bicubic", "network", "protocol"):
            assert results(out)[part] == results("run")[part]
    for option in ("scale=2", "size=small", "seed=1"):  # the file brings its own
        assert option in refuse(capsys, evaluate, f"ckpt_path=run/{file}", *BENCH, option)


def test_lr_is_made_as_the_run_of_a_checkpoint_had_it_unless_another_way_is_asked_for(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *small, "degradation=blur_jpeg", "degradation.noise.sigma=2", "run_dir=run") == 0
    tracks = {"": bench("run")["lr_track"], "degradation=bd": "bd", "degradation=bicubic": "bicubic"}
    shutil.copy("run/weights.safetensors", "elsewhere.safetensors")
    shutil.copy("run/checkpoints/last.ckpt", "elsewhere.ckpt")
    assert run_command(export, "run/checkpoints/last.ckpt", "-o", "exported.safetensors") == 0
    files = {"run": ["", "degradation=bicubic"], "run/checkpoints/last.ckpt": [""], "elsewhere.ckpt": [""]}
    files |= {"exported.safetensors": [""], "elsewhere.safetensors": [*tracks]}
    for file, asked in ((file, each) for file, several in files.items() for each in several):
        capfd.readouterr()
        assert run_command(evaluate, f"ckpt_path={file}", *BENCH, *asked.split(), "run_dir=out") == 0
        assert bench("out")["lr_track"] == tracks[asked]
        assert ("degradation=bicubic" in capfd.readouterr().out) is not bool(asked)
        assert (bench("out")["images"] == bench("run")["images"]) is not bool(asked)
    trained = read_degradation("elsewhere.safetensors")
    assert trained
    assert read_degradation("out/deployed.safetensors") == trained  # not what it was measured on


def test_where_it_is_not_known_how_lr_was_made_bicubic_is_announced(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *small, "degradation=bd", "scale=3", "run_dir=run") == 0
    older = checkpoint("run")
    del older["degradation"]
    for file, track in (("old.ckpt", "bicubic"), ("run/checkpoints/old.ckpt", "bd")):
        torch.save(older, file)
        capfd.readouterr()
        assert run_command(evaluate, f"ckpt_path={file}", *BENCH, "run_dir=out") == 0
        assert ("not known" in capfd.readouterr().out) is (track == "bicubic")
        assert bench("out")["lr_track"] == track


def test_bicubic_needs_no_network(small: list[str]) -> None:
    assert run_command(evaluate, *BICUBIC, "scale=2", "run_dir=out") == 0
    found = results("out")
    assert found["sets"]["bench"]["psnr"] == found["bicubic"]["bench"]["psnr"]
    assert found["network"]["parameters"] == 0
    assert found["protocol"]["scale"] == 2


@pytest.mark.slow
def test_saved_images_score_the_same_as_predictions(small: list[str], make_image: Any) -> None:
    make_image(Path("other/c.png"), width=64, height=64, seed=3)
    both = [*TINY, "data.eval_dirs=[bench,other]"]
    assert run_command(evaluate, *both, "save_images=sr", "run_dir=out") == 0
    assert sorted(path.name for path in Path("sr/bench").iterdir()) == ["b0_x4_SR.png", "b1_x4_SR.png"]
    assert run_command(evaluate, "predictions=sr", *BENCH, both[-1], "run_dir=again") == 0
    out, again = results("out"), results("again")
    assert again["bicubic"] == out["bicubic"]
    for name, scores in again["sets"].items():
        assert {**out["sets"][name], "lr": "not known", "lr_track": None, "lr_fingerprint": None} == scores
    assert again["network"] == {"label": "sr", "parameters": None, "multi_adds": None}


@pytest.mark.slow
def test_self_ensemble_and_precision_change_the_scores_and_are_recorded_with_costs_if_asked(
    small: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("aldsr.evaluation.cost.OUTPUT", (64, 64))
    for run, option in (("plain", "cost=full"), ("plus", "self_ensemble=true"), ("bf16", "precision=bf16-mixed")):
        assert run_command(evaluate, *TINY, option, f"run_dir={run}") == 0
    assert len({bench(run)["psnr"] for run in ("plain", "plus", "bf16")}) == 3
    assert results("plus")["network"]["label"] == "ALD-RDN+ (untrained)"
    assert results("plus")["measured"]["self_ensemble"] is True
    assert results("bf16")["measured"]["precision"] == "bf16-mixed"
    cost, network = results("plain")["cost"], results("plain")["network"]
    assert cost["folded"]["parameters"] < cost["unfolded"]["parameters"] == network["parameters"]
    assert cost["folded"]["activations_256x256"] > 0
    assert "ALD-RDN (untrained), folded" in capfd.readouterr().out
    assert "cost=all" in refuse(capfd, evaluate, *TINY, "cost=all")


@pytest.mark.parametrize(("backbone", "told"), [("rcan", True), ("edsr", False)])
def test_tiles_of_a_network_that_averages_over_the_image_are_told(
    small: list[str], backbone: str, told: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    network = [f"backbone={backbone}", "block=standard", "size=tiny", *BENCH]
    for tile in ("32", "null"):
        assert run_command(evaluate, *network, f"tile={tile}", "run_dir=out") == 0
        assert ("tile=null" in capfd.readouterr().out) is (told and tile == "32")


def test_only_the_same_measurement_is_written_over_and_another_one_moves_it_aside(
    small: list[str], make_image: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("other/b0", "other/b1", "sr/b0", "sr/b1"):
        make_image(Path(f"{name}.png"), width=72, height=64)
    others = (["protocol=rgb"], ["scale=2"], ["data.eval_dirs=[other]"], ["tile=32"], [])
    measurements = [*([*BICUBIC, *other] for other in others), TINY, ["predictions=sr", *BENCH]]
    for number, measurement in enumerate([*measurements, measurements[-1], measurements[-1]]):
        for again in (False, True):
            assert run_command(evaluate, *measurement, "run_dir=out") == 0
            assert len(list(Path.cwd().glob("out-archived-*"))) == number
            assert ("out-archived-" in capfd.readouterr().out) is bool(number and not again)
        if number >= len(measurements) - 1:  # next, other content of the same name
            make_image(Path("sr/b0.png" if number % 2 else "bench/HR/b0.png"), width=72, height=64, seed=30)
    Path("out/config.yaml").unlink()  # results of unknown settings
    assert run_command(evaluate, *BICUBIC, "run_dir=out") == 0
    assert len({path.read_text() for path in Path.cwd().glob("out*/results.json")}) == 10


def test_what_an_evaluation_must_not_move_or_write_over_is_refused(
    small: list[str], make_image: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(train, *small, "run_dir=run") == 0
    for _ in range(2):  # the same may be
        assert run_command(evaluate, *TINY, "save_images=sr", "run_dir=out") == 0
    shutil.copytree("bench/HR", "out/x")
    for name in ("b0", "b1"):
        make_image(Path("out/y", f"{name}.png"), width=18, height=16)
    before = {path: path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file()}
    inside = [["data.eval_dirs=[out/x]", "run_dir=out"], ["data.eval_lr_dirs=[out/y]", "run_dir=out"]]
    for asked in (["run_dir=run"], *inside, ["save_images=sr"]):
        assert asked[-1] in refuse(capsys, evaluate, *BICUBIC, "run_dir=new", *asked)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_images_with_the_longest_names_are_kept_found_again_and_may_equal_hr(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        Path(f"bench/HR/b{number}.png").rename(f"bench/HR/{'n' * 250}{number}.png")
    assert run_command(evaluate, *BICUBIC, "save_images=sr", "run_dir=out") == 0
    assert run_command(evaluate, *BENCH, "predictions=sr", "run_dir=again") == 0
    assert bench("again")["images"] == bench("out")["images"]
    assert len(list(Path("again/pictures").iterdir())) == 2
    assert run_command(evaluate, *BENCH, "predictions=bench/HR", "run_dir=equal") == 0
    assert bench("equal")["psnr"] is None
    assert read_results("equal")["sets"]["bench"]["psnr"] == inf
    assert "nan" not in capfd.readouterr().out


def test_the_same_prediction_is_explained_under_every_protocol(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(evaluate, *BICUBIC, "protocol=explain", "run_dir=out") == 0
    said = capfd.readouterr().out
    for name in ("y", "rgb", "y_full_range", "pooled"):
        assert run_command(evaluate, *BICUBIC, f"protocol={name}", f"run_dir={name}") == 0
        alone = {key: value for key, value in results(name).items() if key in ("protocol", "sets", "bicubic")}
        assert {key: results("out")["explained"][name][key] for key in alone} == alone
        assert name in said
    assert results("out")["sets"] == results("y")["sets"]
    assert len({bench(name)["psnr"] for name in ("y", "rgb", "y_full_range", "pooled")}) == 4


def test_measures_beside_psnr_and_ssim_are_of_every_image_and_stand_in_every_table(
    small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(evaluate, *BICUBIC, "save_images=saved", "run_dir=plain") == 0
    assert run_command(evaluate, *BICUBIC, "measures=[vif]", "run_dir=bicubic") == 0
    assert "VIF" in capfd.readouterr().out
    assert run_command(evaluate, *BENCH, "predictions=saved", "measures=vif", "run_dir=stored") == 0
    plain, found = results("plain"), bench("bicubic")
    assert results("bicubic")["protocol"] == {**plain["protocol"], "vif": "pixel domain, range 255"}
    assert "vif" not in str(plain)
    for image, scores in found["images"].items():
        assert scores == {**bench("plain")["images"][image], "vif": scores["vif"]}
    assert found["vif"] == pytest.approx(fmean(each["vif"] for each in found["images"].values()))
    assert bench("stored")["images"] == found["images"]
    assert ",vif,bicubic_vif" in Path("bicubic/results.csv").read_text()
    assert "bench, VIF" in Path("bicubic/table.md").read_text()
    capfd.readouterr()
    compare(["plain", "bicubic", "stored"])
    assert "VIF" in capfd.readouterr().out
    assert run_command(evaluate, *BICUBIC, "save_images=saved", "measures=[]", "run_dir=plain") == 0
    assert not list(Path().glob("plain-archived*"))


def test_the_deployed_form_scores_the_same_and_is_kept_as_a_weights_file(
    small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aldsr.nn.deployment.is_faster", lambda *_: True)
    assert run_command(train, *small, "run_dir=run") == 0
    given = ["ckpt_path=run/weights.safetensors", *BENCH]
    for deploy in ("true", "false"):
        assert run_command(evaluate, *given, f"deploy={deploy}", f"run_dir=deploy-{deploy}") == 0
    for image, values in bench("deploy-true")["images"].items():
        assert values["psnr"] == pytest.approx(bench("deploy-false")["images"][image]["psnr"], abs=1e-3)
    network, description = load_network("deploy-true/deployed.safetensors")
    assert sum(isinstance(module, StandardBlock) for module in network.modules()) == len(description["collapsed"]) == 4
    assert not Path("deploy-false/deployed.safetensors").exists()
    assert run_command(evaluate, "ckpt_path=deploy-true/deployed.safetensors", *given[1:], "run_dir=again") == 0
    assert results("again")["network"]["label"] == "ALD-RDN (folded)"  # not an LDW-RDN that was trained as one


@pytest.mark.slow
def test_two_ranks_score_every_image_once(small: list[str]) -> None:
    for ranks in (1, 2):
        devices = ["trainer.strategy=ddp", f"trainer.devices={ranks}"] if ranks > 1 else []
        assert run_command(evaluate, *BICUBIC, *devices, f"run_dir=out{ranks}") == 0
    assert results("out1")["sets"] == results("out2")["sets"]


UNUSED = (
    *("trainer.precision=16-mixed", "data.batch_size=4", "data.train_dirs=[train]", "allow_code=[mine]", "overlap=4"),
    *("protocol=rgb gray=direct", "protocol=unshaved shave=4", "datasets=train", "descriptor=avg"),
    *("self_ensemble=true cost=true", "tile=32 cost=full"),
    *(f"protocol=explain {option}" for option in ("measures=[vif]", "shave=0", "gray=direct")),
)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["model=bicubic", "ckpt_path=x.ckpt"], "model=bicubic and ckpt_path=x.ckpt"),
        ([], "nothing to measure"),
        (["ckpt_path=x.ckpt"], "x.ckpt"),
        (["model=bicubic", "data.eval_dirs=[nowhere]"], "nowhere"),
        (["predictions=nowhere"], "nowhere"),
        (["predictions=train"], "'b0', 'b1'"),
        (["model=bicubic", "protocol=yuv"], "protocol=yuv"),
        (["model=bicubic", "gray=none"], "gray=none"),
        (["model=bicubic", "tile=16"], "tile=16"),
        (["model=ald_rdn", "kernels=triton"], "kernels=triton"),
        *((["model=bicubic", *option.split()], option.split()[-1]) for option in UNUSED),
        *((["predictions=bench", option], option) for option in ("tile=32", "self_ensemble=true", "size=small")),
        (["model=bicubic", "data.eval_dirs=[]"], "data.eval_dirs=[]"),
        (["model=bicubic", "shave=28"], "bench: 'b0', 'b1'"),
        (["model=bicubic", "measures=[vif,ms_ssim]"], "bench: 'b0', 'b1'"),
        *((["model=bicubic", f"measures=[{each}]"], f"measures=[{each}]") for each in ("fid", "1")),
        (["model=bicubic", "data.eval_dirs=[null]"], "data.eval_dirs"),
        *(([f"{option}=2024"], "2024: ") for option in ("ckpt_path", "predictions")),
        (["model=bicubic", "save_images=bench/HR/b0.png"], "save_images=bench/HR/b0.png: "),
    ],
)
def test_mistakes_get_one_sentence(
    arguments: list[str], named: str, small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in refuse(capsys, evaluate, *BENCH, *arguments, "run_dir=out")
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("name", "protocol", "psnr", "ssim"),
    [("Set5", "y_uint8", 28.42, 0.8104), ("Set14", "gray_direct", 26.00, 0.7027)],
)
def test_known_answers_of_bicubic(
    name: str, protocol: str, psnr: float, ssim: float, shared: Path, tmp_path: Path
) -> None:
    """The literature's, within 0.01 dB and 0.0005; why Y is rounded for Set5: experiments/bicubic_baseline."""
    place = shared / "data" / "benchmarks" / name
    options = ["data=folder", f"data.eval_dirs=[{place}]", f"protocol={protocol}", "trainer=cpu"]
    assert run_command(evaluate, "model=bicubic", *options, f"run_dir={tmp_path}") == 0
    found = results(tmp_path)["sets"][name]
    assert found["psnr"] == pytest.approx(psnr, abs=0.01)
    assert found["ssim"] == pytest.approx(ssim, abs=0.0005)
    assert found["lr"] == "given"


def test_known_answers_of_rdns_own_images(shared: Path, tmp_path: Path) -> None:
    """The files of yulunzhang/RDN: the first cell of ALDNet's Table I."""
    place = shared / "data" / "rdn_official_x4"
    options = [f"predictions={place / 'SR'}", "data=folder", f"data.eval_dirs=[{place}]", "scale=4", "trainer=cpu"]
    assert run_command(evaluate, *options, f"run_dir={tmp_path}") == 0
    found = results(tmp_path)["sets"]["rdn_official_x4"]
    assert found["psnr"] == pytest.approx(32.4689, abs=5e-5)
    assert found["ssim"] == pytest.approx(0.8990, abs=5e-5)
    expected = {"baby": 33.8985, "bird": 35.5126, "butterfly": 29.1199, "head": 32.9879, "woman": 30.8256}
    assert {name: round(image["psnr"], 4) for name, image in found["images"].items()} == expected
