"""Where a run stands, read from its folder; and what a run leaves there for that."""

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
from aldsr.sweep.folders import InUseError, in_use

State = Literal["done", "running", "interrupted", "failed", "waiting"]


@dataclass(frozen=True)
class Standing:
    """A run's state and how far it is.

    Attributes:
        step, total: optimizer steps made, and in all; 0 where it has not begun.
        psnr: best mean PSNR of a validation, in dB, of the first set; None before the first.
        seconds: what it takes or took in all, estimated from its pace; None where nothing is known.
        reason: last line of what a failed run said.
    """

    state: State
    step: int = 0
    total: int = 0
    psnr: float | None = None
    seconds: float | None = None
    reason: str = ""


def standing(folder: Path) -> Standing:
    """Where the run in a folder stands; a folder that is not there waits."""
    progress = _progress(folder)
    fields = ("step", "total", "psnr", "seconds")
    known: dict[str, Any] = {key: progress[key] for key in fields if progress.get(key) is not None}
    if (folder / RESULTS).is_file():
        return Standing("done", **known)
    if in_use(folder):
        return Standing("running", **known)
    with suppress(FileNotFoundError):
        said = (folder / FAILURE).read_text().strip().splitlines()
        return Standing("failed", **known, reason=re.sub(r"^(\w+\.)+(?=\w+: )", "", said[-1]) if said else "")
    return Standing("interrupted" if (folder / CONFIG).is_file() else "waiting", **known)


@contextmanager
def recorded(folder: Path, *, of_study: bool) -> Iterator[None]:
    """Leave the traceback of an exception in the folder; one of an earlier attempt is removed.

    What is refused, since it is about another run than the folder's, leaves a note of its own.

    Args:
        of_study: make the folder for it if there is none yet.
    """
    note = folder / FAILURE
    earlier = note.read_text() if note.is_file() else None
    for each in (note, folder / REFUSAL):
        with suppress(OSError):  # a folder that cannot be, or be written, is told of when it is opened
            each.unlink(missing_ok=True)
    try:
        yield
    except (InUseError, DifferentRunError) as error:
        if earlier is not None:
            note.write_text(earlier)
        if of_study and isinstance(error, DifferentRunError):
            with suppress(OSError):
                (folder / REFUSAL).write_text(f"{error}\n")
        raise
    except Exception as error:
        if of_study or (folder / CONFIG).exists():
            note_failure(folder, error)
        raise


def note_failure(folder: Path, error: BaseException | str) -> None:
    """Write why a run failed: a traceback, or a sentence."""
    told = error if isinstance(error, str) else "".join(traceback.format_exception(error))
    with suppress(OSError):  # on a full disk the run's own error matters more
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FAILURE).write_text(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{told.strip()}\n")


def _progress(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        found = json.loads((folder / PROGRESS).read_text())
        return found if isinstance(found, dict) else {}
    return {}
