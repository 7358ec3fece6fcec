"""The Hydra commands: Hydra around a function, with the exit status of all commands (see `core.command`)."""

import difflib
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aldsr.core.command import exit_status, print_any_text, user_message
from aldsr.core.errors import OptionError, UserError
from aldsr.core.frozen import flatten_keys
from aldsr.core.memory import keep_memory
from aldsr.core.processes import end_with_launcher
from aldsr.sweep.optuna import offer_optuna
from aldsr.sweep.plan import WritePlan
from aldsr.sweep.status import print_sweep_summary

EXTRAS = {"hydra/sweeper/optuna": "optuna", "hydra/launcher/submitit": "slurm"}  # what Hydra finds with them


def config_dir() -> Path:
    """The folder of Hydra configs: inside an installed wheel, or `conf/` of a source tree."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "conf"
    return packaged if packaged.is_dir() else package.parents[1] / "conf"


def hydra_command(name: str) -> Callable[[Callable[[DictConfig], None]], Callable[[], None]]:
    """Make a function of a config into a command with the Hydra config `conf/NAME.yaml`."""

    def decorate(task: Callable[[DictConfig], None]) -> Callable[[], None]:
        @wraps(task)
        def main() -> None:
            prepare_process()
            # Hydra shall hand its errors over instead of printing them and leaving with status 1.
            os.environ.setdefault("HYDRA_FULL_ERROR", "1")
            OmegaConf.register_new_resolver(
                "study_dir", lambda run_dir, study: run_dir or f"runs/{study or 'multirun'}", replace=True
            )
            offer_optuna()
            # A class of others takes what it takes: Hydra adds only what has a plus.
            sys.argv[1:] = [re.sub(r"^external\.args\.", "++external.args.", each) for each in sys.argv[1:]]
            failed: list[Exception] = []
            modes: set[RunMode | None] = set()  # of the jobs in this process: a config may ask for a sweep as -m does
            WritePlan.folder, WritePlan.jobs = None, {}

            @wraps(task)
            def job(config: DictConfig) -> None:
                # Errors are kept from Hydra, which would print them twice, and in a multirun forget all but the first.
                modes.add(HydraConfig.get().mode)
                try:
                    task(config)
                except Exception as error:
                    failed.append(error)
                    if RunMode.MULTIRUN in modes:
                        _print_failure(error, name)

            with exit_status(interrupted=_advise_to_go_on if name == "train" else ""):
                try:
                    hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=name)(job)()
                except Exception as error:  # the job's own are in `failed`: this is what Hydra makes of the options
                    raise OptionError(_explain(str(error), name)) from error
                if WritePlan.folder or RunMode.MULTIRUN in modes:
                    _finish_sweep(len(failed))
                elif failed:
                    raise _as_user_error(failed[0], name)

        return main

    return decorate


def _advise_to_go_on() -> str:
    option = "" if WritePlan.folder else " with if_exists=continue"
    return f"the same command{option} goes on from the last checkpoint"


def _finish_sweep(failed: int) -> None:
    if WritePlan.folder and not print_sweep_summary(WritePlan.folder, WritePlan.jobs):
        sys.exit(1)
    if failed:
        print(f"{failed} of the multirun's jobs failed, see above.", file=sys.stderr)
        sys.exit(1)


def _print_failure(error: Exception, name: str) -> None:
    print(f"failed: {' '.join(HydraConfig.get().overrides.task)}", file=sys.stderr)
    if (message := user_message(_as_user_error(error, name))) is None:
        traceback.print_exception(error)
    else:
        print(f"error: {message}", file=sys.stderr)


def _as_user_error(error: BaseException, name: str) -> BaseException:
    """The error, or the UserError that it stands for: what other libraries say of a user's options."""
    option = ""
    while isinstance(error, InstantiationException) and error.__cause__:
        option, error = str(error).split("'")[1].rpartition(".")[2], error.__cause__
    if isinstance(error, UserError) and not option:
        return error
    wrong_value = isinstance(error, TypeError | ValueError | ImportError) and option
    if isinstance(error, UserError | MisconfigurationException) or wrong_value:
        return OptionError(f"{option}: {error}".removeprefix(": "))
    if isinstance(error, HydraException | OmegaConfBaseException):
        return OptionError(_explain(str(error), name))
    return error


def prepare_process() -> None:
    """What every process of a run does first."""
    print_any_text()
    end_with_launcher()
    _silence_libraries()
    keep_memory()


def _silence_libraries() -> None:
    """Leave the terminal to what a user can act on."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.profilers").setLevel(logging.INFO)  # which the user has asked for
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # of W&B, which cannot be reached
    # A rank's traceback comes with the error that its failure raises; torchelastic would print it as well.
    logging.getLogger("torch.distributed.elastic.multiprocessing.api").setLevel(logging.CRITICAL)
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)
    # On a CPU the loader runs in the training process on purpose: it takes a hundredth of a step.
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    # Whoever trains on a CPU beside a GPU has typed trainer=cpu.
    warnings.filterwarnings("ignore", "GPU available but not used.*")
    # Lightning makes DDP on a stream of its own, which torch from 2.10 on says of every backward pass on a GPU.
    warnings.filterwarnings("ignore", "The AccumulateGrad node's stream does not match.*")
    # Lightning 2.6 uses a pytree class that torch 2.13 has deprecated; nothing a user can do about it.
    warnings.filterwarnings("ignore", ".*LeafSpec.*")
    # Checkpoints go into the run's own folder on purpose, and the sampler resumes by itself.
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", ".*dataloader is not resumable.*")
    warnings.filterwarnings("ignore", "Total length of `list` across ranks is zero.*")  # data.eval_dirs=[]
    # A run may start from another one's checkpoint, or its folder may have been moved.
    warnings.filterwarnings("ignore", "The dirpath has changed from .*")
    warnings.formatwarning = lambda message, *_args, **_options: f"warning: {message}\n"


def _explain(message: str, name: str) -> str:
    """Hydra's and OmegaConf's complaints, shortened and with the nearest option that exists."""
    hint = f"see python -m aldsr.{name} --help"
    if re.search(r"Could not (?:override|append to) '?external\.", message) and "model=external" not in sys.argv:
        return f"external.…: counts beside model=external; {hint}"
    if said := _explain_name(message, name, hint):
        return said
    if missing := re.search(r"Missing mandatory value: .*?full_key: ([\w.]+)", message, re.S):
        example = "[DIR]" if missing[1].endswith("dirs") else "[50000,80000]"
        return f"{missing[1]} is not set: give it on the command line, such as '{missing[1]}={example}'; {hint}"
    if needed := next((extra for group, extra in EXTRAS.items() if f"Could not find '{group}" in message), None):
        return f"a package is missing; install it: pip install 'aldsr[{needed}]'; {hint}"
    if "Config group override must be" in message and (empty := [word for word in sys.argv if word.endswith("=null")]):
        group = config_dir() / empty[0].removesuffix("=null")
        return f"{empty[0]}: expected one of {', '.join(sorted(file.stem for file in group.glob('*.yaml')))}; {hint}"
    if budget := re.search(r"Interpolation key 'budgets\.(.+?)\.\w+' not found", message):
        return f"study.budget={budget[1]}: no such budget; conf/budgets.yaml has smoke, small and paper"
    if choice := re.search(
        r"Could not find '([\w/]+)/([\w.-]+)'.*?Available options in [^:]+:((?:\n\t[^\n]*)+)", message, re.S
    ):
        return f"{choice[1]}={choice[2]}: no such choice; there are: {', '.join(choice[3].split())}"
    return f"{' '.join(message.split()).removesuffix('.')}; {hint}"


def _explain_name(message: str, name: str, hint: str) -> str | None:
    """What is wrong with an option's name: there is none, or there is, and it was added with a plus."""
    exists = re.search(r"already at '(.+?)'|for (\S+)\. To override|(\S+) appears more than once", message)
    option = next(filter(None, exists.groups())) if exists else ""
    if any(word.startswith(f"+{option}=") for word in sys.argv):
        return f"+{option}=…: {option} exists; leave out the +"
    if unknown := re.search(r"Could not (?:override|delete from config\.) '([\w.@/]+)'", message):
        near = difflib.get_close_matches(unknown[1], _options(name), n=1, cutoff=0.7)
        taken = f"+{unknown[1]}=… if {unknown[1].split('.')[0]}._target_ takes it, or " if "." in unknown[1] else ""
        meant = f"did you mean '{near[0]}'? Or " if near else ""
        return f"unknown option '{unknown[1]}': {meant}{taken}{hint}"
    return None


def _options(name: str) -> list[str]:
    """All options and groups of a command, with dots."""
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        content: Any = OmegaConf.to_container(hydra.compose(name), resolve=False)
    return [*(folder.name for folder in config_dir().iterdir() if folder.is_dir()), *flatten_keys(content)]
