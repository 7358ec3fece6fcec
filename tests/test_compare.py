"""`python -m aldsr.compare`: one table, if it may be one."""

from pathlib import Path

import pytest

from aldsr.compare import main
from aldsr.reporting.tables.results import write_results
from tests.analysis.fake_runs import change_config, fake_config, write_run, write_variant
from tests.command import refuse
from tests.evaluation.test_results import benchmark, results


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that may share a table in a, b and e; of other images in c, under another protocol in d."""
    monkeypatch.chdir(tmp_path)
    contents = [results(), results(label="RDN"), results(bench=benchmark(value=8)), results("rgb"), results()]
    for name, content in zip("abcde", contents, strict=True):
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


def test_results_stand_side_by_side(runs: None, capsys: pytest.CaptureFixture[str]) -> None:
    main(["a", "b/results.json"])
    text = capsys.readouterr().out
    for expected in ("bicubic", "ALD-RDN", "RDN", "33.00 / 0.9250", "protocol  Y of YCbCr"):
        assert expected in text


@pytest.mark.parametrize(("form", "lines"), [("markdown", 5), ("latex", 4)])
def test_formats_for_papers_are_nothing_but_the_table(
    form: str, lines: int, runs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["a", "e", "--format", form])
    text = capsys.readouterr().out
    assert len(text.splitlines()) == lines
    assert "ALD-RDN (a)" in text  # equal names are followed by their folders
    assert "ALD-RDN (e)" in text


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["c"], "a and c cannot share a table: the fingerprint of HR of Set5"),
        (["d"], "a and d cannot share a table: the protocol's"),
        (["nowhere"], "nowhere"),
        (["empty"], "empty"),
        (["--against", "RDN"], "--against"),
        (["--format", "csv"], "--format csv"),
        (["--allow-unequal-budgets"], "--allow-unequal-budgets"),
        (["--chart", "cost"], "--chart"),
    ],
)
def test_what_does_not_fit_is_refused(
    arguments: list[str], fault: str, runs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    assert fault in refuse(capsys, main, "a", *arguments)


@pytest.mark.parametrize(
    ("form", "first", "texts"),
    [
        # Both networks over their seeds, RDN's published score, their difference, and what it is of.
        ("table", "benchmarks", ["32.01 ± 0.01", "33.01 ± 0.01", "paper:", "32.47", "+1.000", "5 images × 3 seeds"]),
        ("markdown", "**benchmarks", ["Published, not measured by us: Hwang et al., ALDNet, Table I"]),
        ("latex", "% benchmarks", ["Published, not measured by us: Hwang et al., ALDNet, Table I"]),
        ("csv", "source,", ["\nours,", "\npaper,"]),
    ],
)
def test_a_study_is_laid_out_as_the_papers_table(
    form: str, first: str, texts: list[str], study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(study), "--format", form])
    text, notes = capsys.readouterr()
    assert text.startswith(first)
    for expected in texts:
        assert expected in text
    assert "1 run is unfinished: rdn-seed1" in (notes if form == "csv" else text)
    assert "warning" not in text + notes


def test_quality_against_cost_is_drawn_beside_the_table(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study), "--format", "markdown", "--chart", "cost", "--chart-sets", "Set5"])
    text = capsys.readouterr()
    assert text.out.startswith("**benchmarks")
    assert text.err == "chart     cost.png, cost.svg\n"
    assert Path("cost.png").read_bytes().startswith(b"\x89PNG")
    Path("seconds.json").write_text('{"device": "here", "threads": 1, "deployed": []}')
    assert "--latency" in refuse(capsys, main, study, "--chart", "other", "--latency", "seconds.json")
    assert not Path("other.png").exists()
    with pytest.raises(SystemExit):
        main([str(study), "--latency", "seconds.json"])
    assert "--latency" in capsys.readouterr().err


def test_the_reference_can_be_chosen(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study), "--against", "ALD-RDN"])
    text = capsys.readouterr().out
    assert "Differences from ALD-RDN (det)" in text
    assert "-1.000" in text
    assert "--against 'SwinIR'" in refuse(capsys, main, study, "--against", "SwinIR")


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
