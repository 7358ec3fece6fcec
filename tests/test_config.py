"""Every choice of every config group composes, and the paper's protocol is the paper's."""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from aldsr.evaluation.cost import count_parameters
from aldsr.nn.description import build
from aldsr.run.configs import config_dir
from aldsr.sweep.plan import make_plan

GROUPS = ("model", "descriptor", "size", "schedule", "data", "trainer", "logger", "experiment", "variant")
CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((config_dir() / group).glob("*.yaml"))]


def composed(*overrides: str, name: str = "train") -> DictConfig:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose(name, list(overrides))


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes(group: str, choice: str) -> None:
    name = "budgets" if group == "variant" else "train"
    config = composed(f"{group}={choice}", *(["data.train_dirs=[a]"] if choice == "folder" else []), name=name)
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


VARIANTS = {
    "rdn": ("StandardBlock", None),
    "dw": ("DWBlock", None),
    "ldw": ("LDWBlock", None),
    "ald_avg": ("ALDBlock", "average"),
    "ald_max": ("ALDBlock", "maximum"),
    "ald_det": ("ALDBlock", "determinant"),
    "ald_none": ("ALDBlock", "zero"),
    "ald_det_std": ("ALDBlock", "standardised"),
    "ald_det_free": ("ALDBlock", "scale_free"),
    "ald_det_live": ("ALDBlock", "determinant"),
    "ald_det_r8": ("ALDBlock", "determinant"),
    "ald_det_all": ("ALDBlock", "standardised"),
    "ald_none_all": ("ALDBlock", "zero"),
}
BEYOND = {  # reduction, live
    "ald_det_std": (32, False),
    "ald_det_live": (32, True),
    "ald_det_r8": (8, False),
    "ald_det_all": (8, True),
    "ald_none_all": (8, True),
}


def test_there_is_a_word_for_every_variant() -> None:
    assert {path.stem for path in (config_dir() / "variant").glob("*.yaml")} == VARIANTS.keys()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_the_block_and_the_descriptor_that_it_names(variant: str) -> None:
    conv = composed(f"variant={variant}", name="budgets").model.conv
    descriptor = conv.get("descriptor")
    named = descriptor and descriptor._target_.rpartition(".")[2]
    assert (conv._target_.rpartition(".")[2], named) == VARIANTS[variant]


@pytest.mark.parametrize("variant", BEYOND)
def test_a_variant_beyond_the_paper_changes_what_it_names(variant: str) -> None:
    conv = composed(f"variant={variant}", name="budgets").model.conv
    assert (conv.reduction, conv.get("live", False)) == BEYOND[variant]


def test_the_papers_attention_has_none_of_the_options_beyond_the_paper() -> None:
    conv: Any = OmegaConf.to_container(composed().model.conv, resolve=True)
    determinant = {"_target_": "aldsr.nn.descriptors.determinant", "_partial_": True}
    expected = {"_target_": "aldsr.nn.ALDBlock", "_partial_": True, "reduction": 32, "descriptor": determinant}
    assert conv == expected


EXPERIMENTS = config_dir().parent / "experiments"
BUDGETS = {"smoke": 1, "small": 3, "paper": 3}  # seeds
JOBS = {"attention": 8, "benchmarks": 3, "descriptors": 4, "linearity": 2, "parameters": 4, "reduction": 4, "small": 7}
STUDIES = sorted(path.parent.name for path in EXPERIMENTS.glob("*/study.yaml"))


def of_study(study: str, overrides: list[str], *, hydra: bool = False) -> DictConfig:
    """A study's config; Hydra's command line would add `conf` to the places where choices are looked for."""
    searched = f"hydra.searchpath=[file://{config_dir()}]"
    with initialize_config_dir(str(EXPERIMENTS / study), version_base="1.3"):
        return compose("study", [searched, *overrides], return_hydra_config=hydra)


@pytest.fixture
def _resolver() -> None:
    OmegaConf.register_new_resolver("study_dir", lambda run_dir, study: f"runs/{study}", replace=True)


@pytest.mark.skipif(not STUDIES, reason="experiments/ is not part of a wheel")
def test_every_study_is_known_here() -> None:
    assert sorted(JOBS) == STUDIES


@pytest.mark.usefixtures("_resolver")
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize(
    "study", STUDIES or [pytest.param("", marks=pytest.mark.skip(reason="experiments/ is not part of a wheel"))]
)
def test_every_variant_of_every_study_composes_at_every_budget(study: str, budget: str) -> None:
    chosen = [f"study.budget={budget}"]
    whole = of_study(study, chosen, hydra=True)
    assert (whole.study.name, whole.hydra.sweep.dir) == (study, f"runs/{study}")
    jobs = make_plan(chosen, dict(whole.hydra.sweeper.params)).jobs
    assert len(jobs) == JOBS[study] * BUDGETS[budget]
    described = set()
    one_seed_each = {name.rpartition("-seed")[0]: (name, overrides) for name, overrides in jobs.items()}
    for name, overrides in one_seed_each.values():
        config = of_study(study, overrides)
        content: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        amounts = content["budgets"][budget]
        assert all(content["model"][key] == amounts[key] for key in ("D", "C", "G", "residual"))
        assert content["model"]["G0"] == amounts["G"]
        assert content["trainer"]["max_steps"] == amounts["steps"]
        assert content["schedule"] == amounts["schedule"]
        assert name.endswith(f"-seed{content['seed']}")
        described.add(str(content["model"]))
    assert len(described) == JOBS[study], "two variants are the same network"


@pytest.mark.parametrize("variant", ["rdn", "ald_det"])
def test_the_paper_budget_is_the_papers_protocol(variant: str) -> None:
    chosen = {"rdn": ["model=rdn"], "ald_det": ["model=ald_rdn", "descriptor=det"]}[variant]
    paper = composed("experiment=paper", *chosen)
    ours = composed("study.budget=paper", f"variant={variant}", name="budgets")
    for key in ("model", "optimizer", "schedule"):
        assert OmegaConf.to_container(ours[key], resolve=True) == OmegaConf.to_container(paper[key], resolve=True)
    for key in ("patch_size", "batch_size", "steps_per_epoch"):
        assert ours.data[key] == paper.data[key]
    assert ours.trainer.max_steps == paper.trainer.max_epochs * paper.data.steps_per_epoch
    assert ours.trainer.check_val_every_n_epoch == paper.trainer.check_val_every_n_epoch
