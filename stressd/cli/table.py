"""Plain tables and spans of time for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_UNITS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns, as wide as their widest cell."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def age(seconds: float | None) -> str:
    """`2 h 05 min`, `12 s`; `never` where there is none."""
    if seconds is None:
        return "never"
    for i, (size, unit) in enumerate(_UNITS):
        if seconds >= size:
            whole = int(seconds // size)
            if i + 1 == len(_UNITS) or unit == "min":
                return f"{whole} {unit}"
            below, name = _UNITS[i + 1]
            rest = int((seconds - whole * size) // below)
            return f"{whole} {unit} {rest:02d} {name}" if rest else f"{whole} {unit}"
    return f"{seconds * 1000:.0f} ms" if seconds > 0 else "0 s"
