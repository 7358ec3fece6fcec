"""Names of runs, and the jobs of a sweep in study.json."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from aldsr.core.errors import OptionError
from aldsr.run.cli import config_dir
from aldsr.sweep import plan
from aldsr.sweep.names import run_name, run_tags
from aldsr.sweep.plan import PLAN, Plan, PlanError, WritePlan, find_job_name, make_plan, read_plan, write_plan


@pytest.fixture
def _configs() -> Iterator[None]:
    OmegaConf.register_new_resolver("study_dir", lambda *_: "study", replace=True)
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield


@pytest.mark.usefixtures("_configs")
def test_tags_name_the_budget_in_place_of_the_size() -> None:
    config = hydra.compose("budgets", ["variant=dw", "study.budget=smoke"], return_hydra_config=True)
    choices, model = config.hydra.runtime.choices, OmegaConf.to_container(config.model, resolve=True)
    assert run_tags(choices, model, 4, "smoke") == ["dw_rdn", "budget-smoke", "x4"]
    assert run_name(choices, model, 4, "smoke") == "dw_rdn-smoke-x4"


@pytest.mark.usefixtures("_configs")
@pytest.mark.parametrize(
    "overrides",
    [
        ["model=rdn,dw_rdn", "seed=1,2", "size=tiny"],
        ["seed=range(3)", "optimizer.lr=choice(1e-3,1e-4)", "model=rdn"],
        ["variant=glob(ald_*,exclude=*_all)", "seed=range(2,0,-1)"],
        ["data.train_dirs=['a b'],[c]", "+model.note='x,y',z", "~experiment", "seed=sort(3,1,2)"],
        ["trainer.max_steps=4", "seed=1,2", "trainer.max_steps=7"],
        ["optimizer.betas=[0.9,0.99],[0.8,0.9]", "+a={b:1},{b:2}"],
    ],
)
def test_the_jobs_and_their_order_are_those_of_hydras_sweeper(overrides: list[str]) -> None:
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    (expected,) = BasicSweeper.split_arguments(parser.parse_overrides(overrides), None)
    assert list(make_plan(overrides, {}).values()) == expected


@pytest.mark.parametrize(
    ("overrides", "params", "names"),
    [
        (["optimizer.lr=1e-3,1e-4", "size=tiny"], {"seed": "1"}, ["lr0.001-seed1", "lr0.0001-seed1"]),
        (
            ["seed=choice(2)", "scale=4,2", "model=choice(ldw_rdn)"],
            {},
            ["ldw_rdn-scale4-seed2", "ldw_rdn-scale2-seed2"],
        ),
        (["seed=7"], {"seed": "1,2", "variant": "rdn"}, ["rdn-seed7"]),
        (["seed=1,1,2"], {}, ["seed1", "seed2"]),
        (["data.train_dirs=['a/b'],['a-b']"], {}, ["train_dirs-a-b", "train_dirs-a-b-2"]),
        (["size=tiny"], {}, ["job"]),
    ],
)
def test_a_job_is_named_by_its_swept_values(overrides: list[str], params: dict[str, str], names: list[str]) -> None:
    assert list(make_plan(overrides, params)) == names


def test_a_second_sweep_adds_its_jobs_and_each_is_found_by_its_overrides(tmp_path: Path) -> None:
    study = tmp_path / "runs" / "study"
    assert read_plan(study) == {}
    first = make_plan(["trainer.max_steps=4", "seed=1,2", "trainer.max_steps=7"], {})
    second = make_plan(["optimizer.lr=1e-3,1e-4"], {})
    for each in (first, second):
        write_plan(study, each)
    assert read_plan(study) == first | second
    assert [find_job_name(study, overrides) for overrides in first.values()] == list(first)
    # Of a key that is given twice the last counts.
    assert find_job_name(study, ["trainer.max_steps=4", "seed=2", "trainer.max_steps=7"]) == "seed2"
    with pytest.raises(OptionError, match="seed=3"):
        find_job_name(study, ["seed=3"])
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("content", ["", '{"jobs": {"seed1"', "[]", '{"jobs": 3}', '{"jobs": {"seed1": null}}', "{}"])
def test_a_damaged_plan_is_named_and_the_sweep_writes_it_anew(content: str, tmp_path: Path) -> None:
    (tmp_path / PLAN).write_text(content)
    with pytest.raises(PlanError, match=PLAN):
        read_plan(tmp_path)
    write_plan(tmp_path, jobs := make_plan(["seed=1,2"], {}))
    assert read_plan(tmp_path) == jobs
    assert (tmp_path / f"{PLAN}.damaged").read_text() == content


def test_plans_written_at_the_same_time_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has read waits a moment for the other to read as well: without a lock, both would, and one would be lost."""
    both = threading.Barrier(2)
    original = plan.read_plan

    def slowly(folder: Path) -> Plan:
        found = original(folder)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        return found

    monkeypatch.setattr(plan, "read_plan", slowly)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: write_plan(tmp_path, {f"seed{number}": [f"seed={number}"]}), (1, 2)))
    assert set(json.loads((tmp_path / PLAN).read_text())["jobs"]) == {"seed1", "seed2"}


@pytest.mark.parametrize(
    ("overrides", "params", "jobs"),
    [
        (["model=rdn,dw_rdn"], {"seed": "${seeds}"}, 4),
        (["model=rdn,dw_rdn"], None, 2),
        ([], {"seed": "${nowhere}"}, 0),
        (["seed=interval(0,1)"], {}, 0),
    ],
)
def test_hydras_callback_writes_the_plan_of_a_valid_sweep(
    overrides: list[str], params: Any, jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WritePlan, "folder", None)
    monkeypatch.setattr(WritePlan, "jobs", {})
    section = {
        "sweep": {"dir": str(tmp_path)},
        "overrides": {"task": overrides},
        "sweeper": {"params": params},
        "runtime": {"choices": {"hydra/sweeper": "basic"}},
    }
    WritePlan().on_multirun_start(OmegaConf.create({"hydra": section, "seeds": "4,5"}))
    assert len(read_plan(tmp_path)) == jobs
    assert (WritePlan.folder, WritePlan.jobs) == (tmp_path if jobs else None, read_plan(tmp_path))
