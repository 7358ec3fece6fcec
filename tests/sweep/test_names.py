"""Names of runs: readable, the same every time, different for different descriptors."""

import re
from collections.abc import Iterator

import hydra
import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from aldsr.run.configs import config_dir
from aldsr.sweep.names import job_name, run_name, run_tags

ALD_BLOCK = ["model=rdn", "model.conv._target_=aldsr.nn.ALDBlock"]
MAXIMUM = "aldsr.nn.descriptors.maximum"


@pytest.fixture(autouse=True)
def _hydra() -> Iterator[None]:
    OmegaConf.register_new_resolver("study_dir", lambda *_: "study", replace=True)
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield


def name(*overrides: str) -> str:
    config = hydra.compose("train", list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    model = OmegaConf.to_container(config.model, resolve=True)
    choices = HydraConfig.get().runtime.choices
    return run_name(choices, model, config.scale)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["model=ald_rdn"], "ald_rdn-det-small-x4"),
        (["descriptor=none", "size=tiny", "scale=2"], "ald_rdn-none-tiny-x2"),
        (["model=rdn", "descriptor=max"], "rdn-small-x4"),
        (["model=bicubic"], "bicubic-small-x4"),
        (ALD_BLOCK, "rdn-small-x4"),
        ([*ALD_BLOCK, "+model.conv.descriptor=${descriptor}", "descriptor=max"], "rdn-max-small-x4"),
        ([*ALD_BLOCK, f"+model.conv.descriptor={{_target_:{MAXIMUM}}}"], "rdn-maximum-small-x4"),
        ([f"descriptor._target_={MAXIMUM}"], "ald_rdn-maximum-small-x4"),
        ([f"model.conv.descriptor={{_target_:{MAXIMUM}}}"], "ald_rdn-maximum-small-x4"),
        (["descriptor=det_std", f"descriptor.of._target_={MAXIMUM}"], "ald_rdn-standardised-of-maximum-small-x4"),
        (["+descriptor.exponent=3"], "ald_rdn-determinant-exponent3-small-x4"),
    ],
)
def test_a_run_is_named_by_its_choices_and_its_descriptor(overrides: list[str], expected: str) -> None:
    assert name(*overrides) == expected


def test_tags_name_the_budget_in_place_of_the_size() -> None:
    choices = {"model": "rdn", "size": "small"}
    assert run_tags(choices, {}, 4, "smoke") == ["rdn", "budget-smoke", "x4"]


def test_a_job_is_named_by_its_swept_values_in_one_order() -> None:
    overrides = ["seed=2", "optimizer.lr=1e-3", "model=ldw_rdn", "size=tiny"]
    swept = {"seed", "model", "optimizer.lr"}
    assert job_name(overrides, swept) == job_name(overrides[::-1], swept) == "ldw_rdn-lr0.001-seed2"
    assert job_name(["size=tiny"], set()) == "job"


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ('data.train_dirs=["/a b/c=d",e]', "data.train_dirs"),
        ("study.name='a:b=c'", "study.name"),
        ("+model.note='x/../y'", "model.note"),
    ],
)
def test_a_job_name_can_be_used_in_a_path(override: str, key: str) -> None:
    assert re.fullmatch(r"[\w.+-]+", job_name([override], {key}))
