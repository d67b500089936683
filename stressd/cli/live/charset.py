"""What a terminal can show: its characters, its colours, and how wide a text is on it."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stressd.alerts.words import SPARKS, sparks

PLAIN: Final = {
    "σ": "s", "·": "|", "×": "x", "…": "~", "–": "-", "−": "-", "▲": "^", "▼": "v", "→": ">", "≥": ">=", "≤": "<=",
}  # fmt: skip
LEVELS: Final = "_.,-=+*#"
"""In the place of the eight bars of a sparkline."""

COLOURS: Final = {
    "up": "38;5;208", "down": "38;5;39", "bad": "1;31", "warn": "33", "good": "32", "dim": "2", "head": "1",
    "cyan": "36",
}  # fmt: skip
"""Rises orange and falls blue, which people who see no red or green tell apart; the sign says it too."""

FEW: Final = {**COLOURS, "up": "33", "down": "36"}
"""For terminals of eight colours."""


@dataclass(frozen=True, slots=True)
class Charset:
    """unicode: more than ASCII can be shown. colours: by name; empty where there are none."""

    unicode: bool
    colours: Mapping[str, str]

    def paint(self, text: str, name: str) -> str:
        """In a colour of `COLOURS`; "" for none."""
        code = self.colours.get(name)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text else text

    def spark(self, values: Sequence[float | None], cells: int) -> str:
        """A sparkline of at most so many cells, the newest values last."""
        size = max(1, -(-len(values) // max(1, cells)))
        # from the end, so that the last cell is never of fewer steps than the others
        parts = [values[max(0, end - size) : end] for end in range(len(values), 0, -size)][::-1]
        lasts = [next((each for each in reversed(part) if each is not None), None) for part in parts]
        known = [each for each in lasts if each is not None]
        text = sparks(lasts, min(known), max(known)) if known else ""
        return text if self.unicode else text.translate(_LEVELS)

    def fit(self, text: str, columns: int) -> str:
        """As it can be shown in so many columns."""
        return fitted(self.plain(text), columns, "…" if self.unicode else "~")

    def plain(self, text: str) -> str:
        """As it can be shown."""
        if self.unicode or text.isascii():
            return text
        told = "".join(PLAIN.get(c, c) for c in text)
        return told.encode("ascii", "replace").decode()


_LEVELS: Final = {ord(bar): level for bar, level in zip(SPARKS, LEVELS, strict=True)}


def charset(encoding: str | None, environ: Mapping[str, str] = os.environ) -> Charset:
    """What a terminal with this encoding shows."""
    term = environ.get("TERM", "")
    colours: Mapping[str, str] = {}
    if not environ.get("NO_COLOR") and term not in ("", "dumb"):
        many = "256" in term or bool(environ.get("COLORTERM")) or term.startswith(("alacritty", "xterm-kitty", "foot"))
        colours = COLOURS if many else FEW
    return Charset((encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32"), colours)


def width(text: str) -> int:
    """Columns that a text without colours takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fitted(text: str, columns: int, mark: str = "…") -> str:
    """Cut to so many columns, with a mark at the end where something is missing."""
    if width(text) <= columns:
        return text
    kept = ""
    for c in text:
        if width(kept + c) > columns - len(mark):
            break
        kept += c
    return (kept + mark)[: max(0, columns)] if columns > 0 else ""


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """Filled up with spaces."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space
