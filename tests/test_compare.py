"""`python -m aldsr.compare`: one table, if it may be one."""

from pathlib import Path

import pytest

from aldsr.compare import main
from aldsr.reporting.tables.results import write_results
from tests.analysis.fake_runs import change_config, fake_config, fake_results, write_run, write_variant
from tests.evaluation.test_results import benchmark, results


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that may share a table in a and b; of other images in c, under another protocol in d."""
    monkeypatch.chdir(tmp_path)
    others = {
        "a": results(),
        "b": results("RDN"),
        "c": results(bench=benchmark(value=8)),
        "d": results(protocol="rgb"),
    }
    for name, content in others.items():
        Path(name).mkdir()
        write_results(Path(name), content)


def test_results_stand_side_by_side(runs: None, capsys: pytest.CaptureFixture[str]) -> None:
    main(["a", "b/results.json"])
    said = capsys.readouterr().out
    for expected in ("bicubic", "ALD-RDN", "RDN", "33.00 / 0.9250", "protocol  Y of YCbCr"):
        assert expected in said


def test_two_of_one_name_are_told_apart(runs: None, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a").rename("first")
    write_results(Path("b"), results())
    main(["first", "b", "--format", "markdown"])
    said = capsys.readouterr().out
    assert "| ALD-RDN (first) |" in said
    assert "| ALD-RDN (b) |" in said


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_formats_for_papers_are_nothing_but_the_table(
    form: str, runs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["a", "--format", form])
    assert len(capsys.readouterr().out.splitlines()) == {"markdown": 4, "latex": 3}[form]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("c", "a and c cannot share a table: the fingerprint of HR of Set5 is"),
        ("d", "a and d cannot share a table: the protocol's"),
        ("nowhere", "nowhere: no such file; expected a run's folder or its results.json"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(
    other: str, said: str, runs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["a", other])
    assert leaving.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two networks, three seeds each, of which one is better by 1 dB; a run that has not finished."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    folder = Path("benchmarks")
    for label, gain in (("DW-RDN", 0.0), ("ALD-RDN", 1.0)):
        table = [[30.0 + gain + seed / 100 + image for image in range(5)] for seed in range(3)]
        write_variant(folder, label, {"Set5": table})
    write_run(folder / "rdn-seed1", fake_config("RDN", 1), None)
    return folder


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence of a mistake."""
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_study_is_laid_out_as_the_papers_table(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study)])
    said = capsys.readouterr().out
    for expected in (
        "32.01 ± 0.01",  # DW-RDN over its seeds
        "33.01 ± 0.01",
        "paper:",
        "32.47",  # RDN's, which was not measured here
        "Differences from DW-RDN",
        "+1.000",
        "5 images × 3 seeds",
        "left out  1 run is unfinished: rdn-seed1",
    ):
        assert expected in said
    assert "warning" not in said


@pytest.mark.parametrize("width", [80, 100, 120])
def test_tables_fit_the_terminal(
    width: int, study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    main([str(study)])
    tables = capsys.readouterr().out.partition("protocol")[0]
    assert max(map(len, tables.splitlines())) <= width
    assert "…" not in tables


def test_the_same_study_says_the_same(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for _ in range(2):
        main([str(study)])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize(("form", "first"), [("markdown", "**benchmarks"), ("latex", "% benchmarks")])
def test_a_study_for_papers(form: str, first: str, study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study), "--format", form])
    said = capsys.readouterr().out
    assert said.startswith(first)
    assert "Published, not measured by us: Hwang et al., ALDNet, Table I" in said
    assert "rdn-seed1" in said


def test_a_study_as_csv_is_nothing_but_rows(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study), "--format", "csv"])
    said = capsys.readouterr()
    assert {line.partition(",")[0] for line in said.out.splitlines()} == {"source", "ours", "paper"}
    assert "left out: 1 run is unfinished: rdn-seed1" in said.err


def test_quality_against_cost_is_drawn_beside_the_table(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study), "--format", "markdown", "--chart", "cost", "--chart-sets", "Set5"])
    said = capsys.readouterr()
    assert said.out.startswith("**benchmarks")
    assert said.err == "chart     cost.png, cost.svg\n"
    assert Path("cost.png").read_bytes().startswith(b"\x89PNG")
    Path("seconds.json").write_text('{"device": "here", "threads": 1, "deployed": []}')
    assert "--latency: its file has no seconds of DW-RDN" in refused(
        [str(study), "--chart", "other", "--latency", "seconds.json"], capsys
    )
    assert not Path("other.png").exists()
    with pytest.raises(SystemExit, match="2"):
        main([str(study), "--latency", "seconds.json"])
    assert "--latency and --chart-sets: are of a chart" in capsys.readouterr().err


def test_what_the_others_are_held_against_can_be_chosen(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study), "--against", "ALD-RDN"])
    said = capsys.readouterr().out
    assert "Differences from ALD-RDN (det)" in said
    assert "-1.000" in said
    assert "--against 'SwinIR': no variant of this study; expected one of: DW-RDN, ALD-RDN (det)" in refused(
        [str(study), "--against", "SwinIR"], capsys
    )


def test_studies_and_runs_beside_them_become_one(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label, psnr in (("RDN", 34.0), ("LDW-RDN", 32.0)):
        write_variant(Path("others"), label, {"Set5": [[psnr] * 5] * 3}, study="linearity")
    main([str(study), *map(str, Path("others").glob("rdn-*"))])
    said = capsys.readouterr().out
    assert "33.01 ± 0.01" in said
    assert "34.00 ± 0.00" in said
    assert "LDW-RDN" not in said.partition("paper:")[0]
    main([str(study), "others", str(study)])  # what is named twice counts once
    said = capsys.readouterr().out
    assert said.startswith("benchmarks + linearity")
    assert "with network and seed of another run" not in said


def test_unequal_budgets_are_compared_only_with_a_warning(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_config(study / "dw-rdn-determinant-seed2", {"data.patch_size": 48})
    said = refused([str(study)], capsys)
    assert "data.patch_size is '24' in the one and '48' in the other" in said
    assert f"{study}/ald-rdn-determinant-seed1 and {study}/dw-rdn-determinant-seed2" in said
    main([str(study), "--allow-unequal-budgets"])
    assert "warning   " in capsys.readouterr().out


def test_a_study_of_several_protocols_is_refused(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = fake_results("RDN", {"Set5": [30.0] * 5})
    other["protocol"]["colour"] = "rgb"
    write_run(study / "rdn-seed1", fake_config("RDN", 1), other)
    assert "cannot share a table: the protocol's colour is" in refused([str(study)], capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "--against", "RDN"], "--against: is for a study"),
        (["a", "--format", "csv"], "--format csv: is for a study"),
        (["a", "--allow-unequal-budgets"], "--allow-unequal-budgets: is for a study"),
        (["a", "--chart", "cost"], "--chart: is for a study"),
        (["a", "empty"], "empty: holds no results.json; expected a run's folder, or a study's with its runs in it"),
    ],
)
def test_options_of_studies_are_not_ignored(
    arguments: list[str], said: str, runs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    assert said in refused(arguments, capsys)
