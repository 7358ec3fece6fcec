"""Settings: from plain data and back, and what each of them means for runs that are compared or continued."""

import pickle
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml

from aldsr.core.errors import OptionError
from aldsr.core.frozen import FrozenDict, freeze, thaw
from aldsr.core.settings import (
    DEFAULT_RULE,
    RULES,
    Rule,
    RunSettings,
    Settings,
    StudySettings,
    find_rules,
    flatten,
    folder_label,
    rule_of,
)

RECORDED = sorted(Path(__file__).parents[2].glob("experiments/*/runs/*/config.yaml"))


def recorded_config() -> dict[str, Any]:
    if not RECORDED:
        pytest.skip("experiments/ is not part of a wheel")
    config: dict[str, Any] = yaml.safe_load(RECORDED[0].read_text())
    return config


def test_nothing_changes_settings() -> None:
    settings = RunSettings.from_config(recorded_config())
    with pytest.raises(FrozenInstanceError):
        settings.seed = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.model["D"] = 1  # type: ignore[index]
    assert not hasattr(settings.trainer.options, "update")


def test_recorded_settings_come_back_as_they_were_also_through_pickle() -> None:
    config = recorded_config()
    settings = RunSettings.from_config(config)
    assert pickle.loads(pickle.dumps(settings)) == settings
    back = settings.to_config()
    assert {key: back[key] for key in config.keys() - {"paces", "measured"}} | {"paces": [], "measured": []} == config
    assert settings.total_steps == config["trainer"]["max_steps"]


def test_options_without_a_field_are_kept() -> None:
    config = recorded_config()
    config["trainer"]["benchmark"] = True
    config["mine"] = {"a": [1, 2]}
    settings = RunSettings.from_config(config)
    assert settings.trainer.options["benchmark"] is True
    assert settings.to_config()["mine"] == {"a": [1, 2]}


def test_a_configuration_that_lacks_an_option_is_refused() -> None:
    with pytest.raises(OptionError, match="'schedule'"):
        RunSettings.from_config({"model": {}})
    with pytest.raises(OptionError, match=r"study=blocks: .*study\.name"):
        RunSettings.from_config({**recorded_config(), "study": "blocks"})


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
    recorded = flatten({"seed": 0}, rules)
    assert recorded == flatten({"seed": 0, "loss": "l1", "trainer": {"compile": "none"}}, rules)
    assert recorded != flatten(NewerSettings().to_config(), rules)
    assert rule_of("trainer.compile", rules).variant


def test_every_field_answers_both_questions() -> None:
    assert all(isinstance(rule, Rule) for rule in RULES.values())
    assert {"model", "data.seed", "trainer.precision", "study", "options"} & RULES.keys() == {
        *("model", "data.seed", "trainer.precision", "study")
    }


def test_what_is_absent_is_as_good_as_none() -> None:
    assert flatten({"a": None, "b": {"c": [1, None], "d": None}}, {}) == {"b.c": [1, None]}


def test_frozen_data_equals_plain_data() -> None:
    plain = {"a": [1, {"b": (2,)}], "c": "x"}
    frozen = freeze(plain)
    assert frozen == FrozenDict(plain)
    assert hash(frozen) == hash(FrozenDict(plain))
    assert thaw(frozen) == {"a": [1, {"b": [2]}], "c": "x"}
    assert StudySettings.from_config({"name": "a", "budget": None}) == StudySettings(name="a")


def test_folders_go_by_their_last_name() -> None:
    assert [folder_label(each) for each in ("/a/DIV2K_train_HR/", "/b/Mine/HR", "c")] == [
        *("DIV2K_train_HR", "Mine/HR", "c")
    ]
