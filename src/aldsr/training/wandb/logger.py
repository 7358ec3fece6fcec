"""One W&B run per run folder, online if the user is logged in, else offline; never a question."""

import netrc
import os
import secrets
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from lightning.pytorch.loggers import WandbLogger

from aldsr.core.files import atomic_write

ID_FILE = "wandb-id.txt"
STEP = "trainer/global_step"  # what Lightning's logger logs beside every metric, in optimizer steps
MAX_TAG_LENGTH = 64  # characters


def wandb_mode() -> str:
    """Return `$WANDB_MODE` if set; "online" with an API key in the environment or ~/.netrc; else "offline"."""
    if mode := os.environ.get("WANDB_MODE"):
        return mode
    if os.environ.get("WANDB_API_KEY"):
        return "online"
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].rstrip("/")
    with suppress(OSError, netrc.NetrcParseError):
        return "online" if netrc.netrc().authenticators(host) else "offline"
    return "offline"


def wandb_log(
    *,
    project: str,
    name: str,
    folder: str | Path,
    group: str | None = None,
    job_type: str | None = None,
    tags: Iterable[str] = (),
) -> WandbLogger:
    """Build a logger whose W&B run keeps its id when the run in `folder` is resumed.

    A resumed run logs the steps since its last checkpoint again. `log.csv` has every step once.

    Args:
        project, name: of the W&B run.
        folder: the run's folder; gets `wandb-id.txt` and W&B's own files.
        group: of the W&B run, such as its study.
        job_type: of the W&B run, such as "train".
        tags: of the W&B run; cut to the 64 characters that W&B allows.
    """
    if int(os.environ.get("RANK", 0)) != 0:
        return WandbLogger(project=project)  # which starts no W&B run on any rank but the first
    import wandb  # see `active_run`

    folder = Path(folder).resolve()  # W&B's service has another working directory
    # A process that shares its parent's W&B service cannot resume the run of one that was killed: it is still open.
    os.environ.pop("WANDB_SERVICE", None)
    run = wandb.init(
        project=project,
        name=name,
        dir=folder,
        id=_read_or_create_id(folder / ID_FILE),
        resume="allow",
        mode=cast(Any, wandb_mode()),
        group=group,
        job_type=job_type,
        tags=[tag[:MAX_TAG_LENGTH] for tag in tags] or None,
        settings=wandb.Settings(silent=True, console="off"),  # aldsr says itself how to upload an offline run
    )
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    return WandbLogger(project=project, experiment=run)


def active_run() -> Any:
    """Return this process's W&B run, or None; without importing W&B, which takes half a second."""
    return getattr(sys.modules.get("wandb"), "run", None)


def finish_wandb() -> None:
    """Write the rest of this process's W&B run, if there is one, and close it."""
    if run := active_run():
        run.finish()


def _read_or_create_id(file: Path) -> str:
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as temporary:
            temporary.write_text(secrets.token_hex(4))
    return file.read_text().strip()
