"""What is worth keeping of a study, small enough for a repository: every run's scores, configuration and log."""

import json
import shutil
from pathlib import Path

from aldsr.paths import whole
from aldsr.study.collected import CONFIG, RESULTS, read_study

LOG = "log.csv"


def record(study: Path, to: Path) -> list[str]:
    """Copy the finished runs' `results.json`, `config.yaml` and `log.csv` to folders of the same names.

    `aldsr.compare` and `aldsr.report` read the copy as they read the study. A run recorded earlier is replaced.

    Args:
        study: a study's folder.
        to: gets one folder per run.

    Returns:
        The names of the runs.

    Raises:
        ResultsError: if no run has finished, or a file cannot be read.
        OSError: if nothing can be written there.
    """
    runs = read_study(study).runs
    for run in runs:
        folder = to / run.folder.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in (CONFIG, LOG):
            if (run.folder / name).exists():
                shutil.copyfile(run.folder / name, folder / name)
        with whole(folder / RESULTS) as passing:
            passing.write_text(json.dumps(run.results, separators=(",", ":")) + "\n")
    return [run.folder.name for run in runs]
