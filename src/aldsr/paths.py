"""Where aldsr finds and keeps things."""

import os
from pathlib import Path


def config_dir() -> Path:
    """The folder of Hydra configs: inside an installed wheel, or `conf/` of an editable checkout."""
    package = Path(__file__).resolve().parent
    packaged = package / "conf"
    return packaged if packaged.is_dir() else package.parents[1] / "conf"


def cache_dir() -> Path:
    """The folder of decoded images: `$ALDSR_CACHE`, else `$XDG_CACHE_HOME/aldsr`, else `~/.cache/aldsr`."""
    if own := os.environ.get("ALDSR_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "aldsr"
