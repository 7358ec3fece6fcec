"""Running aldsr's commands inside the test process, which saves their start-up; how long to wait for those outside."""

import sys
from collections.abc import Callable

import pytest

PATIENCE = 600  # seconds for what takes ten on an idle machine: no test shall fail because a machine is busy


def run_command(main: Callable[[], None], *arguments: str) -> int:
    """Run a command as if typed; its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["aldsr", *arguments])
        try:
            main()
        except SystemExit as leaving:
            return int(leaving.code or 0)
    return 0
