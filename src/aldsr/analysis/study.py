"""Finished runs, one by one or those of a study's folder: scores and configurations."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from aldsr.core.errors import OptionError, list_names
from aldsr.core.files import absolute, atomic_write, write_json
from aldsr.core.run_files import ARCHIVED, CONFIG, LOG, RESULTS
from aldsr.evaluation import read_degradation
from aldsr.evaluation.results import ResultsError, read_results

SECTIONS = ("model", "data", "trainer")  # of a training run's configuration


class TrainingRun(NamedTuple):
    """A finished run: its folder, the content of its results.json and of its config.yaml."""

    folder: Path
    results: dict[str, Any]
    config: dict[str, Any]

    @property
    def seed(self) -> int:
        """The seed of its first weights and its patches."""
        return int(self.config["seed"])


class Study(NamedTuple):
    """Finished runs in the order of their folders' names, and the names of unfinished ones."""

    name: str
    runs: list[TrainingRun]
    unfinished: list[str]


def is_study(path: Path) -> bool:
    """Whether a path is a folder of runs and not itself a run."""
    return path.is_dir() and not (path / RESULTS).exists() and bool(_run_folders(path))


def read_study(folder: Path) -> Study:
    """Read the finished runs of a study. Raises ResultsError if there are none, or a file cannot be read."""
    folders = _run_folders(folder)
    finished = [run for run in folders if (run / RESULTS).exists()]
    unfinished = [run.name for run in folders if run not in finished]
    if not finished:
        raise ResultsError(
            f"{folder}: none of its {len(unfinished)} runs has finished ({list_names(unfinished)}); expected at least "
            f"one with a {RESULTS}; let them finish, then compare"
        )
    runs = [TrainingRun(run, read_results(run), read_config(run / CONFIG)) for run in finished]
    studies = [run.config.get("study") for run in runs]
    names = {each.get("name") if isinstance(each, Mapping) else each for each in studies} - {None}
    return Study(str(names.pop()) if len(names) == 1 else absolute(folder).name, runs, unfinished)


def read_studies(paths: Sequence[Path]) -> Study:
    """Read folders of studies, and runs or their results.json beside them, as one study; errors of `read_study`."""
    parts = [read_study(path) if is_study(path) else Study("", [read_run(path)], []) for path in paths]
    runs = {run.folder.resolve(): run for part in parts for run in part.runs}
    names = dict.fromkeys(part.name for part in parts if part.name)
    return Study(" + ".join(names), list(runs.values()), [name for part in parts for name in part.unfinished])


def read_run(path: Path, *, may_lack_config: bool = False) -> TrainingRun:
    """Read a run from its folder or its results.json. Raises ResultsError if it is no finished run.

    `may_lack_config`: where there is no config.yaml beside the results, the configuration is empty.
    """
    folder = (path.parent if path.name == RESULTS else path).resolve()
    empty = may_lack_config and not (folder / CONFIG).exists()
    config = {key: {} for key in SECTIONS} if empty else read_config(folder / CONFIG)
    return TrainingRun(folder, read_results(path), config)


def read_config(path: Path) -> dict[str, Any]:
    """Read the config.yaml of a training run as plain data. Raises ResultsError if it is not one."""
    try:
        config: Any = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ResultsError(
            f"{path}: cannot be read as the configuration beside a run's {RESULTS} ({error}); put the run's own back, "
            "or, if that folder is no run, leave it out"
        ) from error
    if not isinstance(config, Mapping) or not isinstance(config.get("seed"), int):
        raise ResultsError(f"{path}: has no whole number as seed; expected the config.yaml of a training run")
    if missing := [key for key in SECTIONS if not isinstance(config.get(key), Mapping)]:
        raise ResultsError(f"{path}: has no section {missing[0]}; expected the config.yaml of a training run")
    return dict(config)


def is_training(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is that of a training, not of a measurement or empty."""
    return "optimizer" in config


def trained_degradation(weights: Path) -> dict[str, Any] | None:
    """How LR was made for the training of weights, as their file says, else the run that it lies in; None: not known.

    Raises the errors of `read_degradation`.
    """
    if noted := read_degradation(weights):
        return noted
    try:
        config = read_config(weights.parents[weights.parent.name == "checkpoints"] / CONFIG)
    except ResultsError:  # not in a run
        return None
    before = {"steps": ["bicubic"]}  # there was such an option
    return dict(config["data"].get("degradation") or before) if is_training(config) else None  # not a measurement


def record_study(study: Path, to: Path) -> list[str]:
    """Copy the results, configurations and logs of a study's finished runs, which are small enough for a repository.

    `aldsr.compare` and `aldsr.report` read the copy like the study. A run that was recorded before is replaced.
    Returns the names of the runs. Raises the errors of `read_study`, OptionError if `to` is the study itself, and
    OSError if a file cannot be written.
    """
    if to.resolve() == study.resolve():
        raise OptionError(f"--record {to}: is the study itself; name another folder, such as experiments/NAME/runs")
    runs = read_study(study).runs
    for run in runs:
        folder = to / run.folder.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in (CONFIG, LOG):
            if (run.folder / name).exists():
                with atomic_write(folder / name) as temporary:
                    shutil.copyfile(run.folder / name, temporary)
        write_json(folder / RESULTS, run.results, separators=(",", ":"))
    return [run.folder.name for run in runs]


def _run_folders(folder: Path) -> list[Path]:
    """Sub-folders of runs that have begun or finished, by name."""
    names = (CONFIG, RESULTS)
    folders = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    return [path for path in folders if ARCHIVED not in path.name and any((path / name).exists() for name in names)]
