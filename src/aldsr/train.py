"""`python -m aldsr.train`: train one network, or with `-m` sweep over many; see --help."""

from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from lightning import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import EMAWeightAveraging, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from torch import nn

from aldsr.core.device import device_name
from aldsr.core.errors import OptionError
from aldsr.core.files import atomic_write
from aldsr.core.run_files import PROGRESS
from aldsr.core.version import code_version
from aldsr.data import SuperResolutionData, fingerprint, micro_batch_size
from aldsr.evaluation.cost import count_parameters
from aldsr.evaluation.results import describe_network, summarise
from aldsr.nn import BicubicUpscale
from aldsr.nn.description import build, label
from aldsr.nn.weights import check_network, check_resumable, packed
from aldsr.reporting.tables.results import protocol_line, write_results
from aldsr.run.cli import hydra_command, prepare_process
from aldsr.run.messages import conclude, conclude_job, find_earlier, goes_on, introduce, open_run
from aldsr.run.resolve import PLAIN, cluster_of, on_cpu, ranks_of, settle_pace, settled
from aldsr.sweep.cluster import Nodes
from aldsr.sweep.launch import launch
from aldsr.sweep.status import record_failure
from aldsr.training import (
    LAYOUTS,
    TRAINER_OPTIONS,
    AtomicCheckpointIO,
    CheckpointAfterLog,
    CheckpointOnSignal,
    ComparisonImages,
    CsvLog,
    LongRunNotice,
    ProgressFile,
    SuperResolution,
    TrainingProgress,
    finish_wandb,
    report_results,
    score,
)


@hydra_command("train")
def train(config: DictConfig) -> None:
    """Settle what is open, check what can be wrong, then fit: here, or in one process per device."""
    run = settled(config)
    among = cluster_of(run)
    with record_failure(Path(run["run_dir"]), in_study=bool(run["study"]["name"])):
        if run["if_exists"] == "continue" and find_earlier(run):
            print(f"{run['run_dir']}: done already")
        elif among.node_rank:
            launch(follow, run, ranks=run["trainer"]["devices"], share_cpu=on_cpu(run), among=among)
        else:
            lead(run, among)


def lead(run: dict[str, Any], among: Nodes) -> None:
    """Check, open the folder, train, report: what the first machine does, which is mostly the only one."""
    network = build(run["model"], trusted=None)
    check_network(network, run["scale"])
    if run["ckpt_path"]:
        check_resumable(run["ckpt_path"], network, run["model"])
    check_options(run, network)
    settle_pace(run, network, recall=goes_on(run))
    data = instantiate(run["data"])
    data.prepare_data()
    run |= {"parameters": count_parameters(network), "version": code_version()}
    with open_run(run, goes_on=goes_on(run)):
        introduce(run, data)
        launch(fit, run, ranks=run["trainer"]["devices"], share_cpu=on_cpu(run), among=among)
    if run["study"]["name"]:
        conclude_job(run["run_dir"])
    else:
        conclude(run["run_dir"])


def follow(run: dict[str, Any]) -> None:
    """What ranks of the other machines do: train by what the first one has settled and written down."""
    fit(OmegaConf.to_container(OmegaConf.load(Path(run["run_dir"]) / "config.yaml")))  # type: ignore[arg-type]


def check_options(run: dict[str, Any], network: nn.Module) -> None:
    """Try optimizer, schedule, trainer and batch before anything starts.

    Raises:
        OptionError, DataError: for options that cannot be.
    """
    try:
        instantiate(run["schedule"])(instantiate(run["optimizer"])(network.parameters()), 1)
    except (TypeError, ValueError) as error:
        raise OptionError(f"optimizer or schedule: {error}; see optimizer=… and schedule=… in --help") from error
    trainer = run["trainer"] | {key: value for key, value in PLAIN.items() if run["trainer"].get(key) == "auto"}
    instantiate(trainer, logger=False, enable_checkpointing=False, **TRAINER_OPTIONS)
    micro_batch_size(run["data"]["batch_size"], ranks=ranks_of(run), micro_batches=trainer["accumulate_grad_batches"])
    if run["layout"] not in ("auto", *LAYOUTS):
        raise OptionError(f"layout={run['layout']}: expected auto, {' or '.join(LAYOUTS)}")


def fit(run: dict[str, Any]) -> None:
    """What every rank does: train, measure, and leave results.json."""
    prepare_process()
    seed_everything(run["seed"], verbose=False)
    data = instantiate(run["data"])
    network = build(run["model"], trusted=None)
    module = SuperResolution(
        network=network,
        description=run["model"],
        optimizer=instantiate(run["optimizer"]),
        schedule=instantiate(run["schedule"]),
        layout=run["layout"],
    )
    checkpoints = AtomicCheckpointIO()
    trainer: Trainer = instantiate(
        run["trainer"],
        callbacks=[CheckpointAfterLog(checkpoints), *callbacks(run)],
        logger=loggers(run),
        plugins=[checkpoints],
        default_root_dir=run["run_dir"],
        **TRAINER_OPTIONS,
    )
    folder = Path(run["run_dir"])
    try:
        for logger in trainer.loggers:
            logger.log_hyperparams(run)
        trainer.fit(module, datamodule=data, ckpt_path=run["ckpt_path"], weights_only=True)
        trainer.save_checkpoint(folder / "checkpoints" / "last.ckpt")
        trainer.validate(module, datamodule=data, verbose=False)
        results = measured(run, trainer, module, data)
        report_results(results, pictures=folder / "pictures", protocol=protocol_line(results))
    finally:
        finish_wandb()  # which writes what is left
    if trainer.is_global_zero:
        with atomic_write(folder / "weights.safetensors") as temporary:
            temporary.write_bytes(packed(module.network, run["model"]))
        write_results(folder, results)  # the last: a run that has its results is done


def measured(
    run: dict[str, Any], trainer: Trainer, module: SuperResolution, data: SuperResolutionData
) -> dict[str, Any]:
    """The results of a trained network, with bicubic's beside them."""
    bicubic = score(SuperResolution(network=BicubicUpscale(scale=run["scale"])), data, run["trainer"])
    results = summarise(
        describe_network(label(run["model"]), module.network, run["model"], scale=run["scale"]),
        module.scores,
        bicubic=bicubic,
        protocols=module.protocols,
        benchmarks=data.benchmarks,
        scale=run["scale"],
        conditions={"device": device_name(module.device), "precision": "32-true"},
    )
    (progress,) = (each for each in trainer.callbacks if isinstance(each, ProgressFile))  # type: ignore[attr-defined]
    results["training"] = {
        "steps": trainer.global_step,
        "seconds": round(progress.training_seconds(), 1),
        "ranks": trainer.world_size,
        "threads": torch.get_num_threads(),
        "images": len(data.train_pairs),
        "fingerprint": fingerprint(pair.hr for pair in data.train_pairs),
    }
    return results


def callbacks(run: dict[str, Any]) -> list[Callback]:
    """Checkpoints, progress, pictures, and the moving average if there is to be one."""
    folder = Path(run["run_dir"])
    checkpoints = ModelCheckpoint(
        dirpath=folder / "checkpoints",
        filename="last",
        every_n_train_steps=run["checkpoint_every"],
        enable_version_counter=False,
    )
    pictures = ComparisonImages(folder=folder / "pictures", name=label(run["model"]), per_set=run["pictures"])
    advice = "size=small, data.patch_size=24 or fewer steps, such as trainer.max_steps=2000"
    average = [EMAWeightAveraging(decay=run["ema"])] if run["ema"] else []
    words = [LearningRateMonitor("step"), TrainingProgress(), LongRunNotice(advice=advice)]
    watched = [ProgressFile(folder / PROGRESS), CheckpointOnSignal(checkpoint=folder / "checkpoints" / "last.ckpt")]
    return [checkpoints, *average, *words, pictures, *watched]


def loggers(run: dict[str, Any]) -> list[Logger]:
    """log.csv always, and beside it the logger that was chosen."""
    chosen: Logger = instantiate(run["logger"])
    return [chosen] if isinstance(chosen, CsvLog) else [CsvLog(Path(run["run_dir"]) / "log.csv"), chosen]


if __name__ == "__main__":
    # By the module's own name, so that a launcher can hand the job over to a process on another machine.
    from aldsr.train import train as main

    main()
