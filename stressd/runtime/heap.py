"""The C library's heap, which must not grow by holes: large blocks are had from the system and given back to it.

Left alone, glibc puts blocks of up to 32 MiB onto its heap once it has seen one freed. What is written with a
transition, a snapshot or a recording is a large block that lives for milliseconds; behind it the heap cannot shrink. In
two days of shocks the resident memory of a hundred series grew to 200 MB that way, to 160 MB without.
"""

from __future__ import annotations

import ctypes
from typing import Final

TRIM_THRESHOLD: Final = -1
MMAP_THRESHOLD: Final = -3
"""Parameters of mallopt(3); setting the second also ends its being raised."""

LARGE: Final = 256 << 10
"""Bytes of a block that is the system's, not the heap's."""

SPARE: Final = 1 << 20
"""Free bytes at the end of the heap above which it shrinks."""


def hold_together() -> bool:
    """For the whole process, from now on. False where the C library has no such setting."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGE)) and bool(mallopt(TRIM_THRESHOLD, SPARE))
