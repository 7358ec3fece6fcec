"""Status of a run, read from the files in its folder, and the files that record why a run failed."""

import json
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aldsr.core.run_files import CONFIG, FAILURE, PROGRESS, REFUSAL, RESULTS
from aldsr.sweep.continuing import DifferentRunError
from aldsr.sweep.folders import InUseError, is_locked

State = Literal["done", "running", "interrupted", "failed", "waiting"]


@dataclass(frozen=True)
class RunStatus:
    """State and progress of a run.

    "done" has results; "running" is locked by a process; "failed" has recorded a failure; "interrupted" has begun,
    "waiting" has not.
    """

    state: State
    step: int = 0  # optimizer steps made
    total: int = 0  # optimizer steps in all; 0 before the run has begun
    psnr: float | None = None  # best mean PSNR in dB of the first set over all validations
    seconds: float | None = None  # total duration, estimated from the steps made
    reason: str = ""  # last line of the recorded failure

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the run is done; None if unknown."""
        return self.seconds * (1 - self.step / self.total) if self.seconds is not None and self.total else None


def run_status(folder: Path) -> RunStatus:
    """Status of the run in a folder; without a folder it is waiting."""
    progress = _read_progress(folder)
    if (folder / RESULTS).is_file():
        return RunStatus("done", **progress)
    if is_locked(folder):
        return RunStatus("running", **progress)
    with suppress(FileNotFoundError):
        lines = (folder / FAILURE).read_text().strip().splitlines()
        reason = re.sub(r"^(\w+\.)+(?=\w+: )", "", lines[-1]) if lines else ""  # without the exception's module
        return RunStatus("failed", **progress, reason=reason)
    return RunStatus("interrupted" if (folder / CONFIG).is_file() else "waiting", **progress)


@contextmanager
def record_failure(folder: Path, *, in_study: bool) -> Iterator[None]:
    """Record an exception in the run's folder.

    `failure.txt` holds the traceback, until the run is opened again. If the folder holds another run, its files stay as
    they are, and a job of a study writes `refused.txt`, until its next attempt.

    Outside of a study only a run that has begun, thus has a folder, records its failure.
    """
    refusal = folder / REFUSAL
    with suppress(OSError):  # a folder that cannot be written is reported when it is opened
        refusal.unlink(missing_ok=True)
    try:
        yield
    except (InUseError, DifferentRunError) as error:
        if in_study and isinstance(error, DifferentRunError):
            with suppress(OSError):
                refusal.write_text(f"{error}\n")
        raise
    except Exception as error:
        if in_study or (folder / CONFIG).exists():
            write_failure(folder, "".join(traceback.format_exception(error)))
        raise


def write_failure(folder: Path, reason: str) -> None:
    """Write `failure.txt`: the time, and a traceback or a sentence, of which the last line is the reason."""
    with suppress(OSError):  # on a full disk the run's own error matters more
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FAILURE).write_text(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{reason.strip()}\n")


def _read_progress(folder: Path) -> dict[str, Any]:
    """The known fields of the run's progress file; none if it is missing or damaged."""
    with suppress(OSError, ValueError):
        progress = json.loads((folder / PROGRESS).read_text())
        if isinstance(progress, dict):
            fields = ("step", "total", "psnr", "seconds")
            return {field: progress[field] for field in fields if progress.get(field) is not None}
    return {}
