"""`hydra/launcher=local`: a sweep's jobs on this machine, each in a process of its own (Hydra finds plugins here)."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig


class LocalLauncher(Launcher):
    """One job at a time; with `gpus_per_job` or `cores_per_job`, as many side by side as the machine allows.

    Args:
        command: the module that a job runs, as in `python -m aldsr.train`.
        gpus_per_job: GPUs that each job has for itself; None: jobs run one after another.
        cores_per_job: the same of CPU cores.
    """

    def __init__(self, *, command: str, gpus_per_job: int | None = None, cores_per_job: int | None = None) -> None:
        self.command = command
        self.gpus_per_job = gpus_per_job
        self.cores_per_job = cores_per_job
        self.config: Any = None

    def setup(self, *, hydra_context: Any, task_function: Any, config: DictConfig) -> None:
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from aldsr.sweep.local import Job, run_jobs  # not above: Hydra imports plugins at every start of every command
        from aldsr.sweep.plan import read_plan

        folder = Path(self.config.hydra.sweep.dir)
        plan = read_plan(folder)
        assert plan is not None, "WritePlan, a callback, writes it before the first job"
        named = {plan.name(overrides): overrides for overrides in job_overrides}
        study = str(self.config.study.name or folder.name)
        command = [sys.executable, "-m", self.command, *self._sources()]
        jobs = [
            Job(folder / name, [*command, *overrides, *_place(study, folder, name)])
            for name, overrides in named.items()
        ]
        run_jobs(jobs, self._places())
        done = JobReturn(status=JobStatus.COMPLETED)
        done.return_value = None
        return [done] * len(job_overrides)

    def _places(self) -> list[Mapping[str, str]]:
        """Where jobs run side by side."""
        from aldsr.sweep.local import on_cores, on_gpus, usable_cores
        from aldsr.training.devices import visible_gpus

        if self.gpus_per_job is not None:
            return on_gpus(visible_gpus(), self.gpus_per_job)
        return [{}] if self.cores_per_job is None else on_cores(usable_cores(), self.cores_per_job)

    def _sources(self) -> list[str]:
        """Where the command line said that configs lie."""
        runtime, job = self.config.hydra.runtime, self.config.hydra.job
        given = [source.path for source in runtime.config_sources if source.provider == "command-line"]
        return [*(f"--config-dir={path}" for path in given), f"--config-name={job.config_name}"]


def _place(study: str, folder: Path, name: str) -> list[str]:
    """Options that put a job into its study."""
    given = {"name": name, "run_dir": str(folder / name), "study.name": study}
    quoted = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in given.items()}
    return [*(f"{key}='{value}'" for key, value in quoted.items()), "if_exists=continue"]
