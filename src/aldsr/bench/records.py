"""The JSON files of `aldsr.benchmark`: `device`, `threads`, `settings`, and the records of each benchmark."""

import json
from pathlib import Path
from typing import Any

from aldsr.evaluation.results import ResultsError


def read_benchmark(path: Path) -> dict[str, Any]:
    """The content of a file that `aldsr.benchmark --json` wrote. Raises ResultsError if it is not such a file."""
    try:
        benchmark = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ResultsError(f"{path}: cannot be read as results of aldsr.benchmark ({reason})") from error
    if not isinstance(benchmark, dict) or not {"device", "threads"} <= benchmark.keys():
        raise ResultsError(f"{path}: holds no results of aldsr.benchmark; expected a file written by its --json")
    return benchmark
