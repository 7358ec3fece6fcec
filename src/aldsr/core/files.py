"""Files that are complete or not there at all, and names that file systems allow."""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

LONGEST = 240  # bytes of a picture's name, which gets a suffix


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
    temporary = path.with_name(f"{short_name(path.name)}.{uuid4().hex}.part")
    try:
        yield temporary
        if temporary.is_file():
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any, **options: Any) -> None:
    """Write a file of JSON (see `to_json`)."""
    with atomic_write(path) as temporary:
        temporary.write_text(to_json(content, **options) + "\n", encoding="utf-8")


def to_json(content: Any, **options: Any) -> str:
    """JSON as the standard has it: infinity and NaN, which it lacks, become null. `options`: of `json.dumps`."""
    return json.dumps(_finite(content), allow_nan=False, **options)


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def short_name(name: str, limit: int = 200) -> str:
    """The name if it has at most `limit` bytes (file systems allow 255), else its start and a hash of the whole."""
    if len(content := os.fsencode(name)) <= limit:
        return name
    return f"{content[: limit - 9].decode(errors='ignore')}-{hashlib.blake2b(content, digest_size=4).hexdigest()}"
