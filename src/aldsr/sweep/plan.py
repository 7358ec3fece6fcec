"""The jobs of a sweep, written to `study.json` in the study's folder before the sweep starts.

Every process of the sweep, on this machine or another, thus gives a job the same name, and `python -m aldsr.study`
knows jobs that have not begun.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from aldsr.core.files import atomic_write
from aldsr.sweep.names import job_name

PLAN = "study.json"


class Plan(NamedTuple):
    """A study's jobs: the overrides of each, by its name."""

    jobs: dict[str, list[str]]

    def find_name(self, overrides: Sequence[str]) -> str:
        """Name of the job with these overrides.

        Raises:
            KeyError: if the plan has no such job.
        """
        wanted = remove_duplicates(overrides)
        for name, job in self.jobs.items():
            if job == wanted:
                return name
        raise KeyError(" ".join(overrides))


def make_plan(overrides: Sequence[str], params: Mapping[str, Any]) -> Plan:
    """Plan a sweep over the product of its command line and its `hydra.sweeper.params`.

    A key on the command line replaces that of the params. If several jobs have the same name, since their values
    differ only in characters that a name cannot have, all but the first get a number.

    Raises:
        HydraException: if an override cannot be parsed or enumerated.
    """
    loader = GlobalHydra.instance().config_loader() if GlobalHydra.instance().is_initialized() else None  # for glob()
    parser = OverridesParser.create(loader)
    arguments = [*(f"{key}={value}" for key, value in params.items()), *overrides]
    parsed = parser.parse_overrides(arguments)
    swept = {each.key_or_group for each in parsed if each.is_sweep_override()} | set(params)
    jobs: dict[str, list[str]] = {}
    for job in map(remove_duplicates, list_jobs(parsed)):
        name = unique = job_name(job, swept)
        number = 1
        while jobs.get(unique, job) != job:
            number += 1
            unique = f"{name}-{number}"
        jobs[unique] = job
    return Plan(jobs)


def list_jobs(overrides: Sequence[Override]) -> list[list[str]]:
    """Overrides of each job, in the order of Hydra's basic sweeper."""
    values: dict[str, list[str]] = {}
    for override in overrides:
        swept = override.is_sweep_override()
        each = list(override.sweep_string_iterator()) if swept else [override.get_value_element_as_str()]
        values[override.get_key_element()] = each
    return [list(job) for job in product(*([f"{key}={value}" for value in each] for key, each in values.items()))]


def remove_duplicates(overrides: Sequence[str]) -> list[str]:
    """Keep only the last value of each key."""
    return list({override.partition("=")[0]: override for override in overrides}.values())


def write_plan(folder: Path, plan: Plan) -> None:
    """Add a sweep's jobs to the plan in a study's folder.

    Raises:
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{PLAN}.lock"):
        earlier = read_plan(folder)
        jobs = {**earlier.jobs, **plan.jobs} if earlier else plan.jobs
        with atomic_write(folder / PLAN) as temporary:
            temporary.write_text(json.dumps({"jobs": jobs}, indent=2) + "\n")


def read_plan(folder: Path) -> Plan | None:
    """Plan of a study's folder, or None if it has none."""
    try:
        return Plan(**json.loads((folder / PLAN).read_text()))
    except FileNotFoundError:
        return None


class WritePlan(Callback):
    """Hydra callback that writes the plan when a sweep starts, whatever its launcher; see `conf/hydra/callbacks`.

    Attributes:
        folder: study's folder of the sweep that this process has started; None before that.
        jobs: names of that sweep's jobs.
    """

    folder: Path | None = None
    jobs: tuple[str, ...] = ()

    def on_multirun_start(self, config: DictConfig, **options: Any) -> None:
        try:
            plan = make_plan(config.hydra.overrides.task, dict(config.hydra.sweeper.params or {}))
        except (HydraException, OmegaConfBaseException):  # the sweeper raises it next, and the command reports it
            return
        WritePlan.folder, WritePlan.jobs = Path(config.hydra.sweep.dir), tuple(plan.jobs)
        write_plan(WritePlan.folder, plan)
