"""`python -m aldsr.compare`: one table, if it may be one."""

from pathlib import Path

import pytest

from aldsr.compare import main
from aldsr.measure import write_results
from tests.measure.test_results import benchmark, results


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
