"""`hydra/launcher=local`: run a sweep's jobs on this machine. Hydra searches this package for plugins."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig


class LocalLauncher(Launcher):
    """Run each job in a process of its own, one after another or side by side.

    Args:
        command: module that runs a job, as in `python -m aldsr.train`.
        gpus_per_job: number of GPUs of each job; as many jobs run side by side as there are GPUs for.
        cores_per_job: the same for CPU cores. If both are None, jobs run one after another.
    """

    def __init__(self, *, command: str, gpus_per_job: int | None = None, cores_per_job: int | None = None) -> None:
        self.command = command
        self.gpus_per_job = gpus_per_job
        self.cores_per_job = cores_per_job
        self.config: Any = None

    def setup(self, *, hydra_context: Any, task_function: Any, config: DictConfig) -> None:
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        # Imported here, since every Hydra command imports all plugins when it starts.
        from aldsr.sweep.local import Job, run_jobs
        from aldsr.sweep.plan import find_job_name

        folder = Path(self.config.hydra.sweep.dir)
        study = str(self.config.study.name or folder.name)
        sources = self.config.hydra.runtime.config_sources
        given = [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]
        config_name = f"--config-name={self.config.hydra.job.config_name}"
        command = [sys.executable, "-m", self.command, *given, config_name]
        named = {find_job_name(folder, overrides): overrides for overrides in job_overrides}
        jobs = [
            Job(folder / name, [*command, *overrides, *_run_options(study, folder, name)])
            for name, overrides in named.items()
        ]
        run_jobs(jobs, self._slots())
        done = JobReturn(status=JobStatus.COMPLETED)
        done.return_value = None
        return [done] * len(job_overrides)

    def _slots(self) -> Sequence[Mapping[str, str]]:
        from aldsr.sweep.local import core_slots, count_usable_cores, gpu_slots
        from aldsr.training.devices import visible_gpus

        if self.gpus_per_job is not None:
            return gpu_slots(visible_gpus(), self.gpus_per_job)
        return [{}] if self.cores_per_job is None else core_slots(count_usable_cores(), self.cores_per_job)


def _run_options(study: str, folder: Path, name: str) -> list[str]:
    """Options that put a job's run into the study's folder."""
    values = {"name": name, "run_dir": str(folder / name), "study.name": study}
    quoted = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in values.items()}
    return [*(f"{key}='{value}'" for key, value in quoted.items()), "if_exists=continue"]
