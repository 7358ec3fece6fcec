"""`python -m aldsr.evaluate`: measure a network, or anyone's images, by the protocol of the literature; see --help."""

import os
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn

from aldsr import training
from aldsr.analysis.study import trained_degradation
from aldsr.core.device import device_name
from aldsr.core.frozen import thaw
from aldsr.core.memory import memory_advice
from aldsr.core.run_files import WEIGHTS
from aldsr.data import SuperResolutionData
from aldsr.data.images import read_tensor
from aldsr.evaluation.bicubic import score_bicubic
from aldsr.evaluation.cost import measure_cost
from aldsr.evaluation.inference import GLOBAL, Inference, has_global_statistics
from aldsr.evaluation.predictions import find_predictions
from aldsr.evaluation.results import check_scorable, describe_network, make_results
from aldsr.nn import BicubicUpscale, External, deployed
from aldsr.nn.description import deployed_description
from aldsr.nn.kernels.choice import use_kernels
from aldsr.nn.weights import write_weights
from aldsr.reporting.tables.results import write_results
from aldsr.run import evaluation
from aldsr.run.cli import hydra_command, prepare_process
from aldsr.run.folder import open_run
from aldsr.run.messages import print_summary
from aldsr.sweep.launch import launch

MEMORY = memory_advice("take tile=128 or a smaller one, precision=bf16-mixed, or trainer=cpu")


@hydra_command("evaluate")
@MEMORY
def evaluate(config: DictConfig) -> None:
    """Resolve the settings, then measure: here, or in one process per device."""
    settings, network = evaluation.resolve_evaluation(config)
    use_kernels(settings.kernels, network=network, on_gpu=settings.trainer.on_gpu)
    data: SuperResolutionData = instantiate(settings.data.to_config())
    data.prepare_data()
    check_scorable(data.benchmarks, settings.protocols, settings.scale)
    settings = evaluation.note_content(settings, network, data)
    form, trainer = evaluation.choose_form(settings, network), settings.trainer
    module = build_module(settings, data, network, form)
    if settings.tile and network is not None and has_global_statistics(network):
        print(f"tile={settings.tile}: {GLOBAL}; without them: tile=null")
    with open_run(settings.run_dir, settings.to_config(), keep=evaluation.is_same_measurement(settings, data)):
        if trainer.ranks == 1:
            measure(settings, data, module, network, form)
        else:
            launch(measure_rank, settings, form, ranks=trainer.devices, share_cpu=trainer.on_cpu)
    print_summary(settings.run_dir)


@MEMORY
def measure_rank(settings: evaluation.EvaluationSettings, form: list[str] | None) -> None:
    """What each of several processes does."""
    prepare_process()
    use_kernels(settings.kernels)
    data: SuperResolutionData = instantiate(settings.data.to_config())
    data.setup("validate")
    network = evaluation.load_measured(settings)
    measure(settings, data, build_module(settings, data, network, form), network, form)


def measure(
    settings: evaluation.EvaluationSettings,
    data: SuperResolutionData,
    module: training.ValidationModule,
    network: nn.Module | None,
    form: list[str] | None,
) -> None:
    """Score what is to be measured, and bicubic; the first rank leaves the results."""
    folder = Path(settings.run_dir)
    images = training.ValidationImages(
        folder=folder / "pictures", name=settings.name, per_set=settings.pictures, sr_folder=settings.save_images
    )
    scores = training.score(module, data, settings.trainer, [training.TrainingProgress(), images])
    if int(os.environ.get("RANK", 0)) != 0:
        return
    device, scale = settings.device, settings.scale
    shared: dict[str, Any] = {"protocols": module.protocols, "scale": scale}
    bicubic = scores if isinstance(network, BicubicUpscale) else score_bicubic(data.benchmarks, device=device, **shared)
    how = {**settings.inference, "kernels": settings.kernels} if network is not None else {}
    shared |= {"benchmarks": data.benchmarks, "conditions": {"device": device_name(device), **how}}
    described = describe_network(settings.name, network, thaw(settings.model), scale=scale)
    results = make_results(described, scores, bicubic=bicubic, **shared)
    if network is None:  # which LR the other system saw is not known
        for found in results["sets"].values():
            found |= {"lr": "not known", "lr_track": None, "lr_fingerprint": None}
    elif settings.cost:
        full = settings.cost == "full"
        results["cost"] = measure_cost(network.to(device), scale=scale, precision=settings.precision, full=full)
    if isinstance(network, External):  # so that the folder can be named wherever a run can
        write_weights(folder / WEIGHTS, network, thaw(settings.model))
    write_results(folder, results)
    if network is not None and form is not None and settings.ckpt_path:
        write_deployed(settings, network.cpu(), form)


def build_module(
    settings: evaluation.EvaluationSettings,
    data: SuperResolutionData,
    network: nn.Module | None,
    form: list[str] | None,
) -> training.ValidationModule:
    """What gives the images that are scored: a network as it is used, or files."""
    protocols = settings.protocols
    if network is None:
        files = find_predictions(str(settings.predictions), data.benchmarks)
        return training.ValidationModule(
            read=lambda place, number: read_tensor(files[place][number]), scale=settings.scale, protocols=protocols
        )
    used = deployed(network=network, collapsed=form) if form is not None else network
    return training.SuperResolution(network=Inference(used, **settings.inference), protocols=protocols)


def write_deployed(settings: evaluation.EvaluationSettings, network: nn.Module, form: list[str]) -> None:
    """Keep the network in its fastest form."""
    description = deployed_description(thaw(settings.model), network, form)
    file = Path(settings.run_dir, "deployed.safetensors")
    degradation = trained_degradation(Path(str(settings.ckpt_path)))
    write_weights(file, deployed(network=network, collapsed=form), description, degradation=degradation)


if __name__ == "__main__":
    evaluate()
