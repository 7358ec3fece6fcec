"""Copying what is worth keeping of a study and small enough for a repository: scores, configurations and logs."""

import json
import shutil
from pathlib import Path

from aldsr.analysis.study import read_study
from aldsr.core.files import atomic_write
from aldsr.core.run_files import CONFIG, LOG, RESULTS


def record_study(study: Path, to: Path) -> list[str]:
    """Copy the `results.json`, `config.yaml` and `log.csv` of finished runs into folders of the same names.

    `aldsr.compare` and `aldsr.report` read the copy like the study. A run that was recorded before is replaced.

    Args:
        study: folder of the study.
        to: folder for the copies.

    Returns:
        The names of the runs.

    Raises:
        ResultsError: if no run has finished, or a file cannot be read.
        OSError: if a file cannot be written.
    """
    runs = read_study(study).runs
    for run in runs:
        folder = to / run.folder.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in (CONFIG, LOG):
            if (run.folder / name).exists():
                shutil.copyfile(run.folder / name, folder / name)
        with atomic_write(folder / RESULTS) as temporary:
            temporary.write_text(json.dumps(run.results, separators=(",", ":")) + "\n")
    return [run.folder.name for run in runs]
