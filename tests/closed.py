"""Folders that cannot be read, also for tests that run as root, whom permissions do not bind."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def close_folder(monkeypatch: pytest.MonkeyPatch, folder: Path, *, listed: bool = False) -> None:
    """Forbid to enter a folder, as `chmod 644` does if its files may be `listed`, else as `chmod 000`."""

    def guard(function: Callable[..., Any], *, lists: bool) -> Callable[..., Any]:
        def guarded(path: Any = ".", *args: Any, **options: Any) -> Any:
            if isinstance(path, str | Path):
                place = Path(os.path.abspath(path))  # noqa: PTH100
                itself = place == folder and ((lists and not listed) or str(path).endswith("/."))
                if itself or folder in place.parents:
                    raise PermissionError(errno.EACCES, "Permission denied", path)
            return function(path, *args, **options)

        return guarded

    for name, lists in (("stat", False), ("lstat", False), ("scandir", True)):
        monkeypatch.setattr(os, name, guard(getattr(os, name), lists=lists))
