"""The allocator that keeps what it has."""

import subprocess
import sys

import pytest
import torch

from aldsr.measure import keep_memory, peak_memory

FAULTS = """
import resource, torch
from aldsr.measure import keep_memory
if {keep}:
    assert keep_memory()
torch.set_num_threads(1)
for _ in range(3):
    torch.ones(16 * 2**20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(16 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool) -> int:
    code = FAULTS.format(keep=keep)
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_memory_that_is_kept_is_not_faulted_in_again() -> None:
    if not keep_memory():
        pytest.skip("the allocator is not glibc's")
    without = faults(keep=False)
    # Several tries: a system that reclaims idle pages by itself takes some back meanwhile.
    assert any(4 * faults(keep=True) < without for _ in range(8))


def test_peak_memory_of_work_on_a_cpu() -> None:
    peak = peak_memory(lambda: torch.ones(16 * 2**20), torch.device("cpu"))
    assert peak is None or 63 * 2**20 < peak < 90 * 2**20
