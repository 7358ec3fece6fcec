"""The loggers of a run: `logger` has the options of one, and in sections of their own those of others."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from lightning.pytorch.loggers import Logger

from aldsr.core.errors import OptionError
from aldsr.core.frozen import thaw
from aldsr.core.run_files import LOG
from aldsr.core.settings import RunSettings
from aldsr.nn.weights import load_checkpoint
from aldsr.run.targets import check_options
from aldsr.training import CsvLog
from aldsr.training.tensorboard import check_tensorboard
from aldsr.training.wandb import check_wandb_options

TENSORBOARD = "aldsr.training.TensorBoardLog"
CHECKS = {"aldsr.training.wandb_log": check_wandb_options, TENSORBOARD: check_tensorboard}


def resolve_loggers(run: Mapping[str, Any], tags: Sequence[str]) -> dict[str, Any]:
    """The loggers' options, with tags where one takes any; none is log.csv alone.

    Raises OptionError for options that a logger does not take or lacks, and for what is not installed.
    """
    logger = dict(run.get("logger") or {})
    if "_target_" not in logger and _sections(logger).keys() <= {"logger"}:
        logger = {"_target_": "aldsr.training.CsvLog", "path": f"{run['run_dir']}/{LOG}", **logger}
    for section, options in _sections(logger).items():
        if "tags" in options:
            given = options["tags"] or []
            options["tags"] = [*([given] if isinstance(given, str) else given), *tags]
        target = check_options(section, options)
        try:
            inspect.signature(target).bind(**{key: value for key, value in options.items() if key[0] != "_"})
        except TypeError as error:
            raise OptionError(f"{section}: {options['_target_']}: {error}") from error
        if check := CHECKS.get(options["_target_"]):
            check(options, section)
        logger |= options if section == "logger" else {}
    return logger


def build_loggers(settings: RunSettings) -> list[Logger]:
    """log.csv always, and beside it the loggers that were chosen. Raises OptionError if one is none."""
    chosen = {}
    for section, options in _sections(thaw(settings.logger)).items():
        if options["_target_"] == TENSORBOARD and settings.ckpt_path:
            options = {"purge_step": int(load_checkpoint(settings.ckpt_path)["global_step"]), **options}
        chosen[section] = logger = instantiate(options, _convert_="all")
        if not isinstance(logger, Logger):
            raise OptionError(f"{section}: {logger!r} is no lightning.pytorch.loggers.Logger; expected its _target_")
    ours = [] if any(isinstance(each, CsvLog) for each in chosen.values()) else [CsvLog(Path(settings.run_dir) / LOG)]
    return [*ours, *chosen.values()]


def _sections(logger: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of each logger, by the section that has them."""
    others = {key: value for key, value in logger.items() if isinstance(value, dict) and "_target_" in value}
    first = {key: value for key, value in logger.items() if key not in others}
    return ({"logger": first} if first else {}) | {f"logger.{key}": options for key, options in others.items()}
