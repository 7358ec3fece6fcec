"""Settings: from plain data and back, and what each of them means for runs that are compared or continued."""

import pickle
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml

from aldsr.core.errors import OptionError
from aldsr.core.frozen import FrozenDict, freeze, thaw
from aldsr.core.settings import DEFAULT_RULE, Rule, RunSettings, Settings, find_rules, flatten, folder_label, rule_of

RECORDED = sorted(Path(__file__).parents[2].glob("experiments/*/runs/*/config.yaml"))


@pytest.fixture
def recorded() -> dict[str, Any]:
    if not RECORDED:
        pytest.skip("experiments/ is not part of a wheel")
    config: dict[str, Any] = yaml.safe_load(RECORDED[0].read_text())
    return config


def test_recorded_settings_come_back_as_they_were_also_through_pickle(recorded: dict[str, Any]) -> None:
    recorded["trainer"]["benchmark"] = True  # options without a field
    recorded["mine"] = {"a": [1, 2]}
    settings = RunSettings.from_config(recorded)
    assert pickle.loads(pickle.dumps(settings)) == settings
    back = settings.to_config()
    back["data"] = {key: back["data"][key] for key in recorded["data"]}  # without options that are newer
    assert {key: back[key] for key in recorded} == recorded
    assert settings.total_steps == recorded["trainer"]["max_steps"]
    with pytest.raises(FrozenInstanceError):
        settings.seed = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.model["D"] = 1  # type: ignore[index]


def test_a_configuration_that_lacks_an_option_is_refused(recorded: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="'schedule'"):
        RunSettings.from_config({"model": {}})
    with pytest.raises(OptionError, match=r"study=blocks: .*study\.name"):
        RunSettings.from_config({**recorded, "study": "blocks"})


AT_LEAST = {"data.patch_size": 1, "data.batch_size": 1, "data.steps_per_epoch": 1, "checkpoint_every": 1} | {
    **{f"trainer.{option}": 1 for option in ("check_val_every_n_epoch", "accumulate_grad_batches", "num_nodes")},
    **dict.fromkeys(("data.num_workers", "trainer.log_every_n_steps", "pictures"), 0),
}


@pytest.mark.parametrize("option", AT_LEAST)
def test_a_number_that_is_too_small_is_refused(option: str, recorded: dict[str, Any]) -> None:
    section, _, name = option.rpartition(".")
    place = recorded[section] if section else recorded
    place[name] = AT_LEAST[option]
    RunSettings.from_config(recorded, typed=True)
    place[name] -= 2
    with pytest.raises(OptionError, match=f"{option}={place[name]}"):
        RunSettings.from_config(recorded, typed=True)


@pytest.mark.parametrize(
    ("key", "variant", "may_change"),
    [
        ("seed", False, False),
        ("run_dir", False, True),
        ("study.name", False, True),
        ("logger.project", False, True),
        ("trainer.devices", False, True),
        ("trainer.precision", False, False),
        ("trainer.max_steps", True, False),
        ("data.patch_size", True, False),
        ("data.num_workers", False, True),
        ("model.conv.reduction", True, False),
        ("model.checkpoint", False, False),
        ("paces", False, True),  # of older runs
        ("trainer.mine", True, False),  # unknown to any rule
        ("mine.deep", True, False),
    ],
)
def test_what_a_setting_means(key: str, variant: bool, may_change: bool) -> None:
    rule = rule_of(key)
    assert (rule.variant, rule.may_change) == (variant, may_change)


@dataclass(frozen=True, kw_only=True)
class NewerSettings(Settings):
    """A later version, in which there are two new options, one of them inside a section."""

    @dataclass(frozen=True, kw_only=True)
    class Trainer(Settings):
        compile: Annotated[str, Rule(variant=True, may_change=False, before="none")] = "graph"

    seed: Annotated[int, Rule(variant=False, may_change=False)] = 0
    loss: Annotated[str, Rule(variant=True, may_change=False, before="l1")] = "charbonnier"
    trainer: Annotated[Trainer, DEFAULT_RULE] = Trainer()


def test_a_new_option_does_not_separate_new_runs_from_recorded_ones() -> None:
    """Whatever its default is today: what counts is what the code did before there was the option."""
    rules = find_rules(NewerSettings)
    recorded = flatten({"seed": 0, "absent": {"as": None}}, rules)
    assert recorded == flatten({"seed": 0, "loss": "l1", "trainer": {"compile": "none"}}, rules)
    assert recorded != flatten(NewerSettings().to_config(), rules)
    assert rule_of("trainer.compile", rules).variant


def test_frozen_data_equals_plain_data() -> None:
    plain = {"a": [1, {"b": (2,)}], "c": "x"}
    frozen = freeze(plain)
    assert frozen == FrozenDict(plain)
    assert hash(frozen) == hash(FrozenDict(plain))
    assert thaw(frozen) == {"a": [1, {"b": [2]}], "c": "x"}


def test_folders_go_by_their_last_name() -> None:
    assert list(map(folder_label, ("/a/DIV2K_train_HR/", "/b/Mine/HR", "c"))) == ["DIV2K_train_HR", "Mine/HR", "c"]
