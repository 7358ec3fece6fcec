"""Every choice of every config group composes, and the paper's protocol is the paper's."""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from aldsr.measure import count_parameters
from aldsr.nn.description import build
from aldsr.paths import config_dir

GROUPS = ("model", "descriptor", "size", "schedule", "data", "trainer", "logger", "experiment")
CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((config_dir() / group).glob("*.yaml"))]


def composed(*overrides: str, name: str = "train") -> DictConfig:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose(name, list(overrides))


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes(group: str, choice: str) -> None:
    config = composed(f"{group}={choice}", *(["data.train_dirs=[a]"] if choice == "folder" else []))
    config.run_dir = "run"
    assert OmegaConf.to_container(config, resolve=True)


def test_the_papers_protocol() -> None:
    config = composed("experiment=paper")
    assert (config.model.D, config.model.C, config.model.G, config.model.G0) == (16, 8, 64, 64)
    assert (config.model.scale, config.model.residual, config.model.conv.reduction) == (4, "none", 32)
    assert (config.data.patch_size, config.data.batch_size, config.trainer.max_epochs) == (48, 16, 300)
    assert (config.optimizer.lr, list(config.schedule.epochs)) == (1e-4, [200])
    assert [Path(folder).name for folder in config.data.train_dirs] == ["DIV2K_train_HR"]


@pytest.mark.parametrize(
    ("model", "parameters"),
    [("rdn", 22_271_107), ("dw_rdn", 3_765_379), ("ldw_rdn", 3_765_379), ("ald_rdn", 4_638_979)],
)
def test_the_papers_networks_have_the_papers_size(model: str, parameters: int) -> None:
    description: Any = OmegaConf.to_container(composed(f"model={model}", "size=paper").model, resolve=True)
    assert count_parameters(build(description)) == parameters


def test_the_small_ald_rdn_has_about_180_thousand_parameters() -> None:
    description: Any = OmegaConf.to_container(composed().model, resolve=True)
    assert 170_000 < count_parameters(build(description)) < 190_000
