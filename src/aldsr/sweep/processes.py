"""Processes that do not outlive the one that started them, whatever ends it."""

import ctypes
import os
import signal
from contextlib import suppress

DIES_WITH = "ALDSR_DIES_WITH"  # environment variable: the process whose end shall end this one
PR_SET_PDEATHSIG = 1  # Linux's prctl.h


def die_with(parent: int, number: int = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when its parent ends; only Linux can.

    Args:
        parent: the process that has to be the parent: if it has ended already, the signal comes at once.
        number: the signal.
    """
    with suppress(OSError, AttributeError):
        if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number) == 0 and os.getppid() != parent:
            os.kill(os.getpid(), number)


def die_with_launcher() -> None:
    """`die_with` the launcher that started this process, if one did."""
    if parent := os.environ.pop(DIES_WITH, None):
        die_with(int(parent))
