"""The jobs of a sweep, written to `study.json` in the study's folder before they start.

Every process of the sweep, on this machine or another, thus gives a job the same name, and `python -m aldsr.study`
knows jobs that have not begun.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, count, product
from pathlib import Path
from typing import Any

from filelock import FileLock
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aldsr.core.errors import OptionError, UserError
from aldsr.core.files import write_json
from aldsr.sweep.names import job_name

PLAN = "study.json"
Plan = dict[str, list[str]]  # the overrides of each job, by its name


class PlanError(UserError):
    """A plan that cannot be read."""


def make_plan(overrides: Sequence[str], params: Mapping[str, Any]) -> Plan:
    """Plan a sweep over the product of its command line and its `hydra.sweeper.params`.

    Jobs come in the order of Hydra's basic sweeper. A key on the command line replaces that of the params. If several
    jobs have the same name, since their values differ only in characters that a name cannot have, all but the first get
    a number.

    Raises HydraException if an override cannot be parsed or enumerated.
    """
    hydra = GlobalHydra.instance()
    parser = OverridesParser.create(hydra.config_loader() if hydra.is_initialized() else None)  # which glob() needs
    parsed = parser.parse_overrides([*(f"{key}={value}" for key, value in params.items()), *overrides])
    swept = {override.key_or_group for override in parsed if override.is_sweep_override()} | set(params)
    choices: dict[str, list[str]] = {}
    for override in parsed:
        key, many = override.get_key_element(), override.is_sweep_override()
        values = override.sweep_string_iterator() if many else [override.get_value_element_as_str()]
        choices[key] = [f"{key}={value}" for value in values]
    plan: Plan = {}
    for job in map(list, product(*choices.values())):
        _add(plan, job, swept)
    return plan


def _add(plan: Plan, job: list[str], swept: Collection[str]) -> None:
    name = job_name(job, swept)
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    plan[next(each for each in names if plan.get(each, job) == job)] = job


def jobs_are_known(config: DictConfig) -> bool:
    """Whether the sweeper is Hydra's own, which runs the product of what was typed; others draw their jobs."""
    return bool(config.hydra.runtime.choices["hydra/sweeper"] == "basic")


def join_plan(config: DictConfig, drawn: Iterable[Sequence[str]]) -> None:
    """Add jobs that a sweeper has drawn, named by what the command line leaves open; Hydra's own has planned all its.

    The same draws in the same order have the same names, so that a sweep that is started again finds its jobs.
    """
    if jobs_are_known(config):
        return
    parser = OverridesParser.create()
    given = parser.parse_overrides(typed_overrides(config.hydra))
    fixed = {override.key_or_group for override in given if not override.is_sweep_override()}
    for job in map(_last_of_each_key, drawn):
        _add(WritePlan.jobs, job, {override.key_or_group for override in parser.parse_overrides(job)} - fixed)
    WritePlan.folder = Path(config.hydra.sweep.dir)
    write_plan(WritePlan.folder, WritePlan.jobs)


def write_plan(folder: Path, plan: Plan) -> None:
    """Add a sweep's jobs to the plan in a study's folder; one that is damaged is kept beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{PLAN}.lock"):
        try:
            jobs = read_plan(folder) | plan
        except PlanError:
            jobs, kept = plan, folder / f"{PLAN}.damaged"
            (folder / PLAN).replace(kept)
            print(f"{folder / PLAN}: was damaged, is written anew with the jobs of this sweep; the old one is {kept}")
        write_json(folder / PLAN, {"jobs": jobs}, indent=2)


def read_plan(folder: Path) -> Plan:
    """Plan of a study's folder; empty if it has none. Raises PlanError if it cannot be read."""
    path = folder / PLAN
    try:
        jobs = json.loads(path.read_text())["jobs"] if path.is_file() else {}
        return {str(name): [str(override) for override in job] for name, job in jobs.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PlanError(
            f"{path}: is no list of a sweep's jobs ({error}); start the sweep again, which writes it anew, or move it "
            "away to see the runs that have begun"
        ) from error


def find_job_name(folder: Path, overrides: Sequence[str]) -> str:
    """Name of the job with these overrides in the plan of a study's folder. Raises OptionError if there is none."""
    wanted = _last_of_each_key(overrides)
    if name := next((name for name, job in read_plan(folder).items() if job == wanted), None):
        return name
    raise OptionError(
        f"{folder / PLAN}: has no job {' '.join(overrides)}; hydra/callbacks=study writes it when a sweep starts, so "
        "start the sweep again; jobs that a sweeper such as Optuna's draws run with hydra/launcher=local only"
    )


def refuse_in_sweep(overrides: Iterable[str]) -> None:
    """Raise OptionError for what a sweep decides for all its runs."""
    for each in overrides:
        option, _, value = each.partition("=")
        if option == "name" or (option, value) == ("if_exists", "archive"):
            raise OptionError(
                f"{each}: a sweep names its runs and continues them; leave it out, or name a new study.name=…"
            )


def typed_overrides(hydra: Any) -> list[str]:
    """The overrides of a command line as they were typed, with `${…}` unresolved: so Hydra hands them on to jobs."""
    typed: Any = OmegaConf.to_container(hydra.overrides.task, resolve=False)
    return list(typed)


def _last_of_each_key(overrides: Iterable[str]) -> list[str]:
    return list({override.partition("=")[0]: override for override in overrides}.values())


class WritePlan(Callback):
    """Hydra callback that writes the plan when a sweep starts, whatever its launcher; see `conf/hydra/callbacks`."""

    folder: Path | None = None  # of the sweep that this process has started
    jobs: Plan = {}  # of that sweep

    def on_multirun_start(self, config: DictConfig, **options: Any) -> None:
        if not jobs_are_known(config):
            return
        try:
            plan = make_plan(typed_overrides(config.hydra), dict(config.hydra.sweeper.params or {}))
        except (HydraException, OmegaConfBaseException):  # the sweeper raises it next, and the command reports it
            return
        WritePlan.folder, WritePlan.jobs = Path(config.hydra.sweep.dir), plan
        write_plan(WritePlan.folder, plan)
