"""Processes that end with the process that started them, whatever ends that one."""

import ctypes
import os
import signal
from contextlib import suppress

LAUNCHER = "ALDSR_DIES_WITH"  # environment variable of a job: the process id of its launcher
PR_SET_PDEATHSIG = 1  # Linux's prctl.h


def end_with_parent(parent: int, number: int = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when its parent ends, or at once if it has ended; Linux only."""
    with suppress(OSError, AttributeError):
        if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number) == 0 and os.getppid() != parent:
            os.kill(os.getpid(), number)


def end_with_launcher() -> None:
    """Call `end_with_parent` if a launcher started this process."""
    if parent := os.environ.pop(LAUNCHER, None):
        end_with_parent(int(parent))
