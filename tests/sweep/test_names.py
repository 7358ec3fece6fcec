"""Names of runs: readable, stable, unique."""

import re

import pytest

from aldsr.sweep.names import job_name, run_name, swept_keys


def test_a_run_is_named_by_its_choices() -> None:
    choices = {"model": "ald_rdn", "descriptor": "det", "size": "small"}
    assert run_name(choices, 4) == "ald_rdn-det-small-x4"
    assert run_name(choices | {"model": "rdn"}, 2) == "rdn-small-x2"


def test_swept_keys_are_those_with_several_values() -> None:
    arguments = ["-m", "model=rdn,ald_rdn", "seed=range(3)", "size=tiny", "data.eval_dirs=[a,b]"]
    assert swept_keys(arguments, ["model.G"]) == {"model", "seed", "model.G"}


def test_a_job_is_named_by_its_swept_values_in_one_order() -> None:
    given = ["seed=2", "optimizer.lr=1e-3", "model=ldw_rdn", "size=tiny"]
    swept = {"seed", "model", "optimizer.lr"}
    assert job_name(given, swept) == job_name(given[::-1], swept) == "ldw_rdn-lr0.001-seed2"


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ('data.train_dirs=["/a b/c=d",e]', "data.train_dirs"),
        ("study.name='a:b=c'", "study.name"),
        ("+model.note='x/../y'", "model.note"),
        ("optimizer.betas=[0.9,0.99]", "optimizer.betas"),
    ],
)
def test_nothing_awkward_gets_into_a_path(override: str, key: str) -> None:
    assert re.fullmatch(r"[\w.+-]+", job_name([override], {key}))


def test_a_job_without_swept_values_has_a_name() -> None:
    assert job_name(["size=tiny"], set()) == "job"
