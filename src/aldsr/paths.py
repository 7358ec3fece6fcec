"""Where aldsr finds and keeps things."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A passing name beside `path` to write to, renamed at the end: `path` is whole or not there.

    A process that is killed leaves a `*.part` behind; an exception does not. The content is on the disk before the
    name is, so that a power cut cannot leave an empty file.
    """
    passing = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        yield passing
        if passing.is_file():
            with passing.open("rb") as file:
                os.fsync(file.fileno())
        passing.replace(path)
    except BaseException:
        passing.unlink(missing_ok=True)
        raise


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
