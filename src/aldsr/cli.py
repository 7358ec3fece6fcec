"""What the commands share: Hydra around a function, and a user's mistakes in one sentence.

Exit status: 0 done; 2 the user's mistake, in one sentence on standard error; 1 anything else, with its
traceback, and a multirun in which a job failed (the other jobs go on); 130 interrupted.
"""

import difflib
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
from hydra.types import RunMode
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aldsr.data import DataError
from aldsr.nn.weights import NetworkError
from aldsr.paths import config_dir
from aldsr.training import DeviceError, NonFiniteError


class UsageError(ValueError):
    """Options that make no sense together, with a sentence for the user."""


MISTAKES = (UsageError, DataError, NetworkError, DeviceError, NonFiniteError, MisconfigurationException)


def command(name: str) -> Callable[[Callable[[DictConfig], None]], Callable[[], None]]:
    """Make a function of a config into a command line with the Hydra config `conf/NAME.yaml`."""

    def decorate(task: Callable[[DictConfig], None]) -> Callable[[], None]:
        @wraps(task)
        def main() -> None:
            _settle_surroundings()
            failed: list[Exception] = []

            @wraps(task)
            def job(config: DictConfig) -> None:
                # Kept from Hydra, which would print it twice, and in a multirun forget all but the first.
                try:
                    task(config)
                except Exception as error:
                    failed.append(error)
                    if HydraConfig.get().mode == RunMode.MULTIRUN:
                        _report(error, name)

            try:
                hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=name)(job)()
            except KeyboardInterrupt:
                sys.exit(130)
            except (HydraException, OmegaConfBaseException) as error:
                _report(error, name)
                sys.exit(2)
            if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN and failed:
                print(f"{len(failed)} of the multirun's jobs failed, see above.", file=sys.stderr)
                sys.exit(1)
            if failed:
                _report(failed[0], name)
                sys.exit(1 if _sentence(failed[0], name) is None else 2)

        return main

    return decorate


def _settle_surroundings() -> None:
    # Hydra shall hand its errors over instead of printing them and leaving with status 1.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    OmegaConf.register_new_resolver("study_dir", lambda run_dir, study: run_dir or f"runs/{study}", replace=True)
    # On a CPU the loader runs in the training process on purpose: it takes a hundredth of a step.
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    # Lightning 2.6 uses a pytree class that torch 2.13 has deprecated; nothing a user can do about it.
    warnings.filterwarnings("ignore", ".*LeafSpec.*")
    # Checkpoints go into the run's own folder on purpose, and the sampler resumes by itself.
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", ".*dataloader is not resumable.*")
    warnings.formatwarning = lambda message, *_args, **_options: f"warning: {message}\n"


def _report(error: BaseException, name: str) -> None:
    sentence = _sentence(error, name)
    if sentence is None:
        traceback.print_exception(error)
    else:
        print(f"error: {sentence}", file=sys.stderr)


def _sentence(error: BaseException, name: str) -> str | None:
    """One sentence for a user's mistake, None for anything else."""
    while isinstance(error, InstantiationException) and error.__cause__:
        error = error.__cause__
    if isinstance(error, MISTAKES):
        return " ".join(str(error).split())
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _explain(str(error), name)
    return None


def _explain(message: str, name: str) -> str:
    """Hydra's and OmegaConf's complaints, shortened and with the nearest option that exists."""
    hint = f"see python -m aldsr.{name} --help"
    if unknown := re.search(r"Could not (?:override|append to|delete from config\.?) '?([\w.@/]+)", message):
        near = difflib.get_close_matches(unknown[1], list(_options(name)), n=1, cutoff=0.5)
        meant = f"did you mean '{near[0]}'? Or " if near else ""
        return f"unknown option '{unknown[1]}': {meant}{hint}"
    if missing := re.search(r"Missing mandatory value: ([\w.]+)", message):
        return f"{missing[1]} is not set: give it on the command line, such as '{missing[1]}=[DIR]'; {hint}"
    if choice := re.search(r"Could not find '([\w/]+)/([\w.-]+)'.*?Available options in '[\w/]+':(.*)", message, re.S):
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
