"""What is wrong with a file, named so that an editor can jump to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SHOWN: Final = 20
"""Faults of one file that are worth showing: the twenty-first tells nobody anything new."""


class Fault:
    """One thing that is wrong in a file. line: counted from 1, 0 where it concerns the file as a whole."""

    __slots__ = ("line", "message", "path")

    def __init__(self, path: str, line: int, message: str) -> None:
        self.path = path
        self.line = line
        self.message = message

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: error: {self.message}"


class UnreadFile(Exception):
    """A file that is not what it should be; nothing of it was taken. faults: at least one, in the file's order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)
