"""Running aldsr's commands inside the test process, which saves their start-up."""

import sys
from collections.abc import Callable

import pytest


def run_command(main: Callable[[], None], *arguments: str) -> int:
    """Run a command as if typed; its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["aldsr", *arguments])
        try:
            main()
        except SystemExit as leaving:
            return int(leaving.code or 0)
    return 0
