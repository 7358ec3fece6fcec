"""Every choice of every config group composes, and the paper's protocol is the paper's."""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from aldsr.core.settings import flatten
from aldsr.run.cli import config_dir
from aldsr.sweep.plan import make_plan

GROUPS = ("model", "backbone", "block", "descriptor", "size", "data", "trainer", "logger", "experiment")
GROUPS += ("loss", "optimizer", "schedule", "degradation", "callbacks")
NEEDED = {"folder": ["data.train_dirs=[a]"], "multistep": ["schedule.milestones=[1]"]}
EXPERIMENTS = config_dir().parent / "experiments"
VARIANTS = {  # block, descriptor, reduction, what else
    "rdn": ("StandardBlock", None, None, {}),
    "dw": ("DWBlock", None, None, {}),
    "ldw": ("LDWBlock", None, None, {}),
    "ldw_gain": ("LDWBlock", None, None, {"gain": 1.5}),
    "ldw_gain3": ("LDWBlock", None, None, {"gain": 3.0}),
    "ldw_init_gain": ("LDWBlock", None, None, {"init_gain": 1.5}),
    "standard": ("StandardBlock", None, None, {}),
    "bsconv": ("BSConvBlock", None, None, {}),
    "ald_avg": ("ALDBlock", "average", 32, {}),
    "ald_max": ("ALDBlock", "maximum", 32, {}),
    "ald_det": ("ALDBlock", "determinant", 32, {}),
    "ald_none": ("ALDBlock", "zero", 32, {}),
    "ald_det_std": ("ALDBlock", "standardised", 32, {}),
    "ald_det_free": ("ALDBlock", "scale_free", 32, {}),
    "ald_det_live": ("ALDBlock", "determinant", 32, {"live": True}),
    "ald_det_r8": ("ALDBlock", "determinant", 8, {}),
    "ald_det_all": ("ALDBlock", "standardised", 8, {"live": True}),
    "ald_frozen": ("ALDBlock", "zero", 32, {"frozen": True}),
    "ald_none_all": ("ALDBlock", "zero", 8, {"live": True}),
}
BUDGETS = {"small": 3, "smoke": 1, "paper": 3}  # seeds
# Seeds in the budget "small", where they are not three.
OWN_SEEDS = {
    "gain/explore": 2,
    "gain/study": 6,
    "rates/test": 6,
    "rates/tune": 2,
    "weights/candidates": 1,
}
OWN_SIZES = ("backbones", "frontier", "rates", "weights")
JOBS = {
    "attention/study": 8,
    "backbones/narrow": 4,
    "backbones/study": 24,
    "benchmarks/study": 3,
    "descriptors/study": 4,
    "frontier/dense": 12,
    "frontier/depthwise": 12,
    "gain/explore": 5,
    "gain/study": 6,
    "linearity/study": 2,
    "parameters/study": 4,
    "rates/test": 4,
    "rates/tune": 30,
    "recipes/study": 6,
    "reduction/study": 4,
    "small/study": 7,
    "weights/candidates": 5,
}


def composed(*overrides: str, name: str = "train") -> DictConfig:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose(name, list(overrides))


def plain(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("group", GROUPS)
def test_every_choice_composes(group: str) -> None:
    for choice in sorted({path.stem for path in (config_dir() / group).glob("*.yaml")} - {"budget"}):
        config = composed(
            f"{group}={choice}",
            *NEEDED.get(choice, []),
        )
        config.run_dir = "run"
        assert plain(config)


def test_the_papers_protocol() -> None:
    config = composed("experiment=paper")
    assert (config.model.D, config.model.C, config.model.G, config.model.G0) == (16, 8, 64, 64)
    assert (config.model.scale, config.model.residual, config.model.conv.reduction) == (4, "none", 32)
    assert (config.data.patch_size, config.data.batch_size, config.trainer.max_epochs) == (48, 16, 300)
    assert (config.optimizer.lr, list(config.schedule.epochs)) == (1e-4, [200])
    assert [Path(folder).name for folder in config.data.train_dirs] == ["DIV2K_train_HR"]


def test_a_variant_is_what_its_name_says() -> None:
    assert {path.stem for path in (config_dir() / "variant").glob("*.yaml")} == VARIANTS.keys()
    for variant, expected in VARIANTS.items():
        conv = composed(f"variant={variant}", name="budgets").model.conv
        descriptor = conv.get("descriptor")
        names = [each and each._target_.rpartition(".")[2] for each in (conv, descriptor)]
        others = {key: conv[key] for key in ("live", "frozen", "gain", "init_gain") if key in conv}
        assert (*names, conv.get("reduction"), others) == expected


def of_study(study: str, overrides: list[str], *, hydra: bool = False) -> DictConfig:
    """A study's config; Hydra's command line would add `conf` to the places where choices are looked for."""
    searched = f"hydra.searchpath=[file://{config_dir()}]"
    with initialize_config_dir(str((EXPERIMENTS / study).parent), version_base="1.3"):
        return compose(Path(study).name, [searched, *overrides], return_hydra_config=hydra)


@pytest.mark.skipif(not EXPERIMENTS.is_dir(), reason="experiments/ is not part of a wheel")
@pytest.mark.slow
@pytest.mark.parametrize("study", JOBS)
def test_every_variant_of_every_study_composes_and_every_budget(study: str) -> None:
    studies = [path for path in EXPERIMENTS.glob("*/*.yaml") if "sweeper:" in path.read_text()]
    assert sorted(JOBS) == sorted(f"{path.parent.name}/{path.stem}" for path in studies)
    OmegaConf.register_new_resolver("study_dir", lambda run_dir, study: f"runs/{study}", replace=True)
    for budget, seeds in BUDGETS.items():
        chosen = [f"study.budget={budget}"]
        if budget == "small" or study == "small/study":  # which has the seeds of its budget, as most have
            whole = of_study(study, chosen, hydra=True)
            assert whole.hydra.sweep.dir == f"runs/{whole.study.name}"
            jobs = make_plan(chosen, dict(whole.hydra.sweeper.params))
            assert len(jobs) == JOBS[study] * (OWN_SEEDS.get(study, seeds) if budget == "small" else seeds)
        variants, trained = {name.rpartition("-seed")[0]: job for name, job in jobs.items()}, set()
        for overrides in variants.values() if budget == "small" else [[*jobs[next(iter(jobs))], *chosen]]:
            content = plain(of_study(study, overrides))
            amounts = content["budgets"][budget]
            if not study.startswith(OWN_SIZES):
                assert all(content["model"][key] == amounts[key] for key in ("D", "C", "G", "residual"))
            assert content["trainer"]["max_steps"] == amounts["steps"]
            assert study == "recipes/study" or content["schedule"] == amounts["schedule"]
            recipe = [content[key] for key in ("loss", "schedule", "init", "optimizer")] + [
                content["data"]["patch_size"]
            ]
            trained.add(str([content["model"], *recipe]))
        assert budget != "small" or len(trained) == JOBS[study], "two variants are the same training"


@pytest.mark.skipif(not EXPERIMENTS.is_dir(), reason="experiments/ is not part of a wheel")
@pytest.mark.slow
def test_a_recorded_study_would_train_the_same_networks() -> None:
    for run in sorted((EXPERIMENTS / "small/runs").glob("*-seed0")):
        config = of_study("small/study", [f"variant={run.name.removesuffix('-seed0')}"])
        assert plain(config.model) == plain(OmegaConf.load(run / "config.yaml").model)


@pytest.mark.parametrize("variant", ["rdn", "ald_det"])
def test_the_paper_budget_is_the_papers_protocol(variant: str) -> None:
    chosen = {"rdn": ["model=rdn"], "ald_det": ["model=ald_rdn", "descriptor=det"]}[variant]
    paper = composed("experiment=paper", *chosen)
    ours = composed("study.budget=paper", f"variant={variant}", name="budgets")
    for key in ("model", "optimizer", "schedule"):
        assert plain(ours[key]) == plain(paper[key])
    for key in ("patch_size", "batch_size", "steps_per_epoch"):
        assert ours.data[key] == paper.data[key]
    assert ours.trainer.max_steps == paper.trainer.max_epochs * paper.data.steps_per_epoch
    assert ours.trainer.check_val_every_n_epoch == paper.trainer.check_val_every_n_epoch


@pytest.mark.skipif(not EXPERIMENTS.is_dir(), reason="experiments/ is not part of a wheel")
def test_the_default_recipe_is_that_of_recorded_runs() -> None:
    """But for the rate, which their budget sets."""
    default = flatten(plain(composed("trainer.max_steps=2000")))
    for path in sorted(EXPERIMENTS.glob("small/runs/*/config.yaml")):
        recorded: Any = flatten(plain(OmegaConf.load(path)))  # type: ignore[arg-type]
        for key in {*default, *recorded} - {"optimizer.lr"}:
            if key.startswith(("loss", "optimizer", "schedule")):
                assert recorded.get(key) == default.get(key), (path, key)
