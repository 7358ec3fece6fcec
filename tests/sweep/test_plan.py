"""What a sweep is to do, in study.json."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from aldsr.sweep import plan
from aldsr.sweep.plan import PLAN, Plan, WritePlan, make_plan, read_plan, write_plan


def test_the_jobs_are_the_product_of_the_command_line_and_the_params() -> None:
    found = make_plan(["optimizer.lr=1e-3,1e-4", "size=tiny"], {"seed": "1,2", "variant": "rdn,ald_det"})
    assert set(found.jobs) == {
        f"{v}-lr{lr}-seed{s}" for v in ("rdn", "ald_det") for lr in (0.001, 0.0001) for s in (1, 2)
    }
    assert set(found.jobs["ald_det-lr0.001-seed2"]) == {"variant=ald_det", "optimizer.lr=0.001", "seed=2", "size=tiny"}


def test_a_key_that_the_command_line_gives_replaces_that_of_the_params() -> None:
    params = {"seed": "1,2,3", "variant": "rdn,dw"}
    several, one = make_plan(["seed=7,8"], params), make_plan(["seed=7"], params)
    assert set(several.jobs) == {f"{variant}-seed{seed}" for variant in ("rdn", "dw") for seed in (7, 8)}
    assert one.jobs == {"rdn-seed7": ["seed=7", "variant=rdn"], "dw-seed7": ["seed=7", "variant=dw"]}


@pytest.mark.parametrize("seeds", ["1,2", "range(1,3)", "choice(1,2)"])
def test_every_way_to_write_a_sweep_gives_the_same_names(seeds: str) -> None:
    assert set(make_plan(["model=rdn", f"seed={seeds}"], {}).jobs) == {"seed1", "seed2"}
    assert set(make_plan([], {"seed": seeds}).jobs) == {"seed1", "seed2"}


def test_names_do_not_depend_on_the_order_on_the_command_line() -> None:
    forward, backward = (
        make_plan(each, {}) for each in (["model=rdn,dw_rdn", "seed=1,2"], ["seed=2,1", "model=dw_rdn,rdn"])
    )
    assert forward.jobs.keys() == backward.jobs.keys()


def test_a_plan_names_the_jobs_that_it_holds() -> None:
    found = make_plan(["model=rdn,dw_rdn", "optimizer.lr=1e-3,1e-4"], {"seed": "1,2"})
    assert [found.find_name(overrides) for overrides in found.jobs.values()] == list(found.jobs)
    assert len(found.jobs) == 8


def test_two_jobs_never_share_a_name() -> None:
    found = make_plan(["data.train_dirs=['a/b'],['a-b'],['a:b']", "seed=1,2"], {})
    assert len(found.jobs) == 6
    assert {tuple(job) for job in found.jobs.values()} == {
        (f"data.train_dirs=['{folder}']", f"seed={seed}") for folder in ("a/b", "a-b", "a:b") for seed in (1, 2)
    }
    assert [found.find_name(job) for job in found.jobs.values()] == list(found.jobs)


def test_the_same_job_given_twice_is_one() -> None:
    assert make_plan(["seed=1,1,2"], {}).jobs == {"seed1": ["seed=1"], "seed2": ["seed=2"]}


def test_a_key_given_twice_counts_by_its_last_value() -> None:
    found = make_plan(["trainer.max_steps=4", "seed=1,2", "trainer.max_steps=7"], {})
    assert found.jobs.keys() == {"seed1", "seed2"}
    assert found.find_name(["trainer.max_steps=4", "seed=2", "trainer.max_steps=7"]) == "seed2"
    assert found.find_name(["trainer.max_steps=7", "seed=2"]) == "seed2"


def test_what_is_no_job_of_the_plan_has_no_name() -> None:
    with pytest.raises(KeyError, match="seed=3"):
        make_plan(["seed=1,2"], {}).find_name(["seed=3"])


def test_a_folder_without_a_plan_has_none(tmp_path: Path) -> None:
    assert read_plan(tmp_path / "nowhere") is None


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = make_plan(["model=rdn,dw_rdn"], {"seed": "1,2"})
    write_plan(tmp_path / "runs" / "study", written)
    assert read_plan(tmp_path / "runs" / "study") == written
    assert not list(tmp_path.rglob("*.part"))


def test_two_sweeps_in_one_study_add_up(tmp_path: Path) -> None:
    write_plan(tmp_path, make_plan(["model=rdn,dw_rdn", "seed=1"], {}))
    write_plan(tmp_path, make_plan(["model=ldw_rdn,dw_rdn", "seed=1"], {}))
    found = read_plan(tmp_path)
    assert found is not None
    assert set(found.jobs) == {"rdn", "dw_rdn", "ldw_rdn"}


def test_a_job_keeps_its_name_when_another_sweep_joins_the_study(tmp_path: Path) -> None:
    """A job of the first sweep may begin, in a cluster's queue, after the second sweep was written down."""
    first = make_plan(["model=rdn,dw_rdn", "seed=1,2"], {})
    write_plan(tmp_path, first)
    write_plan(tmp_path, make_plan(["optimizer.lr=1e-3,1e-4"], {}))
    found = read_plan(tmp_path)
    assert found is not None
    assert [found.find_name(overrides) for overrides in first.jobs.values()] == list(first.jobs)


def test_plans_written_at_the_same_time_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has read waits a moment for the other to read as well: without a lock, both would, and one would be lost."""
    both = threading.Barrier(2)
    original = plan.read_plan

    def slowly(folder: Path) -> Plan | None:
        found = original(folder)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        return found

    monkeypatch.setattr(plan, "read_plan", slowly)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: write_plan(tmp_path, Plan({f"seed{number}": [f"seed={number}"]})), (1, 2)))
    assert set(json.loads((tmp_path / PLAN).read_text())["jobs"]) == {"seed1", "seed2"}


@pytest.fixture
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WritePlan, "folder", None)
    monkeypatch.setattr(WritePlan, "jobs", ())


def sweep(folder: Path, overrides: list[str], params: dict[str, Any] | None) -> Any:
    """What Hydra tells a callback about a sweep."""
    hydra = {"sweep": {"dir": str(folder)}, "overrides": {"task": overrides}, "sweeper": {"params": params}}
    return OmegaConf.create({"hydra": hydra, "seeds": "4,5"})


@pytest.mark.usefixtures("_forgotten")
@pytest.mark.parametrize("params", [None, {}, {"seed": "${seeds}"}])
def test_hydras_callback_writes_the_plan(params: dict[str, Any] | None, tmp_path: Path) -> None:
    WritePlan().on_multirun_start(sweep(tmp_path / "study", ["model=rdn,dw_rdn"], params))
    found = read_plan(tmp_path / "study")
    assert found is not None
    assert len(found.jobs) == (4 if params else 2)
    assert (WritePlan.folder, WritePlan.jobs) == (tmp_path / "study", tuple(found.jobs))


@pytest.mark.usefixtures("_forgotten")
def test_a_sweep_that_cannot_be_leaves_nothing(tmp_path: Path) -> None:
    WritePlan().on_multirun_start(sweep(tmp_path / "study", [], {"seed": "${nowhere}"}))
    assert list(tmp_path.iterdir()) == []
    assert WritePlan.folder is None
