"""W&B that never asks: online where the user is logged in, else offline; one run for one job, resumed or not."""

import netrc
import os
import secrets
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from aldsr.core.files import atomic_write
from aldsr.training.csvlog import CsvLog
from aldsr.training.wandb.read import Recorded, finished, mend, recorded

ID_FILE = "wandb-id.txt"
STEP = "trainer/global_step"
LABELS = {"epoch"}  # stand beside the metrics of a row, and may stand in several rows of a step
LONGEST_TAG = 64  # characters that W&B allows
LAST_WRITE_SECONDS = 10.0  # at most, for the end of an offline run
FLUSH_SECONDS = 2.0  # a killed machine loses no more than this of an offline run; W&B's default is 15


def wandb_mode() -> str:
    """`$WANDB_MODE` if set; "online" with an API key in the environment or in ~/.netrc; else "offline"."""
    if mode := os.environ.get("WANDB_MODE"):
        return mode
    if os.environ.get("WANDB_API_KEY"):
        return "online"
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].rstrip("/")
    with suppress(OSError, netrc.NetrcParseError):
        return "online" if netrc.netrc().authenticators(host) else "offline"
    return "offline"


class OnceLogger(WandbLogger):
    """W&B's logger for a run that may have been interrupted: what it has recorded is not logged again.

    A run that goes on from a checkpoint repeats the steps since. Those of their metrics that W&B has are left out;
    the values are the same, since a resumed run repeats its steps exactly. What W&B lost of the steps before is
    logged first, so that the curves have no hole.

    Args:
        project: as W&B calls it.
        experiment: the W&B run.
        known: metrics recorded, by step.
        lost: metrics that W&B should have and has not, by step.
        first: W&B's own number of the next row; None: W&B knows.
    """

    def __init__(
        self,
        *,
        project: str,
        experiment: Any,
        known: Mapping[int, set[str]],
        lost: Mapping[int, Mapping[str, float]],
        first: int | None = None,
    ) -> None:
        super().__init__(project=project, experiment=experiment)
        self.known = known
        self.lost = dict(lost)
        self.first = first

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log the metrics that are new at this step; `step` counts optimizer steps."""
        if step is None:
            super().log_metrics(metrics)
            return
        # The first row that is logged tells where training goes on: what follows it will be logged again.
        lost, self.lost = self.lost, {}
        for earlier in sorted(number for number in lost if number < step):
            self._log(lost[earlier], earlier)
        known = self.known.get(step, set())
        new = {name: value for name, value in metrics.items() if name not in known}
        if new.keys() - LABELS:
            self._log(new, step)

    def _log(self, metrics: Mapping[str, Any], step: int) -> None:
        first, self.first = self.first, None
        self.experiment.log({**metrics, STEP: step}, step=first, commit=True)


def wandb_log(
    *,
    project: str,
    name: str,
    folder: str | Path,
    group: str | None = None,
    job_type: str | None = None,
    tags: Iterable[str] = (),
) -> WandbLogger:
    """A W&B logger whose run keeps its id when the run in `folder` is resumed.

    Args:
        project, name: of the run in W&B.
        folder: the run's folder; W&B writes to `folder/wandb`, and a resumed run fills from `folder/log.csv` what
            W&B lost.
        group: of the run, such as its study; None: none.
        job_type: what the run does, such as "train"; None: none.
        tags: of the run, each cut to 64 characters, W&B's limit.
    """
    if int(os.environ.get("RANK", 0)) != 0:
        return WandbLogger(project=project)  # which starts no W&B run on any rank but the first
    import wandb  # see `begun_run`

    folder = Path(folder).resolve()  # W&B's service has a working directory of its own
    begun = (folder / ID_FILE).is_file()
    run_id = _run_id(folder / ID_FILE)
    mend(folder, run_id=run_id)
    before = recorded(folder, run_id=run_id)  # before W&B opens the next segment
    # Where a process shares its parent's W&B service, the run of one that was killed stays open, and cannot be resumed.
    os.environ.pop("WANDB_SERVICE", None)
    run = wandb.init(
        project=project,
        name=name,
        dir=folder,
        id=run_id,
        resume="allow",
        mode=cast(Any, wandb_mode()),
        group=group,
        job_type=job_type,
        tags=[tag[:LONGEST_TAG] for tag in tags] or None,
        settings=_settings(),
    )
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    known = _known(before)
    # Without its files nobody can tell what a run has that was begun before: then nothing counts as lost.
    told = before.complete and (not begun or before.segments)
    lost = _missing(CsvLog(folder / "log.csv"), known) if told else {}
    first = _next_row(before) if run.offline else None
    return OnceLogger(project=project, experiment=run, known=known, lost=lost, first=first)


def begun_run() -> Any:
    """This process's W&B run, if it has begun one; looked up without W&B's import, which takes half a second."""
    return getattr(sys.modules.get("wandb"), "run", None)


def finish_wandb() -> None:
    """Complete this process's W&B run, if there is one: when this returns, an offline run's file is whole."""
    run = begun_run()
    if run is None:
        return
    segment = Path(run.settings.sync_file) if run.offline else None
    run.finish()
    # W&B says so some milliseconds before it has written the rest; whoever resumes or copies the run needs it.
    deadline = time.monotonic() + LAST_WRITE_SECONDS
    while segment and not finished(segment) and time.monotonic() < deadline:
        time.sleep(0.005)


def _settings() -> Any:
    import wandb

    # aldsr's own last lines say where the run lies and how to upload it.
    settings = wandb.Settings(silent=True, console="off")
    option = "x_transaction_log_flush_interval"
    if hasattr(settings, option):  # since wandb 0.31
        setattr(settings, option, FLUSH_SECONDS)
    return settings


def _run_id(file: Path) -> str:
    """The id in the file; a new one, written down, if there is none."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as temporary:
            temporary.write_text(secrets.token_hex(4))
    return file.read_text().strip()


def _next_row(before: Recorded) -> int | None:
    """Where W&B's own count of rows goes on: offline it would begin at 0, and two segments share their numbers."""
    counted = [int(row["_step"]) for row in before.rows if "_step" in row]
    return max(counted) + 1 if counted else None


def _known(before: Recorded) -> dict[int, set[str]]:
    """The metrics recorded at each step."""
    known: dict[int, set[str]] = {}
    for row in before.rows:
        if STEP in row:
            known.setdefault(int(row[STEP]), set()).update(row.keys() - LABELS)
    return known


def _missing(log: CsvLog, known: Mapping[int, set[str]]) -> dict[int, dict[str, float]]:
    """What the log has and W&B has not, by step."""
    missing: dict[int, dict[str, float]] = {}
    for step, row in log.rows.items():
        values = {name: float(value) for name, value in row.items() if value and name != "step"}
        new = values.keys() - known.get(step, set()) - LABELS
        if new:
            missing[step] = {name: value for name, value in values.items() if name in new | LABELS}
    return missing
