"""What the commands share: Hydra around a function, and a user's mistakes in one sentence.

Exit status: 0 done; 2 the user's mistake, in one sentence on standard error; 1 anything else, with its
traceback, and a multirun in which a job failed (the other jobs go on); 130 interrupted.
"""

import difflib
import errno
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aldsr.data import DataError
from aldsr.measure import ResultsError, keep_memory
from aldsr.nn.description import NetworkError
from aldsr.paths import config_dir
from aldsr.study import DifferentRunError, InUseError, RankError, WritePlan
from aldsr.study.processes import die_with_launcher
from aldsr.study.table import conclude_sweep
from aldsr.training import CheckpointError, DeviceError, NonFiniteError


class OptionError(ValueError):
    """Options that make no sense together, with a sentence for the user."""


MISTAKES = (
    *(OptionError, DataError, NetworkError, DeviceError, NonFiniteError, ResultsError, MisconfigurationException),
    *(DifferentRunError, InUseError, CheckpointError),
)
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def command(name: str) -> Callable[[Callable[[DictConfig], None]], Callable[[], None]]:
    """Make a function of a config into a command line with the Hydra config `conf/NAME.yaml`."""

    def decorate(task: Callable[[DictConfig], None]) -> Callable[[], None]:
        @wraps(task)
        def main() -> None:
            begin()
            # Hydra shall hand its errors over instead of printing them and leaving with status 1.
            os.environ.setdefault("HYDRA_FULL_ERROR", "1")
            OmegaConf.register_new_resolver("study_dir", _study_dir, replace=True)
            failed: list[Exception] = []
            multirun = not {"-m", "--multirun"}.isdisjoint(sys.argv)

            @wraps(task)
            def job(config: DictConfig) -> None:
                # Kept from Hydra, which would print it twice, and in a multirun forget all but the first.
                try:
                    task(config)
                except Exception as error:
                    failed.append(error)
                    if multirun:
                        print(f"failed: {' '.join(HydraConfig.get().overrides.task)}", file=sys.stderr)
                        _report(error, name)

            try:
                hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=name)(job)()
            except KeyboardInterrupt:
                sys.exit(130)
            except BrokenPipeError:  # whoever was reading, such as `head`, has left
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(141)
            except Exception as error:  # the job's own are in `failed`: this is what Hydra makes of the options
                print(f"error: {_explain(str(error), name)}", file=sys.stderr)
                sys.exit(2)
            if multirun and WritePlan.begun and conclude_sweep(WritePlan.begun, WritePlan.jobs):
                sys.exit(1)
            if multirun and failed:
                print(f"{len(failed)} of the multirun's jobs failed, see above.", file=sys.stderr)
                sys.exit(1)
            if failed:
                _report(failed[0], name)
                if isinstance(failed[0], RankError) and failed[0].signal:
                    sys.exit(128 + failed[0].signal)  # as a shell says that a process was killed
                sys.exit(1 if _sentence(failed[0], name) is None else 2)

        return main

    return decorate


def _study_dir(run_dir: str | None, study: str | None) -> str:
    return run_dir or f"runs/{study or 'multirun'}"


def begin() -> None:
    """What every process of a run does first."""
    die_with_launcher()
    quiet()
    keep_memory()


def quiet() -> None:
    """Leave the terminal to what a user can act on."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A rank's traceback comes with the error that its failure raises; torchelastic would print it as well.
    logging.getLogger("torch.distributed.elastic.multiprocessing.api").setLevel(logging.CRITICAL)
    # On a CPU the loader runs in the training process on purpose: it takes a hundredth of a step.
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    # Lightning 2.6 uses a pytree class that torch 2.13 has deprecated; nothing a user can do about it.
    warnings.filterwarnings("ignore", ".*LeafSpec.*")
    # Checkpoints go into the run's own folder on purpose, and the sampler resumes by itself.
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", ".*dataloader is not resumable.*")
    # A run may start from another one's checkpoint, or its folder may have been moved.
    warnings.filterwarnings("ignore", "The dirpath has changed from .*")
    warnings.formatwarning = lambda message, *_args, **_options: f"warning: {message}\n"


def _report(error: BaseException, name: str) -> None:
    sentence = _sentence(error, name)
    if sentence is None:
        traceback.print_exception(error)
    else:
        print(f"error: {sentence}", file=sys.stderr)


def _sentence(error: BaseException, name: str) -> str | None:
    """One sentence for a user's mistake, None for anything else."""
    option = ""
    while isinstance(error, InstantiationException) and error.__cause__:
        option, error = str(error).split("'")[1].rpartition(".")[2], error.__cause__
    if isinstance(error, MISTAKES) or (option and isinstance(error, TypeError | ValueError)):
        return " ".join(f"{option}: {error}".removeprefix(": ").split())
    if isinstance(error, RankError) and error.kind in {mistake.__name__ for mistake in MISTAKES}:
        return " ".join(error.said.split())
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _explain(str(error), name)
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        return f"{error.filename or 'a file'}: cannot be written ({error.strerror}); what was written before is whole"
    return None


def _explain(message: str, name: str) -> str:
    """Hydra's and OmegaConf's complaints, shortened and with the nearest option that exists."""
    hint = f"see python -m aldsr.{name} --help"
    if unknown := re.search(r"Could not (?:override|append to|delete from config\.?) '?([\w.@/]+)", message):
        near = difflib.get_close_matches(unknown[1], list(_options(name)), n=1, cutoff=0.7)
        meant = f"did you mean '{near[0]}'? Or " if near else ""
        return f"unknown option '{unknown[1]}': {meant}{hint}"
    if missing := re.search(r"Missing mandatory value: .*?full_key: ([\w.]+)", message, re.S):
        return f"{missing[1]} is not set: give it on the command line, such as '{missing[1]}=[DIR]'; {hint}"
    if budget := re.search(r"Interpolation key 'budgets\.(.+?)\.\w+' not found", message):
        return f"study.budget={budget[1]}: no such budget; conf/budgets.yaml has smoke, small and paper"
    if choice := re.search(
        r"Could not find '([\w/]+)/([\w.-]+)'.*?Available options in [^:]+:((?:\n\t[^\n]*)+)", message, re.S
    ):
        return f"{choice[1]}={choice[2]}: no such choice; there are: {', '.join(choice[3].split())}"
    return f"{' '.join(message.split())}; {hint}"


def _options(name: str) -> Iterator[str]:
    """All options and groups of a command, with dots."""
    yield from (folder.name for folder in config_dir().iterdir() if folder.is_dir())
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield from _keys(OmegaConf.to_container(hydra.compose(name), resolve=False))


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    for key, value in node.items() if isinstance(node, dict) else ():
        yield f"{prefix}{key}"
        yield from _keys(value, f"{prefix}{key}.")
