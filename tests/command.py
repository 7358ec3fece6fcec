"""Running aldsr's commands inside the test process, which saves their start-up; how long to wait for those outside."""

import sys
from collections.abc import Callable

import pytest

PATIENCE = 600  # seconds for what takes ten on an idle machine: no test shall fail because a machine is busy


def run_command(main: Callable[[], None], *arguments: object) -> int:
    """Run a command as if typed; its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["aldsr", *map(str, arguments)])
        try:
            main()
        except SystemExit as leaving:
            return int(leaving.code or 0)
    return 0


def refuse(capsys: pytest.CaptureFixture[str], main: Callable[[], None], *arguments: object) -> str:
    """Run a command that ends with status 2 and prints nothing but one sentence; that sentence."""
    capsys.readouterr()
    assert run_command(main, *arguments) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    return error.removeprefix("error: ")
