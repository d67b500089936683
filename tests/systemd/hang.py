"""`hang.py PID`: the process' main thread sleeps in a system call that never returns; its other threads run on.

For x86_64, as root, with the standard library alone: it is run by the system's Python.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time

ATTACH, DETACH, GETREGS, SETREGS, PEEKTEXT = 16, 17, 12, 13, 1
RAX, ORIG_RAX, RIP, REGISTERS = 10, 15, 16, 27
PAUSE = 34
SYSCALL = b"\x0f\x05"

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(what: int, pid: int, address: int = 0, data: object = None) -> int:
    ctypes.set_errno(0)
    found = int(libc.ptrace(what, pid, address, data))
    if ctypes.get_errno():
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def hang(pid: int) -> bool:
    """False where the thread was not in a system call, and nothing is changed."""
    ptrace(ATTACH, pid)
    os.waitpid(pid, 0x40000000)
    registers = (ctypes.c_ulonglong * REGISTERS)()
    try:
        ptrace(GETREGS, pid, 0, ctypes.byref(registers))
        before = ptrace(PEEKTEXT, pid, registers[RIP] - 2) & 0xFFFF
        if before.to_bytes(2, "little") != SYSCALL:
            return False
        registers[RIP] -= 2
        registers[RAX] = PAUSE
        registers[ORIG_RAX] = 2**64 - 1
        ptrace(SETREGS, pid, 0, ctypes.byref(registers))
        return True
    finally:
        ptrace(DETACH, pid)


if __name__ == "__main__":
    while not hang(int(sys.argv[1])):
        time.sleep(0.01)
