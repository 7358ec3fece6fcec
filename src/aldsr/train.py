"""`python -m aldsr.train`: train one network, or with `-m` sweep over many; see --help."""

from pathlib import Path

from hydra.utils import instantiate
from lightning import Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig

from aldsr.core.errors import OptionError
from aldsr.core.frozen import thaw
from aldsr.core.memory import memory_advice
from aldsr.core.run_files import WEIGHTS
from aldsr.core.settings import RunSettings
from aldsr.data import SuperResolutionData
from aldsr.evaluation.results import check_scorable
from aldsr.nn.kernels.choice import use_kernels
from aldsr.nn.weights import write_weights
from aldsr.reporting.tables.results import protocol_line, write_results
from aldsr.run import training
from aldsr.run.cli import hydra_command, prepare_process
from aldsr.run.continuing import continue_run, continues, earlier_results, is_done, note_images
from aldsr.run.folder import open_run, read_settings
from aldsr.run.loggers import build_loggers
from aldsr.run.messages import print_job_summary, print_start, print_summary
from aldsr.run.recipe import build_loss
from aldsr.run.resolve import measure_settings, resolve_config
from aldsr.sweep.launch import Nodes, find_nodes, launch
from aldsr.sweep.status import record_failure
from aldsr.training import SuperResolution, finish_wandb, report_results
from aldsr.training.options import check_monitors

MEMORY = memory_advice(
    "take a larger trainer.accumulate_grad_batches (the batch in smaller parts, the same gradient) or, for RDN, "
    "model.checkpoint=true; or trainer.precision=bf16-mixed, a smaller data.patch_size, data.batch_size or network"
)


@hydra_command("train")
def train(config: DictConfig) -> None:
    """Resolve the settings, then train: here, or in one process per device."""
    settings = resolve_config(config)
    nodes = find_nodes(settings.trainer.num_nodes)
    with record_failure(Path(settings.run_dir), in_study=bool(settings.study.name)):
        if nodes.node_rank:
            launch_ranks(read_settings(settings.run_dir), nodes)
        elif is_done(settings := continue_run(settings)):
            print(f"{settings.run_dir}: done already")
        else:
            lead(settings, nodes)


@MEMORY
def lead(settings: RunSettings, nodes: Nodes) -> None:
    """Check, open the folder, train, report: what the first machine does, which is mostly the only one."""
    network = training.build_network(settings.model, seed=settings.seed, paired=settings.paired_init)
    use_kernels(settings.kernels, network=network, on_gpu=settings.trainer.on_gpu)
    settings = training.load_first_weights(settings, network)
    loss = build_loss(settings.loss)
    training.check_start(settings, network, loss)
    settings = measure_settings(settings, network, loss)
    module, trainer = training.build_training(settings, network, loss)
    data: SuperResolutionData = instantiate(settings.data.to_config())
    data.prepare_data()
    check_scorable(data.benchmarks, module.protocols, settings.scale)
    check_monitors(trainer.callbacks, [each.name for each in data.benchmarks])  # type: ignore[attr-defined]
    settings, earlier = note_images(settings, data), earlier_results(settings)
    keep, room = continues(settings), training.checkpoint_room(settings)
    with open_run(settings.run_dir, settings.to_config(), keep=keep, earlier_results=earlier, room=room):
        print_start(settings, data, extends=bool(earlier))
        if settings.trainer.ranks == 1:
            fit(settings, module, trainer, data)
        else:
            launch_ranks(settings, nodes)
    if settings.study.name:
        print_job_summary(settings.run_dir)
    else:
        print_summary(settings.run_dir)


def launch_ranks(settings: RunSettings, nodes: Nodes) -> None:
    """Train in one process per device of this machine."""
    trainer = settings.trainer
    launch(train_rank, settings, ranks=trainer.devices, share_cpu=trainer.on_cpu, nodes=nodes)


@MEMORY
def train_rank(settings: RunSettings) -> None:
    """What each of several processes does."""
    prepare_process()
    network = training.build_network(settings.model, seed=settings.seed, paired=settings.paired_init)
    use_kernels(settings.kernels)
    training.load_first_weights(settings, network)
    module, trainer = training.build_training(settings, network, build_loss(settings.loss))
    fit(settings, module, trainer, instantiate(settings.data.to_config()))


def fit(settings: RunSettings, module: SuperResolution, trainer: Trainer, data: SuperResolutionData) -> None:
    """Train, validate, and leave the weights and results.json."""
    folder = Path(settings.run_dir)
    trainer.loggers = build_loggers(settings)
    try:
        for logger in trainer.loggers:
            logger.log_hyperparams(settings.to_config())
        trainer.fit(module, datamodule=data, ckpt_path=settings.ckpt_path, weights_only=True)
        if data.benchmarks and (settings.ema or module.validated_step != trainer.global_step):
            trainer.validate(module, datamodule=data, verbose=False)
        if not trainer.is_global_zero:
            return
        results = training.collect_results(settings, trainer, module, data)
        degradation = thaw(settings.data.degradation)
        write_weights(folder / WEIGHTS, module.network, thaw(settings.model), degradation=degradation)
        write_results(folder, results)  # the last of the run's own files: a run that has its results is done
        report_results(results, pictures=folder / "pictures", protocol=protocol_line(results))
    except (MisconfigurationException, RuntimeError) as error:
        if "metric" in str(error) and settings.trainer.options.get("callbacks"):
            raise OptionError(f"trainer.callbacks: {error}") from error
        raise
    finally:
        finish_wandb()  # which writes what is left, or gives up if W&B does not answer


if __name__ == "__main__":
    # By the module's own name, so that a launcher can hand the job over to a process on another machine.
    from aldsr.train import train as main

    main()
