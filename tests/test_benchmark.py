"""The command that measures speed, and shows what it has measured."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from aldsr import benchmark
from aldsr.bench.speed import Job, Measured
from aldsr.benchmark import main
from tests.analysis.fake_runs import fake_config, fake_results, write_run
from tests.reporting.recorded import record, training

TINY = ["--size", "small", "--batch", "2", "--patch-size", "4", "--rounds", "1"]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(benchmark.SIZES, "small", {"D": 2, "C": 1, "G": 4, "G0": 4})


def test_the_rate_of_every_stage_is_printed_and_kept(
    make_image: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "images" / "a.png")
    figures = tmp_path / "figures.json"
    main(["--patch-size", "8", "--train-dir", str(tmp_path / "images"), "--json", str(figures)])
    said = capsys.readouterr().out
    assert "pairs/s" in said
    assert "LR 8x8, x4" in said
    assert json.loads(figures.read_text()).keys() == {"device", "threads", "settings", "loading", "resize"}
    main(["--from", str(figures)])
    assert capsys.readouterr().out in said


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["loadign"])
    assert "loadign: expected training, upscaling, deployed, checkpointing, growth, load" in capsys.readouterr().err


@pytest.mark.slow
def test_networks_are_measured_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Tuned in this process, which saves four that have to start.
    monkeypatch.setattr("aldsr.bench.timing.in_a_process", lambda work, *arguments: work(*arguments))
    main(["training", *TINY, "--json", str(tmp_path / "speed.json")])
    said = capsys.readouterr().out
    assert "ALD-RDN, the equations as typed in: 32-true, contiguous, the system's" in said
    figures = json.loads((tmp_path / "speed.json").read_text())["training"]
    assert [each["network"] for each in figures] == ["literal", "literal", "RDN", "DW-RDN", "LDW-RDN", "ALD-RDN"]
    assert all(len(each["processes"][0]["seconds"]) == 3 for each in figures)


def test_steps_that_grow_are_measured_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[Sequence[Job]] = []

    def pretended(jobs: Sequence[Job], **options: Any) -> list[Measured]:
        calls.append(jobs)
        return [Measured([float(task.batch * task.patch**2 * task.size["D"])], None, 1.0) for _, task in jobs]

    monkeypatch.setattr("aldsr.bench.timing.side_by_side", pretended)
    main(["growth", *TINY, "--rounds", "2", "--json", str(tmp_path / "grown.json"), "--chart", str(tmp_path / "grown")])
    assert len(calls) == 2
    assert {(way.network, task.batch, task.patch, task.size["D"]) for way, task in calls[0]} == {
        (network, *rest)
        for network in ("RDN", "ALD-RDN")
        for rest in ((1, 4, 2), (2, 1, 2), (2, 2, 2), (2, 3, 2), (2, 4, 1), (2, 4, 2))
    }
    assert "ALD-RDN, patches" in capsys.readouterr().out
    assert (tmp_path / "grown.svg").read_text().startswith("<?xml")


def test_networks_of_runs_are_measured_as_they_are_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    networks = {"RDN": {"_target_": "aldsr.nn.RDN", "scale": 4}, "ALD-RDN": {"_target_": "aldsr.nn.RDN", "scale": 4}}
    for label, description in networks.items():
        results = fake_results(label, {"Set5": [30.0]})
        results["network"]["description"] = description
        for seed in (1, 2):
            write_run(tmp_path / "study" / f"{label}-{seed}", fake_config(label, seed), results)
    calls: list[Sequence[Job]] = []

    def pretended(jobs: Sequence[Job], **options: Any) -> list[Measured]:
        calls.append(jobs)
        return [Measured([float(1 + place)], None, 1.0) for place, _ in enumerate(jobs)]

    monkeypatch.setattr("aldsr.bench.timing.side_by_side", pretended)
    file = tmp_path / "deployed.json"
    main(["deployed", "--networks", str(tmp_path / "study"), "--rounds", "1", "--json", str(file)])
    (jobs,) = calls
    assert {(way.network, way.precision, task.batch) for way, task in jobs} == {
        ("RDN", "32-true", 0),
        ("ALD-RDN (det)", "32-true", 0),
    }
    assert [each["description"] for each in json.loads(file.read_text())["deployed"]] == list(networks.values())
    said = capsys.readouterr().out
    assert "deployed, output 1280x720" in said
    assert "× literal" not in said


def test_recorded_figures_are_shown_and_drawn_without_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "training.json").write_text(json.dumps(training()))
    main(["--from", str(tmp_path / "training.json"), "--chart", str(tmp_path / "speed.png")])
    said = " ".join(capsys.readouterr().out.split())
    assert "4 ALD-RDN 1.500 1.000-2.000 5.3 2.67" in said
    assert said.endswith("speed.png, " + str(tmp_path / "speed.svg"))
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")


def test_charts_of_several_benchmarks_have_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "both.json").write_text(json.dumps({**training(), "upscaling": [record("RDN", [1.0])]}))
    main(["--from", str(tmp_path / "both.json"), "--chart", str(tmp_path / "speed")])
    drawn = sorted(path.name for path in tmp_path.glob("speed*"))
    assert drawn == [f"speed-{what}.{form}" for what in ("training", "upscaling") for form in ("png", "svg")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--from", "nowhere.json"], "nowhere.json: cannot be read as figures of aldsr.benchmark"),
        (["growth", "--from", "training.json"], "training.json: has no figures of growth; it has training"),
        (["resize", "--chart", "fig"], "--chart: resize have none; there are charts of training, upscaling"),
        (["growth", "--chart", "fig.jpg"], "fig.jpg: ends in '.jpg', expected .png or .svg"),
        (["resize", "--json", "nowhere/figures.json"], "--json nowhere/figures.json: no such folder"),
        (["loading", "--train-dir", "nowhere"], "nowhere: expected a folder of images"),
        (["growth", "--batch", "0"], "'0': expected a whole number from 1 up"),
        (["deployed"], "deployed: measures the networks of --networks RUN"),
        (["loading", "--networks", "runs"], "deployed: measures the networks of --networks RUN"),
        (["deployed", "--networks", "nowhere"], "nowhere: no such file; expected a run's folder"),
        (["--from", "a.json", "--json", "b.json"], "--json: keeps what is measured, and --from measures nothing"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_before_anything_is_measured(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("training.json").write_text(json.dumps(training()))
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert sentence in " ".join(capsys.readouterr().err.split())
