"""W&B that never asks: online where the user is logged in, else offline."""

import netrc
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import wandb
from lightning.pytorch.loggers import WandbLogger

ID_FILE = "wandb-id.txt"


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


def wandb_log(*, project: str, name: str, folder: str | Path, **options: Any) -> WandbLogger:
    """A W&B logger whose run keeps its id when the run in `folder` is resumed.

    Args:
        project, name: of the run in W&B.
        folder: the run's folder; W&B writes to `folder/wandb`.
        options: of `wandb.init`, such as group and tags.
    """
    if int(os.environ.get("RANK", 0)) != 0:
        return WandbLogger(project=project)  # which starts no W&B run on any rank but the first
    run = wandb.init(
        project=project,
        name=name,
        dir=folder,
        id=_run_id(Path(folder) / ID_FILE),
        resume="allow",
        mode=cast(Any, wandb_mode()),
        # aldsr's own last lines say where the run lies and how to upload it.
        settings=wandb.Settings(silent=True, console="off"),
        **options,
    )
    run.define_metric("trainer/global_step")
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return WandbLogger(project=project, experiment=run)


def finish_wandb() -> None:
    """Complete this process's W&B run, if there is one."""
    if wandb.run is not None:
        wandb.finish()


def _run_id(file: Path) -> str:
    """The id in the file; a new one, written down, if there is none."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(secrets.token_hex(4))
    return file.read_text().strip()
