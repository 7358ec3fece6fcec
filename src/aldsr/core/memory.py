"""Memory: what a piece of work needs at its peak, what to do if it runs out, an allocator that keeps what it has."""

import ctypes
import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from aldsr.core.errors import UserError

# glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


class OutOfMemoryError(UserError):
    """There was not enough memory, of the GPU or of the machine."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python says that memory ran out: of a GPU, of its libraries, or of the machine."""
    texts = r"out of memory|allocate memory|ALLOC_FAILED"
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(re.search(texts, str(error))))


@contextmanager
def memory_advice(advice: str) -> Iterator[None]:
    """Raise OutOfMemoryError, with what to lower, where memory runs out. Also decorates functions."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        size = re.search(r"tried to allocate ([\d.]+ \w+)", str(error), re.IGNORECASE)
        raise OutOfMemoryError(f"memory ran out{f' ({size[1]} more were needed)' if size else ''}; {advice}") from error


def keep_memory() -> bool:
    """Let glibc keep freed memory for the next tensor instead of returning it to the system.

    A step frees and asks for the same gigabytes over and over. By default every large tensor is mapped afresh,
    and the system zeroes each of its pages at first touch: on a CPU as much time as the arithmetic. The process
    then keeps its peak until it ends. Returns whether it could be set: on Linux with glibc.
    """
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 * 2**20))
        return all(mallopt(option, value) for option, value in settings)
    return False


def peak_memory(work: Callable[[], object], device: torch.device) -> int | None:
    """Bytes that a piece of work needs at its peak beyond what was there before.

    On a GPU what torch allocates; on Linux the process's resident memory, everything included; elsewhere
    None.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # give back what earlier work freed, else this one's need would hide in it
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak to what is resident now
        before = _resident_peak()
        work()
        return _resident_peak() - before
    return None


def _resident_peak() -> int:
    status = Path("/proc/self/status").read_text()
    if found := re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE):
        return int(found[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")
