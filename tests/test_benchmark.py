"""The benchmark command: what it measures, shows, saves and draws."""

import collections
import itertools
import json
from collections.abc import Callable
from functools import partial
from math import inf
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from aldsr import benchmark
from aldsr.bench.loading import decoding_rate, resize_times
from aldsr.bench.speed import Group, OutOfMemoryError, measure_in_turns
from aldsr.bench.tasks import BenchmarkCase, Task, benchmark_names
from aldsr.benchmark import STEPS, main
from aldsr.run.network import read_size
from tests.analysis.fake_runs import fake_config, fake_results, write_run
from tests.command import run_command
from tests.reporting.recorded import record, training

NEEDS_MATPLOTLIB = pytest.mark.needs("matplotlib")
_, *RDNS = benchmark_names("RDN")
WAYS = [("none", "torch"), ("graph", "torch"), ("graph", "triton")]
IN_EVERY_WAY = [("literal", *way) for way in WAYS[:2]] + [(name, *way) for name in RDNS for way in WAYS]
TINY = ["--size", "small", "--rounds", "2"]
UNUSED = {"loss": "mse", "precision": "32-true", "scale": "2", "batch": "3"}
PATCHES = ["--batch", "2", "--patch-size", "4"]


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benchmark, "precision_differences", lambda names, device: dict.fromkeys(names, -0.0125))
    monkeypatch.setattr(benchmark, "read_size", lambda backbone, _: read_size(backbone, "tiny"))


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[Group]:
    """The networks of each process, which are not measured."""
    groups: list[Group] = []

    def run_in_process(work: Callable[..., Any], *arguments: Any, process: Any = None) -> Any:
        if work is not measure_in_turns:
            return work(*arguments)
        groups.append(arguments[0])
        rates = {"copy_rate": 1.0, "matmul_rate": 1.0} if groups[-1].jobs[0][1].device == "cuda" else {}
        return [{"seconds": [1.0], "peak_memory": None, "floor": 1.0, **rates} for _ in groups[-1].jobs]

    for module in ("speed", "on_gpu"):
        monkeypatch.setattr(f"aldsr.bench.{module}.run_in_process", run_in_process)
    return groups


def test_loading_and_resizing_are_printed_and_saved(
    make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(Path("images/a.png"))
    monkeypatch.setattr(benchmark, "resize_times", partial(resize_times, height=16, width=24, rounds=1))
    monkeypatch.setattr("aldsr.bench.loading.decoding_rate", partial(decoding_rate, images=1, pairs=1))
    main(["--patch-size", "8", "--train-dir", "images", "--json", "rates.json"])
    printed = capsys.readouterr().out
    assert "LR 8x8, x4" in printed
    found = json.loads(Path("rates.json").read_text())
    assert found.keys() == {"device", "threads", "settings", "loading", "resize"}
    assert found["loading"]["cut"] > found["loading"]["augmented"] > found["loading"]["float"] > 0
    assert min(found["loading"]["decoding"], *found["resize"].values()) > 0
    main(["--from", "rates.json"])
    assert capsys.readouterr().out in printed


@pytest.mark.usefixtures("groups")
def test_what_half_precision_costs_is_kept_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    main(["training", "upscaling", "--size", "small", "--json", "speed.json"])
    found, printed = json.loads(Path("speed.json").read_text()), capsys.readouterr().out
    assert found["precision_db"].keys() == {each["precision"] for each in found["upscaling"]} - {"32-true"}
    assert printed.count("-0.0125 dB") == len(found["precision_db"])
    main(["upscaling", "--from", "speed.json"])
    assert capsys.readouterr().out in printed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("training", [["literal"], ["literal"], RDNS]),
        ("upscaling", [["literal"], ["literal"], RDNS]),
        ("checkpointing", [[block] for block in RDNS for _ in range(2)]),
    ],
)
def test_networks_are_measured_in_turns_and_what_must_not_share_a_process_by_itself(
    name: str, expected: list[list[str]], groups: list[Group], capsys: pytest.CaptureFixture[str]
) -> None:
    main([name, *TINY, *(PATCHES if name in STEPS else []), "--json", "speed.json"])
    assert [[case.network for case, _ in group.jobs] for group in groups] == expected * 2
    assert "RDN: " in capsys.readouterr().out
    record = json.loads(Path("speed.json").read_text())[name][1]
    assert record["checkpoint"] is (name == "checkpointing")
    assert record["processes"] == [{"seconds": [1.0], "peak_memory": None, "floor": 1.0}] * 2


def test_another_backbone_is_measured_alike(groups: list[Group], capsys: pytest.CaptureFixture[str]) -> None:
    main(["upscaling", *TINY, "--backbone", "imdn", "--rounds", "1"])
    literal, *names = benchmark_names("IMDN")
    assert [[case.network for case, _ in group.jobs] for group in groups] == [[literal], [literal], names]
    text = " ".join(capsys.readouterr().out.split())
    assert all(each in text for each in ("IMDN, small size", "× IMDN", "ALD-IMDN, the equations as typed in"))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> list[BenchmarkCase]:
    """A GPU that exists by name only, on which bf16 fails and channels-last is slow; the cases tried there."""
    tried: list[BenchmarkCase] = []

    def try_case(case: BenchmarkCase, task: Task) -> float:
        tried.append(case)
        return inf if case.precision == "bf16-mixed" else 2.0 if case.layout == "channels-last" else 1.0

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    monkeypatch.setattr("aldsr.bench.on_gpu.try_case", try_case)
    return tried


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("training", IN_EVERY_WAY),
        ("upscaling", IN_EVERY_WAY),
        ("checkpointing", [(name, form, "torch") for name in RDNS for form in ("none", "graph")]),
        ("growth", [("RDN", "graph", "torch"), ("ALD-RDN", "graph", "torch")]),
    ],
)
def test_on_a_gpu_every_network_is_measured_launch_by_launch_and_in_a_graph_at_its_fastest(
    name: str, expected: list[tuple[str, ...]], groups: list[Group], gpu: list[BenchmarkCase]
) -> None:
    main([name, *TINY, *(PATCHES if name in STEPS else []), "--device", "cuda", "--rounds", "1", "--json", "gpu.json"])
    jobs = [job for group in groups for job in group.jobs]
    assert {(case.network, case.compile, case.kernels) for case, _ in jobs} == {*expected}
    assert list(dict.fromkeys(case.network for case, _ in jobs))[:2] == ["RDN", "ALD-RDN"]
    assert {len({case.network for case, _ in group.jobs}) for group in groups} == {1}
    layouts = {case.kernels: (case.precision, case.layout) for case, _ in jobs}
    assert layouts.pop("triton", ("32-true", "channels-last")) == ("32-true", "channels-last")
    assert layouts == {"torch": ("32-true", "contiguous")}
    assert {task.device for _, task in jobs} == {"cuda"}
    tried = collections.Counter((case.network, case.compile, case.kernels) for case in gpu)
    assert tried == {each: 2 if each[2] == "triton" else 3 for each in expected}
    recorded = json.loads(Path("gpu.json").read_text())
    assert {"device": "a GPU", "accelerator": "cuda", "torch": torch.__version__}.items() <= recorded.items()
    records = [(each["network"], each["compile"], each["kernels"]) for each in recorded[name]]
    assert list(dict.fromkeys(records)) == expected
    assert recorded[name][0]["device"] == "cuda"


def test_what_is_measured_on_a_gpu_outlives_what_is_not(
    gpu: list[BenchmarkCase], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process that fails, as Triton's does here, is replaced; a command that is stopped leaves what it has."""
    processes = itertools.count()
    monkeypatch.setattr("aldsr.bench.on_gpu.start_process", lambda: Mock(number=next(processes)))
    used = []

    def run_in_process(work: Callable[..., Any], *arguments: Any, process: Any) -> Any:
        if work is not measure_in_turns:
            return work(*arguments)
        used.append(process.number)
        case, _ = arguments[0].jobs[0]
        if case.network == "LDW-RDN":
            raise SystemExit(143)
        if case.kernels == "triton":
            raise RuntimeError("CUDA error: an illegal memory access\nmore")
        found = {"seconds": [1.0], "peak_memory": 1, "floor": 1.0, "copy_rate": 1.0, "matmul_rate": 1.0}
        return [found] * len(arguments[0].jobs)

    monkeypatch.setattr("aldsr.bench.on_gpu.run_in_process", run_in_process)
    assert run_command(main, "training", *TINY, "--device", "cuda", "--json", "gpu.json") == 143
    assert used == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3]  # two rounds of each but of what fails
    records = json.loads(Path("gpu.json").read_text())["training"]
    measured = ["RDN"] * 3 + ["ALD-RDN"] * 3 + ["literal"] * 2 + ["DW-RDN"] * 3
    assert [each["network"] for each in records] == measured
    assert {each["processes"][0].get("error") for each in records if each["kernels"] == "torch"} == {None}
    assert records[2]["processes"][0]["error"] == "CUDA error: an illegal memory access"
    capsys.readouterr()
    main(["--from", "gpu.json"])
    assert "failed" in capsys.readouterr().out


def test_a_network_that_does_not_fit_on_the_gpu_leaves_the_others_their_measurements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, result in {"time_once": [0.5], "copy_rate": [4.0], "matmul_rate": [2.0]}.items():
        monkeypatch.setattr(f"aldsr.bench.speed.{name}", Mock(return_value=result[0]))
    full = torch.OutOfMemoryError("CUDA out of memory.")
    monkeypatch.setattr("aldsr.bench.speed.peak_memory", Mock(side_effect=[full, RuntimeError("no graph\nwhy"), 7]))
    monkeypatch.setattr(Task, "prepare", Mock())
    monkeypatch.setattr(Task, "traffic", lambda task, network: 8.0)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    group = Group([(BenchmarkCase("RDN"), Task(read_size("rdn", "tiny"), 2, 4, "cuda"))] * 3)
    first, second, third = measure_in_turns(group, 1)
    assert [(each["error"], each["seconds"]) for each in (first, second)] == [("out of memory", []), ("no graph", [])]
    assert third.items() >= {"peak_memory": 7, "memory_floor": 2 * 8 / 4, "copy_rate": 4.0, "matmul_rate": 2.0}.items()
    assert set(third["seconds"]) == {0.5}


def test_growth_needs_the_memory_of_its_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("aldsr.bench.speed.run_in_process", Mock(side_effect=OutOfMemoryError))
    assert run_command(main, "growth", *TINY, *PATCHES) == 2
    assert "memory" in capsys.readouterr().err


@NEEDS_MATPLOTLIB
def test_growing_steps_are_measured_together(groups: list[Group], capsys: pytest.CaptureFixture[str]) -> None:
    main(
        [
            "growth",
            *TINY,
            "--batch",
            "2",
            "--patch-size",
            "3",
            "--loss",
            "l1_fft",
            "--json",
            "growth.json",
            "--chart",
            "growth",
        ]
    )
    assert len(groups) == 2
    sizes = [(1, 3, 2), (2, 1, 2), (2, 2, 2), (2, 3, 1), (2, 3, 2)]  # each differs from the last in one thing
    expected = [(network, *size) for size in sizes for network in ("RDN", "ALD-RDN")]
    jobs = [(case.network, task.batch, task.patch, task.size["D"]) for case, task in groups[0].jobs]
    records = json.loads(Path("growth.json").read_text())["growth"]
    assert jobs == expected
    assert [(each["network"], each["batch"], each["patch_size"], each["D"]) for each in records] == expected
    said = capsys.readouterr().out
    assert "ALD-RDN, patches" in said
    assert "l1_fft loss" in said
    assert {task.loss for _, task in groups[0].jobs} == {"l1_fft"}
    assert Path("growth.svg").read_text().startswith("<?xml")


def test_networks_of_runs_are_measured_as_they_are_deployed(
    groups: list[Group], capsys: pytest.CaptureFixture[str]
) -> None:
    described = {}
    for label, seed in itertools.product(("RDN", "ALD-RDN"), (1, 2)):
        config = fake_config(label, seed)
        described[label] = {"_target_": "aldsr.nn.RDN", "scale": 4, "conv": config["model"]["conv"]}
        results = fake_results(label, {"Set5": [30.0]})
        results["network"]["description"] = described[label]
        write_run(Path(f"study/{label}-{seed}"), config, results)
    main(["deployed", "--networks", "study", "--rounds", "1", "--json", "deployed.json"])
    (group,) = groups
    jobs = [(case.network, case.precision, task.batch) for case, task in group.jobs]
    assert jobs == [("RDN", "32-true", 0), ("ALD-RDN (det)", "32-true", 0)]
    records = json.loads(Path("deployed.json").read_text())["deployed"]
    assert [each["description"] for each in records] == [*described.values()]
    assert "deployed, output 1280x720" in capsys.readouterr().out


@NEEDS_MATPLOTLIB
def test_recorded_results_are_shown_and_drawn_without_measuring(capsys: pytest.CaptureFixture[str]) -> None:
    Path("both.json").write_text(json.dumps({**training(), "upscaling": [record("RDN", [1.0])]}))
    main(["training", "--from", "both.json", "--chart", "speed.png"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "4 ALD-RDN 1.500 1.000-2.000 5.3 2.67" in printed
    assert printed.endswith("speed.png, speed.svg")
    main(["--from", "both.json", "--chart", "each"])
    kinds = [f"each-{name}.{kind}" for name in ("training", "upscaling") for kind in ("png", "svg")]
    assert sorted(path.name for path in Path().glob("each*")) == kinds


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("loadign", "loadign: expected training, upscaling, deployed, checkpointing, growth, loading"),
        ("--from nowhere.json", "nowhere.json"),
        ("growth --from training.json", "training.json: has no results of growth; it has training"),
        pytest.param("growth --chart fig.jpg", "fig.jpg", marks=NEEDS_MATPLOTLIB),
        ("resize --json training.json/speed.json", "--json training.json/speed.json"),
        ("resize --json .", "--json ."),
        pytest.param("growth --chart training.json/fig", "training.json/fig.png", marks=NEEDS_MATPLOTLIB),
        ("deployed", "--networks"),
        ("deployed --networks nowhere", "nowhere"),
        ("--from a.json --json b.json", "--json"),
        ("training --device cuda", "--device cuda"),
        ("training growth --backbone edsr", "--backbone"),
        ("training resize --device cuda", "--device cuda"),
        *(
            (f"upscaling --{option}", f"--{option[:5]}")
            for option in ("loss mse", "precision 32-true", "scale 2", "batch 3")
        ),
        ("loading --rounds 1", "--rounds"),
        ("--from training.json --patch-size 8", "--patch-size"),
    ],
)
def test_a_mistake_is_reported_before_anything_is_measured(
    arguments: str, named: str, groups: list[Group], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("training.json").write_text(json.dumps(training()))
    assert run_command(main, *arguments.split()) == 2
    assert named in " ".join(capsys.readouterr().err.split())
    assert not groups


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["training", "upscaling", "checkpointing", "growth", "loading"])
def test_a_gpu_is_measured_in_every_way(name: str) -> None:
    main([name, *TINY, *(PATCHES if name in STEPS else []), "--device", "cuda", "--rounds", "1", "--json", "gpu.json"])
    found = json.loads(Path("gpu.json").read_text())[name]
    for each in found if name != "loading" else []:
        (process,) = each["processes"]
        assert "error" not in process, each
        assert min(*process["seconds"], process["floor"], process["memory_floor"], process["peak_memory"]) > 0
