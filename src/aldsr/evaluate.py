"""`python -m aldsr.evaluate`: measure a network, or anyone's images, by the protocol of the literature; see --help."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from lightning import Callback, seed_everything
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import nn

from aldsr.bench.cost import measure_cost
from aldsr.core.device import device_name
from aldsr.core.errors import OptionError
from aldsr.core.files import atomic_write
from aldsr.evaluation.cost import input_size
from aldsr.evaluation.inference import PRECISIONS, Inference
from aldsr.evaluation.predictions import find_predictions, read_prediction
from aldsr.evaluation.results import describe_network, summarise
from aldsr.imaging import select
from aldsr.nn import BicubicUpscale, deploy, deployed
from aldsr.nn.deployment import described as deployed_description
from aldsr.nn.description import TRUSTED, build, label, scale_of
from aldsr.nn.folding import collapsible, foldable
from aldsr.nn.weights import load_network, packed
from aldsr.reporting.tables.results import write_results
from aldsr.run.cli import hydra_command, prepare_process
from aldsr.run.messages import conclude, open_run
from aldsr.run.resolve import on_cpu, settle_trainer
from aldsr.sweep.launch import launch
from aldsr.training import (
    ComparisonImages,
    SaveImages,
    StoredPredictions,
    SuperResolution,
    TrainingProgress,
    ValidationModule,
    score,
)

HOW = ("tile", "overlap", "self_ensemble", "precision")  # how a network is used


@hydra_command("evaluate")
def evaluate(config: DictConfig) -> None:
    """Settle what is open, check what can be wrong, then measure: here, or in one process per device."""
    run = settled(config)
    check_options(run)
    data = instantiate(run["data"])
    data.prepare_data()
    if run["predictions"]:
        find_predictions(run["predictions"], data.benchmarks)
    else:
        choose_form(run)
    with open_run(run, goes_on=True):  # the same command makes the same scores again: nothing to keep
        launch(measure, run, ranks=run["trainer"]["devices"], share_cpu=on_cpu(run))
    conclude(run["run_dir"])


def settled(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain data; a checkpoint's own network takes the place of `model`.

    Raises:
        OptionError, DeviceError, NetworkError: for options that cannot be met.
    """
    choice = HydraConfig.get().runtime.choices.get("model")
    given = {"model": choice, "ckpt_path": config.ckpt_path, "predictions": config.predictions}
    named = [f"{option}={value}" for option, value in given.items() if value]
    if not named:
        raise OptionError(
            "nothing to measure: give ckpt_path=FILE, a baseline such as model=bicubic, or predictions=DIR"
        )
    if len(named) > 1:
        raise OptionError(f"{' and '.join(named)}: one thing is measured at a time; leave the others out")
    if config.trainer.precision != "auto":
        raise OptionError(f"trainer.precision={config.trainer.precision}: is for training; give precision=… here")
    config.data.train_dirs = []
    if config.ckpt_path:
        _, description = load_network(config.ckpt_path, [*TRUSTED, *config.allow_code])
        with open_dict(config):
            config.model, config.scale = description, scale_of(description)
        config.run_dir = config.run_dir or str(_beside(Path(config.ckpt_path)))
    if config.predictions:
        config.name = config.name or Path(config.predictions).expanduser().resolve().name
    config.run_dir = str(config.run_dir or f"runs/evaluate-{choice or config.name}")
    run: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    run["name"] = run["name"] or label(run["model"]) + ("+" if run["self_ensemble"] else "")
    settle_trainer(run["trainer"])
    return run


def check_options(run: Mapping[str, Any]) -> None:
    """Try what can be wrong before anything is read.

    Raises:
        OptionError: for options that cannot be.
    """
    try:
        select(run["protocol"], gray=run["gray"], shave=run["shave"])
        if not run["predictions"]:
            options = {key: run[key] for key in HOW}
            Inference(BicubicUpscale(scale=run["scale"]), **options)
    except ValueError as error:
        raise OptionError(str(error)) from error
    if run["save_images"]:
        try:
            Path(run["save_images"]).expanduser().mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(f"save_images={run['save_images']}: cannot be written ({error.strerror})") from error


def _beside(checkpoint: Path) -> Path:
    """Where a checkpoint's scores go: into its run's folder, if it lies in one."""
    in_a_run = checkpoint.parent.name == "checkpoints"
    return checkpoint.parents[1] / "evaluation" if in_a_run else checkpoint.with_suffix("")


def choose_form(run: dict[str, Any]) -> None:
    """Settle once for all ranks which of the network's blocks are collapsed on this device."""
    network, device = network_of(run), device_of(run)
    run |= {"collapsed": [], "deployment": None}
    if not run["deploy"] or not (foldable(network) or collapsible(network)):
        return
    lr = torch.rand(1, 3, *input_size(run["scale"]), device=device)
    chosen = deploy(network.to(device), lr=lr, dtype=PRECISIONS[run["precision"]])
    run["collapsed"] = chosen.collapsed
    run["deployment"] = {
        "device": device_name(device),
        "lr": f"{lr.shape[-1]}x{lr.shape[-2]}",
        "precision": run["precision"],
        "seconds": chosen.measured,
    }


def measure(run: dict[str, Any]) -> None:
    """What every rank does: score what is to be measured, and bicubic; the first leaves the results."""
    prepare_process()
    data, protocols = instantiate(run["data"]), select(run["protocol"], gray=run["gray"], shave=run["shave"])
    data.setup("validate")
    network = None if run["predictions"] else network_of(run)
    module: ValidationModule
    if network is None:
        files = find_predictions(run["predictions"], data.benchmarks)
        read = lambda place, number: read_prediction(files[place][number])  # noqa: E731
        module = StoredPredictions(read=read, scale=run["scale"], protocols=protocols)
    else:
        form = deployed(network=network, collapsed=run["collapsed"]) if run["deployment"] else network
        options = {key: run[key] for key in HOW}
        module = SuperResolution(network=Inference(form, **options), protocols=protocols)
    scores = score(module, data, run["trainer"], callbacks(run))
    reference = SuperResolution(network=BicubicUpscale(scale=run["scale"]), protocols=protocols)
    bicubic = scores if isinstance(network, BicubicUpscale) else score(reference, data, run["trainer"])
    if int(os.environ.get("RANK", 0)) != 0:
        return
    device = device_of(run)
    results = summarise(
        describe_network(run["name"], network, run.get("model"), scale=run["scale"]),
        scores,
        bicubic=bicubic,
        protocols=protocols,
        benchmarks=data.benchmarks,
        scale=run["scale"],
        conditions={"device": device_name(device), **{key: run[key] for key in HOW if network is not None}},
    )
    if network is None:  # which LR the other system saw is not known
        for found in results["sets"].values():
            found |= {"lr": "not known", "lr_fingerprint": None}
    if run["cost"] and network is not None:
        results["cost"] = measure_cost(network.to(device), scale=run["scale"], precision=run["precision"])
    write_results(Path(run["run_dir"]), results)
    if network is not None and run["deployment"] and run["ckpt_path"]:
        form = deployed(network=network.cpu(), collapsed=run["collapsed"])
        with atomic_write(Path(run["run_dir"]) / "deployed.safetensors") as temporary:
            description = deployed_description(run["model"], network, run["collapsed"])
            temporary.write_bytes(packed(form, description, run["deployment"]))


def device_of(run: Mapping[str, Any]) -> torch.device:
    """Where the network is used."""
    return torch.device("cuda" if run["trainer"]["accelerator"] in ("gpu", "cuda") else "cpu")


def network_of(run: Mapping[str, Any]) -> nn.Module:
    """The network of a checkpoint or weights file, or a fresh one."""
    if run["ckpt_path"]:
        return load_network(run["ckpt_path"], [*TRUSTED, *run["allow_code"]])[0]
    seed_everything(run["seed"], verbose=False)
    network: nn.Module = build(run["model"], trusted=None)
    return network


def callbacks(run: Mapping[str, Any]) -> list[Callback]:
    """Progress, comparison pictures, and the images themselves if they are wanted."""
    pictures = ComparisonImages(folder=Path(run["run_dir"]) / "pictures", name=run["name"], per_set=run["pictures"])
    images = [SaveImages(run["save_images"])] if run["save_images"] else []
    return [TrainingProgress(), pictures, *images]


if __name__ == "__main__":
    evaluate()
