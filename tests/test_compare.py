"""`python -m aldsr.compare`: one table, if it may be one."""

from itertools import product
from pathlib import Path

import pytest

from aldsr.compare import main
from aldsr.reporting.tables.results import protocol_line, write_results
from tests.analysis.fake_runs import change_config, fake_config, fake_results, write_run, write_variant
from tests.command import refuse, run_command
from tests.evaluation.test_results import benchmark, results


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that may share a table in a and b; of other images in c, under another protocol in d."""
    monkeypatch.chdir(tmp_path)
    contents = {"a": results(), "b": results(), "c": results(bench=benchmark(value=8)), "d": results("rgb")}
    for name, content in contents.items():
        Path(name).mkdir()
        write_results(Path(name), content)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two networks, three seeds each, of which one is better by 1 dB; a run that has not finished."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    folder = Path("benchmarks")
    for label, gain in (("DW-RDN", 0.0), ("ALD-RDN", 1.0)):
        scores = [[30.0 + gain + seed / 100 + image for image in range(5)] for seed in range(3)]
        write_variant(folder, label, {"Set5": scores})
    write_run(folder / "rdn-seed1", fake_config("RDN", 1), None)
    return folder


@pytest.mark.parametrize(
    ("form", "lines", "protocol"),
    [("table", 9, "protocol  Y of"), ("markdown", 7, "- protocol: Y of"), ("latex", 6, "% protocol: Y of")],
)
def test_results_stand_side_by_side_with_their_protocol(
    form: str, lines: int, protocol: str, runs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["a", "b/results.json", "--format", form])
    text = capsys.readouterr().out
    assert len(text.splitlines()) == lines
    for expected in ("bicubic", "ALD-RDN (a)", "ALD-RDN (b/results.json)", "33.00 / 0.9250", protocol):
        assert expected in text  # equal names are followed by their folders


def test_lr_is_said_by_sets_where_it_is_not_alike() -> None:
    first, second = results(), results()
    first["sets"]["B100"] = {**first["sets"]["Set5"], "lr": "made"}
    second["sets"] = {"Set14": {**first["sets"]["Set5"], "lr_track": "mild"}}
    assert protocol_line(results()).endswith("LR given (bicubic)")
    line = "LR given (bicubic) for Set5, made (bicubic) for B100, given (mild) for Set14"
    assert protocol_line(first, second).endswith(line)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["c"], "a and c cannot share a table: the fingerprint of HR of Set5"),
        (["d"], "a and d cannot share a table: the protocol's"),
        (["nowhere"], "nowhere"),
        (["empty"], "empty"),
        (["damaged"], "damaged/config.yaml"),
        (["--against", "RDN"], "--against"),
        (["--fixed-images"], "--fixed-images"),
        (["--grid"], "--grid"),
        (["--format", "csv"], "--format csv"),
        (["--allow-unequal-budgets"], "--allow-unequal-budgets"),
        (["--chart", "cost"], "--chart"),
    ],
)
def test_what_does_not_fit_is_refused(
    arguments: list[str], fault: str, runs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    write_run(Path("damaged"), None, results())
    Path("damaged/config.yaml").write_text("seed: [")
    assert fault in refuse(capsys, main, "a", *arguments)


def test_single_runs_that_were_not_trained_or_measured_alike_are_compared_with_a_warning(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = [study / f"{each}-determinant-seed1" for each in ("dw-rdn", "ald-rdn")]
    main([*map(str, ours)])
    assert "warning" not in capsys.readouterr().out
    longer, half = (fake_results("LDW-RDN", {"Set5": [33.0] * 5}, steps=steps) for steps in (5000, 1000))
    half["network"]["description"] = {**fake_config("LDW-RDN", 1)["model"], "scale": 4}
    half["network"]["description"]["conv"]["gain"] = 3.0
    half["measured"]["precision"], longer["measured"]["precision"] = "bf16-mixed", "32-true"
    write_run(Path("longer"), fake_config("LDW-RDN", 1), longer)
    write_run(Path("half"), None, half)
    main([*map(str, ours), "longer"])
    assert "the number of training steps is '1000' in the one and '5000'" in capsys.readouterr().out
    main(["longer", "half"])
    text = capsys.readouterr().out
    assert "LDW-RDN (gain=3.0)" in text
    assert "not all were measured with the same precision: 32-true, bf16-mixed" in text


@pytest.mark.parametrize(
    ("options", "first", "texts"),
    [
        # Both networks over their seeds, RDN's published score, their difference, and what it is of.
        ([], "benchmarks", ["32.01 ± 0.01", "33.01 ± 0.01", "paper:", "32.47", "+1.000", "5 images × 3 seeds"]),
        (["--against", "ALD-RDN"], "benchmarks", ["Differences from ALD-RDN (det)", "-1.000"]),
        (["--fixed-images"], "benchmarks", ["seeds alone"]),
        (["--format", "markdown"], "**benchmarks", ["Published, not measured by us: Hwang et al., ALDNet, Table I"]),
        (["--format", "latex"], "% benchmarks", ["Published, not measured by us: Hwang et al., ALDNet, Table I"]),
        (["--format", "csv"], "source,", ["\nours,", "\npaper,"]),
    ],
)
def test_a_study_is_laid_out_as_the_papers_table(
    options: list[str], first: str, texts: list[str], study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(study), *options])
    text, notes = capsys.readouterr()
    assert text.startswith(first)
    for expected in texts:
        assert expected in text
    assert "1 run is unfinished: 'rdn-seed1'" in (notes if "csv" in options else text)
    assert "warning" not in text + notes


@pytest.mark.needs("matplotlib")
def test_quality_against_cost_is_drawn_beside_the_table(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study), "--format", "markdown", "--chart", "cost", "--chart-sets", "Set5"])
    text = capsys.readouterr()
    assert text.out.startswith("**benchmarks")
    assert text.err == "chart     cost.png, cost.svg\n"
    assert Path("cost.png").read_bytes().startswith(b"\x89PNG")
    Path("seconds.json").write_text('{"device": "here", "threads": 1, "training": []}')
    assert "--latency" in refuse(capsys, main, study, "--chart", "other", "--latency", "seconds.json")
    for option in ("--latency", "--literature"):
        assert run_command(main, study, option, "seconds.json") == 2
        assert option in capsys.readouterr().err
    source = "network,scale,parameters,multi_adds_720p,set5_psnr,set14_psnr,b100_psnr,urban100_psnr,trained_on,source\n"
    Path("known.csv").write_text(f"{source}IMDN,4,715K,40.9G,32.21,,,,DIV2K,a table\n")
    main([str(study), "--chart", "known", "--literature", "known.csv"])
    assert "IMDN (DIV2K; a table)" in capsys.readouterr().out
    assert "IMDN" in Path("known.svg").read_text()


@pytest.fixture
def backbones(study: Path) -> Path:
    """Three backbones and three blocks without one of the pairs, RDN's without the seed 3, on two sets."""
    for place, (backbone, label) in enumerate(product(("RDN", "EDSR", "IMDN"), ("RDN", "DW-RDN", "ALD-RDN"))):
        for seed in range(0 if (backbone, label) == ("IMDN", "DW-RDN") else 2 + (backbone != "RDN")):
            config, scores = fake_config(label, seed, study="backbones"), [30.0 + place + seed / 100] * 5
            config["model"]["_target_"] = f"aldsr.nn.{backbone}"
            results = fake_results(label.replace("RDN", backbone), {"Set5": scores, "B100": scores})
            write_run(Path("backbones") / f"{backbone}-{label}-{seed}", config, results)
    return Path("backbones")


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ("table", ["30.01 ± 0.01", "200.0 G", "2 seeds", "on B100 (bicubic 28.00)", "protocol"]),
        ("markdown", ["| backbone | standard | DW | ALD (det) |", "| 33.01 ± 0.01 / 200.0 G |", "| - |"]),
        ("latex", ["IMDN & 36.01 $\\pm$ 0.01 / 200.0 G & - & 38.01"]),
        ("csv", ["EDSR,DW,B100,5,3,34.01,0.01", "RDN,standard,Set5,5,2,30.005"]),
    ],
)
def test_backbones_and_blocks_are_rows_and_columns(
    form: str, texts: list[str], backbones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(backbones), "--grid", "--format", form])
    text = capsys.readouterr().out
    assert all(expected in text for expected in texts)


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ("table", ["on B100, less that of the same backbone with DW, 95 % intervals", "+1.000", "; 8 intervals"]),
        (
            "markdown",
            ["| backbone | standard | ALD (det) |", "| EDSR | -1.000, [-1.000, -1.000] | +1.000, [+1.000, +1."],
        ),
        ("latex", ["RDN & -1.000, [-1.000, -1.000], 2 seeds & +1.000"]),
        ("csv", [",psnr,sd,multi_adds,less,difference,low,high,pairs", ",DW,1.0,1.0,1.0,3", "EDSR,DW,Set5", ",,,,,"]),
    ],
)
def test_blocks_are_compared_within_each_backbone(
    form: str, texts: list[str], backbones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(backbones), "--grid", "--against", "dw", "--format", form])
    text = capsys.readouterr().out
    assert all(expected in text for expected in texts)


def test_what_is_no_grid_is_refused(study: Path, backbones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--grid: is for at least two" in refuse(capsys, main, study, "--grid")
    assert "standard, DW, ALD (det)" in refuse(capsys, main, backbones, "--grid", "--against", "RDN")
    change_config(backbones / "EDSR-DW-RDN-2", {"model.n_feats": 16})
    assert "both EDSR with the block DW" in refuse(capsys, main, backbones, "--grid")
    assert run_command(main, backbones, "--grid", "--fixed-images") == 2


def test_studies_and_runs_beside_them_become_one(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label, psnr in (("RDN", 34.0), ("LDW-RDN", 32.0)):
        write_variant(Path("others"), label, {"Set5": [[psnr] * 5] * 3}, study="linearity")
    main([str(study), *map(str, Path("others").glob("rdn-*"))])
    text = capsys.readouterr().out
    assert "33.01 ± 0.01" in text
    assert "34.00 ± 0.00" in text
    assert "LDW-RDN" not in text.partition("paper:")[0]
    main([str(study), "others", str(study)])  # what is named twice counts once
    text = capsys.readouterr().out
    assert text.startswith("benchmarks + linearity")
    assert "with network and seed of another run" not in text


def test_unequal_budgets_are_compared_only_with_a_warning(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_config(study / "dw-rdn-determinant-seed2", {"data.patch_size": 48})
    assert "data.patch_size" in refuse(capsys, main, study)
    main([str(study), "--allow-unequal-budgets"])
    assert "warning   " in capsys.readouterr().out
