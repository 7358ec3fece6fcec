"""Files that are complete or not there at all, and names that file systems allow."""

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from uuid import uuid4

from aldsr.core.errors import OptionError

FULL = (errno.ENOSPC, errno.EDQUOT)
LONGEST = 240  # bytes of a picture's name, which gets a suffix


def absolute(path: str | Path) -> Path:
    """An absolute path with the names of links that the user typed, also those of the shell's working directory."""
    shell = Path(os.environ.get("PWD", "."))
    here = shell if shell.is_absolute() and shell.exists() and shell.samefile(Path.cwd()) else Path.cwd()
    return Path(os.path.normpath(here / Path(path).expanduser()))


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to, then rename it to `path`; its folder is made if there is none.

    A process that is killed leaves a `*.part` file behind; an exception does not. The content is flushed to the disk
    before the rename, so that a power cut cannot leave an empty file.
    """
    temporary = path.with_name(f"{short_name(path.name)}.{uuid4().hex}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        if temporary.is_file():
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in FULL:  # a write names no file, a copy its source
            error.filename = str(path)
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


def check_room(given: str, folder: Path, size: int = 0) -> None:
    """Check, before hours of work, that a folder can be written or made, and that its disk has `size` bytes free.

    Raises OptionError, naming the option as it was `given`.
    """
    try:
        place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
        TemporaryFile(dir=place).close()
        free = shutil.disk_usage(place).free
    except OSError as error:
        raise OptionError(f"{given}: cannot be written ({error.strerror}); choose another place") from error
    if free < size:
        found = f"{size / 1e9:.2g} GB are needed, {free / 1e9:.2g} GB are free there"
        raise OptionError(f"{given}: {found}; make room, or choose another place")


def check_output(given: str, file: Path, source: Path | None = None) -> None:
    """`check_room` of a file, which must be neither a folder nor what it is made from."""
    if file.is_dir():
        raise OptionError(f"{given}: is a folder; expected the name of a file")
    if source and source.exists() and file.exists() and file.samefile(source):
        raise OptionError(f"{given}: is {source} itself, which is kept as it is; choose another name")
    check_room(given, file.parent)
