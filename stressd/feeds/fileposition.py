"""How far a file has been read, as text that fits into a recording."""

from __future__ import annotations

import re
import zlib
from typing import Final, NamedTuple

_TEXT: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):([0-9a-f]{8})")


class Position(NamedTuple):
    """offset: bytes (unpacked) behind the last line that was read; line: how many those are; sum: of the first line, by
    which the same file is known."""

    offset: int
    line: int
    sum: str

    def __str__(self) -> str:
        return f"{self.offset}:{self.line}:{self.sum}"


def parsed(text: str) -> Position | None:
    """None where it is no position."""
    match = _TEXT.fullmatch(text)
    return Position(int(match[1]), int(match[2]), match[3]) if match is not None else None


def sum_of(head: bytes) -> str:
    """Of a first line."""
    return f"{zlib.crc32(head):08x}"
