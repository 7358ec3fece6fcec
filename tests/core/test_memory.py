"""The allocator that keeps what it has."""

import subprocess
import sys
from itertools import pairwise

import pytest
import torch

from aldsr.core import memory
from aldsr.core.memory import keep_memory, peak_memory

MEBIBYTE = 2**20
# The module alone, since a process that imports all of aldsr takes seconds.
MAPPED = f"""
import importlib.util, torch
from pathlib import Path
spec = importlib.util.spec_from_file_location("memory", {memory.__file__!r})
memory = importlib.util.module_from_spec(spec)
spec.loader.exec_module(memory)
assert not {{keep}} or memory.keep_memory()
mapped = []
for _ in range(3):
    tensor = torch.ones(16 * {MEBIBYTE})
    mapped.append(memory._resident("VmSize"))
    del tensor
    mapped.append(memory._resident("VmSize"))
print(*mapped)
"""


def mapped(*, keep: bool) -> list[int]:
    """Bytes of address space while a process has a tensor of 64 MiB, and after it, three times over.

    They tell what the allocator returns to the system. Page faults, whose absence is what it is for, also come from a
    system that reclaims idle pages by itself.
    """
    done = subprocess.run([sys.executable, "-c", MAPPED.format(keep=keep)], capture_output=True, text=True, check=True)
    return [int(each) for each in done.stdout.split()]


def test_memory_that_is_kept_is_not_returned_to_the_system() -> None:
    if not keep_memory():
        pytest.skip("the allocator is not glibc's")
    kept, others = mapped(keep=True), mapped(keep=False)
    assert all(after >= before for before, after in pairwise(kept))
    # A thread that begins to allocate adds to the address space at any moment, though hardly at two.
    returned = sorted(held - left for held, left in zip(others[::2], others[1::2], strict=True))
    assert returned[1] >= 64 * MEBIBYTE


def test_peak_memory_of_work_on_a_cpu() -> None:
    # Several tries: a system that reclaims idle pages by itself takes some back meanwhile.
    peaks = [peak_memory(lambda: torch.ones(16 * MEBIBYTE), torch.device("cpu")) for _ in range(3)]
    assert any(peak is None or 63 * MEBIBYTE < peak < 90 * MEBIBYTE for peak in peaks)
