"""W&B that never asks: online where the user is logged in, else offline."""

import netrc
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

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
    return WandbLogger(
        project=project,
        name=name,
        save_dir=folder,
        id=_run_id(Path(folder) / ID_FILE),
        mode=wandb_mode(),
        # aldsr's own last lines say where the run lies and how to upload it.
        settings=wandb.Settings(silent=True, console="off"),
        **options,
    )


def _run_id(file: Path) -> str:
    """The id in the file; a new one if there is none, which rank 0 writes down."""
    if not file.is_file():
        if int(os.environ.get("RANK", 0)) != 0:
            return ""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(secrets.token_hex(4))
    return file.read_text().strip()
