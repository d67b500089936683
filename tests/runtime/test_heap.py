"""Where large blocks come from."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes
from stressd.runtime.heap import hold_together

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks".split()]
    _fields_ += [("uordblks", ctypes.c_size_t), ("fordblks", ctypes.c_size_t), ("keepcost", ctypes.c_size_t)]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
HOLD
freed = bytearray(24 << 20)
del freed
blocks = [bytearray(2 << 20) for _ in range(8)]
print(libc.mallinfo2().hblks)
"""


def mapped(hold: str) -> int:
    """Of eight blocks of 2 MiB, those that are not on the heap, after a larger one was freed."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("HOLD", hold)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_large_blocks_are_the_systems_although_larger_ones_were_freed_before() -> None:
    assert mapped("assert hold_together()") >= 8
    assert mapped("") < 8
