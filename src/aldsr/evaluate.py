"""`python -m aldsr.evaluate`: measure a network by the protocol of the literature; see --help."""

import os
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from lightning import seed_everything
from omegaconf import DictConfig, OmegaConf, open_dict

from aldsr.cli import OptionError, command, quiet
from aldsr.measure import count_parameters, summarise, write_results
from aldsr.nn import BicubicUpscale
from aldsr.nn.weights import TRUSTED, build, label, load_checkpoint
from aldsr.runs import conclude, open_run, settle_trainer
from aldsr.study import launch
from aldsr.training import ComparisonPictures, TrainingProgress, score


@command("evaluate")
def evaluate(config: DictConfig) -> None:
    """Settle what is open, check what can be wrong, then measure: here, or in one process per device."""
    run = settled(config)
    data = instantiate(run["data"])
    data.prepare_data()
    open_run(run, goes_on=True)  # the same command makes the same scores again: nothing to keep
    launch(measure, run, ranks=run["trainer"]["devices"], share_cpu=run["trainer"]["accelerator"] == "cpu")
    conclude(run["run_dir"])


def settled(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain data; a checkpoint's own network takes the place of `model`.

    Raises:
        OptionError, DeviceError, NetworkError: for options that cannot be met.
    """
    choice = HydraConfig.get().runtime.choices.get("model")
    if config.ckpt_path and choice:
        raise OptionError(f"model={choice}: a checkpoint brings its own network; give either model or ckpt_path")
    if not config.ckpt_path and not choice:
        raise OptionError("nothing to measure: give ckpt_path=PATH, or a baseline such as model=bicubic")
    config.data.train_dirs = []
    if config.ckpt_path:
        _, description = load_checkpoint(config.ckpt_path, [*TRUSTED, *config.allow_code])
        with open_dict(config):
            config.model, config.scale = description, description["scale"]
        config.run_dir = config.run_dir or str(_beside(Path(config.ckpt_path)))
    config.run_dir = config.run_dir or f"runs/evaluate-{choice}"
    run: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    settle_trainer(run["trainer"])
    return run


def _beside(checkpoint: Path) -> Path:
    """Where a checkpoint's scores go: into its run's folder, if it lies in one."""
    return (
        checkpoint.parents[1] / "evaluation" if checkpoint.parent.name == "checkpoints" else checkpoint.with_suffix("")
    )


def measure(run: dict[str, Any]) -> None:
    """What every rank does: score the network and bicubic, and leave results.json."""
    quiet()
    data, folder = instantiate(run["data"]), Path(run["run_dir"])
    if run["ckpt_path"]:
        network, _ = load_checkpoint(run["ckpt_path"], [*TRUSTED, *run["allow_code"]])
    else:
        seed_everything(run["seed"], verbose=False)
        network = build(run["model"], trusted=None)
    pictures = ComparisonPictures(folder=folder / "pictures", name=label(run["model"]), per_set=run["pictures"])
    scores = score(network, data, run["trainer"], [TrainingProgress(), pictures])
    bicubic = score(BicubicUpscale(scale=run["scale"]), data, run["trainer"])
    if int(os.environ.get("RANK", 0)) == 0:
        results = summarise(
            run["model"],
            scores,
            bicubic=bicubic,
            lr_sources=data.lr_sources,
            parameters=count_parameters(network),
        )
        write_results(folder / "results.json", results)


if __name__ == "__main__":
    evaluate()
