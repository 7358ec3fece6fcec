"""The command line of `aldsr.evaluate` becomes one frozen `EvaluationSettings`, and the network that it names."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from torch import nn

from aldsr.analysis.study import trained_degradation
from aldsr.core.device import PRECISIONS, device_name
from aldsr.core.errors import OptionError
from aldsr.core.files import absolute, check_room, short_name
from aldsr.core.frozen import FrozenDict
from aldsr.core.run_files import CONFIG, LOG, RESULTS
from aldsr.core.settings import NO_OPTIONS, DataSettings, Settings, TrainerSettings
from aldsr.data import SuperResolutionData
from aldsr.evaluation.cost import input_size
from aldsr.evaluation.inference import Inference
from aldsr.evaluation.predictions import find_predictions
from aldsr.imaging import Degradation, Protocol, select
from aldsr.imaging.perceptual import load_measure
from aldsr.nn import BicubicUpscale, deploy
from aldsr.nn.description import label, scale_of
from aldsr.nn.folding import collapsible_blocks, foldable_blocks
from aldsr.nn.foreign import External, read_weights_of
from aldsr.nn.initial import hash_weights
from aldsr.nn.weights import check_network, find_file, load_network, load_state
from aldsr.run.network import resolve_network
from aldsr.run.resolve import resolve_trainer
from aldsr.run.training import build_network
from aldsr.run.typed import typed_options
from aldsr.run.unused import refuse_unused, unused_in_evaluation
from aldsr.sweep.folders import find_differences, load_config
from aldsr.sweep.names import network_tags
from aldsr.training import sr_file


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings(Settings):
    """What is measured, and how; see `conf/evaluate.yaml`."""

    model: FrozenDict = NO_OPTIONS
    external: FrozenDict = NO_OPTIONS  # what the model was made of
    data: DataSettings
    trainer: TrainerSettings
    scale: int
    seed: int = 0
    ckpt_path: str | None = None
    predictions: str | None = None
    name: str
    protocol: str = "y"
    gray: str | None = None
    shave: int | None = None
    measures: tuple[str, ...] = ()
    precision: str = "32-true"
    kernels: str = "torch"
    deploy: bool = True
    self_ensemble: bool = False
    tile: int | None = None
    overlap: int = 8
    save_images: str | None = None
    cost: bool | str = False
    allow_code: tuple[str, ...] = ()
    run_dir: str
    pictures: int = 8
    content: FrozenDict = NO_OPTIONS  # of the files that options name; see `note_content`

    @property
    def inference(self) -> dict[str, Any]:
        """How the network is used: the options of `Inference`, which results state."""
        return {key: getattr(self, key) for key in ("tile", "overlap", "self_ensemble", "precision")}

    @property
    def protocols(self) -> dict[str, Protocol]:
        """How it is scored, by name. Raises ValueError for what is not offered."""
        return select(self.protocol, gray=self.gray, shave=self.shave, measures=self.measures)

    @property
    def device(self) -> torch.device:
        """The device that the network runs on."""
        return torch.device("cuda" if self.trainer.on_gpu else "cpu")


def resolve_evaluation(config: DictConfig) -> tuple[EvaluationSettings, nn.Module | None]:
    """The settings and the network that is measured (None: predictions). A checkpoint brings its own.

    Raises OptionError, DeviceError, NetworkError for options that cannot be met.
    """
    resolve_network(config)
    choices = HydraConfig.get().runtime.choices
    chosen = "model" if choices.get("model") else "backbone"
    choice = choices.get(chosen) or config.model.get("_target_")
    _check_one({chosen: choice, "ckpt_path": config.ckpt_path, "predictions": config.predictions})
    refuse_unused(unused_in_evaluation(config))
    run: Any = OmegaConf.to_container(config, resolve=False)
    network: nn.Module | None = None
    if config.ckpt_path:
        run["ckpt_path"] = str(find_file(str(config.ckpt_path)))
        network, description = load_network(run["ckpt_path"], config.allow_code)
        scale = scale_of(description)
        if "scale" in typed_options() and config.scale != scale:
            raise OptionError(f"scale={config.scale}: {config.ckpt_path} upscales x{scale}; leave it out")
        run |= {"model": description, "scale": scale}
        file = Path(run["ckpt_path"])
        folder = file.parents[file.parent.name == "checkpoints"]  # of the run
        run["run_dir"] = config.run_dir or (file.with_suffix("") if folder == file.parent else folder / "evaluation")
        run["degradation"] = _recall_degradation(file) or run["degradation"]
    if config.predictions:
        run["name"] = config.name or absolute(str(config.predictions)).name
    run["data"] |= {"train_dirs": [], "train_lr_dirs": None, "train_list": None}
    name = "-".join(network_tags(choices, run["model"])) if choice else str(run["name"])
    run["run_dir"] = str(run["run_dir"] or f"runs/evaluate-{short_name(name)}")
    run = OmegaConf.to_container(OmegaConf.create(run), resolve=True, throw_on_missing=True)
    Degradation.from_options(run.pop("degradation"))
    run["model"] = run.get("model") or {}
    run["name"] = run["name"] or label(run["model"]) + ("+" if run["self_ensemble"] else "")
    run["trainer"] = resolve_trainer(run["trainer"]).to_config()
    settings = EvaluationSettings.from_config(run, typed=True)
    _check_options(settings)
    network = network or load_measured(settings)
    drawn = [] if network is None or settings.ckpt_path or settings.external else [*network.parameters()]
    if drawn:  # random weights, which tell what a network costs, not what it can do
        settings = replace(settings, name=f"{settings.name} (untrained)")
    return settings, network


def load_measured(settings: EvaluationSettings) -> nn.Module | None:
    """The network that is measured, from its file or fresh; None where predictions are."""
    if settings.predictions:
        return None
    if settings.ckpt_path:
        return load_network(settings.ckpt_path, settings.allow_code)[0]
    network = build_network(settings.model, seed=settings.seed).eval()
    if isinstance(network, External):
        if weights := settings.external["weights"]:
            load_state(network.network, read_weights_of(network.network, weights), weights)
        elif network.state_dict():
            raise OptionError("external.weights: not given, and random weights would be measured; give the file")
        check_network(network, settings.scale)
    return network


def choose_form(settings: EvaluationSettings, network: nn.Module | None) -> list[str] | None:
    """The paths of the blocks that are faster collapsed here; None where nothing can be folded or collapsed."""
    if network is None or not settings.deploy or not (foldable_blocks(network) or collapsible_blocks(network)):
        return None
    height, width = input_size(settings.scale)
    lr = torch.rand(1, 3, height, width, device=settings.device)
    return deploy(network.to(settings.device), lr=lr, dtype=PRECISIONS[settings.precision]).collapsed


def note_content(
    settings: EvaluationSettings, network: nn.Module | None, data: SuperResolutionData
) -> EvaluationSettings:
    """The settings with hashes of weights or predictions and of images, and the device."""
    if network is None:
        digest = hashlib.blake2b(digest_size=8)
        for file in chain(*find_predictions(str(settings.predictions), data.benchmarks)):
            digest.update(file.read_bytes())
        content = digest.hexdigest()
    else:
        content = hash_weights(network.state_dict())
    images = {each.name: each.identity for each in data.benchmarks}
    found = {"hash": content, "images": images, "device": device_name(settings.device)}
    return replace(settings, content=FrozenDict(found))


def is_same_measurement(settings: EvaluationSettings, data: SuperResolutionData) -> bool:
    """Whether the folder holds this measurement, which is then written again; another one is moved aside.

    Raises OptionError if what must not be moved lies in it, or other super-resolved images would be written over, and
    DamagedRunError if its config.yaml cannot be read.
    """
    folder, config = Path(settings.run_dir), settings.to_config()
    earlier = load_config(folder) if (folder / CONFIG).is_file() else {}
    same = bool(earlier) and not any(find_differences(folder, config))
    sets = *(settings.data.eval_dirs or ()), *(settings.data.eval_lr_dirs or ())
    used = [settings.ckpt_path, settings.predictions, settings.external.get("weights"), *sets]
    inside = [each for each in used if each and Path(each).expanduser().resolve().is_relative_to(folder.resolve())]
    if not same and (earlier or (folder / RESULTS).is_file()) and (inside or (folder / LOG).is_file()):
        raise OptionError(
            f"run_dir={folder}: holds {inside[0] if inside else 'a training run'}, which a measurement must not move "
            "aside; choose another folder"
        )
    if settings.save_images and not (same and earlier.get("save_images") == settings.save_images):
        for each in data.benchmarks:
            for name in each.image_names:
                if (file := sr_file(settings.save_images, each.name, name, settings.scale)).exists():
                    raise OptionError(
                        f"save_images={settings.save_images}: {file} is of another measurement; choose another folder"
                    )
    return same


def _check_one(given: Mapping[str, str | None]) -> None:
    named = [f"{option}={value}" for option, value in given.items() if value]
    if not named:
        raise OptionError(
            "nothing to measure: give ckpt_path=FILE, a baseline such as model=bicubic, or predictions=DIR"
        )
    if len(named) > 1:
        raise OptionError(f"{' and '.join(named)}: one thing is measured at a time; leave the others out")


def _check_options(settings: EvaluationSettings) -> None:
    """Try what can be wrong before anything is read."""
    if settings.data.eval_dirs == ():
        raise OptionError("data.eval_dirs=[]: nothing to measure on; name at least one folder of images")
    try:
        for measure in next(iter(settings.protocols.values())).measures.items():
            load_measure(*measure)
        if not settings.predictions:
            Inference(BicubicUpscale(scale=settings.scale), **settings.inference)
    except ValueError as error:
        raise OptionError(str(error)) from error
    if settings.cost not in (True, False, "full"):
        raise OptionError(f"cost={settings.cost}: expected true, false or full")
    if settings.save_images:
        check_room(f"save_images={settings.save_images}", Path(settings.save_images).expanduser())


def _recall_degradation(weights: Path) -> dict[str, Any] | None:
    """How LR was made for the training of weights, and say so; None: by bicubic, not known, or typed by the user."""
    if any("degradation" in option for option in typed_options()):
        return None
    options = trained_degradation(weights)
    if options is None:
        print(
            f"degradation=bicubic: missing LR is made by bicubic, as how it was made for {weights} is not known; "
            "degradation=NAME makes it as for its training"
        )
    elif (text := Degradation.from_options(options).text) != "bicubic":
        print(f"degradation={text}: missing LR is made as for {weights}; degradation=bicubic makes it by bicubic")
    return options
