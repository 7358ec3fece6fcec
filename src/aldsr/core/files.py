"""Files that are complete or not there at all, and the names of folders."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def absolute(path: str | Path) -> Path:
    """An absolute path with the names of links that the user typed, also those of the shell's working directory."""
    shell = Path(os.environ.get("PWD", "."))
    here = shell if shell.is_absolute() and shell.exists() and shell.samefile(Path.cwd()) else Path.cwd()
    return Path(os.path.normpath(here / Path(path).expanduser()))


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to, then rename it to `path`.

    A process that is killed leaves a `*.part` file behind; an exception does not. The content is flushed to the disk
    before the rename, so that a power cut cannot leave an empty file.
    """
    temporary = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        yield temporary
        if temporary.is_file():
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
