"""The allocator that keeps freed memory, and peak memory."""

import subprocess
import sys
from itertools import pairwise

import pytest
import torch

from aldsr.core.memory import OutOfMemoryError, keep_memory, memory_advice, peak_memory

MEBIBYTE = 2**20
MAPPED = f"""
import torch
from aldsr.core.memory import keep_memory

def mapped():
    return int(open("/proc/self/status").read().partition("VmSize:")[2].split()[0]) * 1024

assert keep_memory()
for _ in range(3):
    tensor = torch.ones(16 * {MEBIBYTE})
    print(mapped())
    del tensor
    print(mapped())
"""


@pytest.mark.slow
def test_memory_that_is_kept_is_not_returned_to_the_system() -> None:
    """By the address space of a process while it has a tensor of 64 MiB and after it, three times over.

    Not by page faults, which also come from a system that reclaims idle pages by itself.
    """
    if not keep_memory():
        pytest.skip("the allocator is not glibc's")
    kept = [int(each) for each in subprocess.check_output([sys.executable, "-c", MAPPED], text=True).split()]
    assert all(after >= before for before, after in pairwise(kept))


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has …"), "20.00 MiB"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"), "ran out"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes."), "64 bytes"),
        (MemoryError(), "ran out"),
    ],
)
def test_memory_that_runs_out_is_told_with_what_to_lower(error: Exception, named: str) -> None:
    with pytest.raises(OutOfMemoryError, match=rf"{named}.*lower it"), memory_advice("lower it"):
        raise error
    with pytest.raises(RuntimeError, match="another"), memory_advice("lower it"):
        raise RuntimeError("another")


@pytest.mark.slow
def test_peak_memory_of_work_on_a_cpu() -> None:
    # Several tries: a system that reclaims idle pages by itself takes some back meanwhile.
    peaks = [peak_memory(lambda: torch.ones(16 * MEBIBYTE), torch.device("cpu")) for _ in range(3)]
    assert any(peak is None or 63 * MEBIBYTE < peak < 90 * MEBIBYTE for peak in peaks)
