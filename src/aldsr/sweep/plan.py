"""What a sweep is to do, written down before it starts: `study.json` in the study's folder.

So that every process of the sweep, on this machine or another, gives a job the same name, and so that
`python -m aldsr.study` knows the jobs that have not begun.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from aldsr.core.files import atomic_write
from aldsr.sweep.names import job_name, swept_keys

PLAN = "study.json"


class Plan(NamedTuple):
    """A study's jobs, by name, each as the overrides that make it."""

    jobs: dict[str, list[str]]

    def name(self, overrides: Sequence[str]) -> str:
        """A job's name.

        Raises:
            KeyError: if it is none of the plan's.
        """
        wanted = effective(overrides)
        for name, job in self.jobs.items():
            if job == wanted:
                return name
        raise KeyError(" ".join(overrides))


def planned(overrides: Sequence[str], params: Mapping[str, Any]) -> Plan:
    """The jobs of a sweep: the product of its command line and its `hydra.sweeper.params`.

    A key that the command line gives replaces that of the params. Of jobs whose values differ in signs only that
    a name cannot have, all but the first get a number.
    """
    swept = swept_keys(overrides, params)
    arguments = [*(f"{key}={value}" for key, value in params.items()), *overrides]
    (product,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(arguments), None)
    jobs: dict[str, list[str]] = {}
    for job in map(effective, product):
        name = job_name(job, swept)
        names = (name, *(f"{name}-{number}" for number in range(2, len(product) + 1)))
        jobs[next(each for each in names if jobs.get(each, job) == job)] = job
    return Plan(jobs)


def effective(overrides: Sequence[str]) -> list[str]:
    """Overrides of which each key counts once, by its last value."""
    return list({override.partition("=")[0]: override for override in overrides}.values())


def write_plan(folder: Path, plan: Plan) -> None:
    """Add a sweep's jobs to those that the study has already.

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
    """The plan of a study's folder, if it has one."""
    try:
        return Plan(**json.loads((folder / PLAN).read_text()))
    except FileNotFoundError:
        return None


class WritePlan(Callback):
    """Hydra's callback that writes the plan, whatever launcher the sweep uses; see `conf/hydra/callbacks`."""

    begun: Path | None = None  # the folder of the sweep that this process has started
    jobs: tuple[str, ...] = ()

    def on_multirun_start(self, config: DictConfig, **options: Any) -> None:
        folder = Path(config.hydra.sweep.dir)
        try:
            plan = planned(config.hydra.overrides.task, dict(config.hydra.sweeper.params or {}))
        except OmegaConfBaseException:  # the sweeper meets it next, and tells the user
            return
        write_plan(folder, plan)
        WritePlan.begun, WritePlan.jobs = folder, tuple(plan.jobs)
