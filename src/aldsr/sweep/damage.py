"""Files of a finished run that cannot be read: after a full disk, a power cut, or a copy that was stopped."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from aldsr.analysis.study import read_config
from aldsr.core.run_files import CONFIG, PROGRESS, RESULTS, WEIGHTS
from aldsr.evaluation.results import ResultsError


def find_damage(folder: Path) -> str:
    """The first file of a finished run that is missing or cannot be read, and why; empty if all are well.

    Of weights, which are large, the header and the length count. A run that was recorded (see
    `analysis.study.record_study`) has none, nor the progress of its training.
    """
    path = folder / RESULTS
    try:
        if "sets" not in json.loads(path.read_text()):
            raise ValueError("no results of a measurement")
        read_config(folder / CONFIG)
        path = folder / WEIGHTS
        if path.exists() or (folder / PROGRESS).exists():
            with safe_open(path, framework="numpy"):
                pass
    except ResultsError as error:  # which names the file
        return " ".join(str(error).split())
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else " ".join(str(error).split())
        return f"{path}: cannot be read ({reason})"
    return ""
