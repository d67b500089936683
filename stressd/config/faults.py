"""What is wrong with a file, and where: `file:line:column: error: ...`, the line itself, a caret and a hint."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

MOST_SHOWN: Final = 160
"""Columns of a source line that are shown."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the file; lines and columns count from 0, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault or warning. line, column count from 1. source: the line, with secrets masked. width: characters under
    the caret. hint: what to do, shown after the caret."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    level: str = "error"
    source: str = ""
    width: int = 1

    @property
    def brief(self) -> str:
        """`file:line:column: error: message`."""
        return f"{self.file}:{self.line}:{self.column}: {self.level}: {self.message}"

    def __str__(self) -> str:
        if not self.source.strip():
            return f"{self.brief} ({self.hint})" if self.hint else self.brief
        start, text = _window(self.source, self.column - 1)
        before, under = text[: self.column - 1 - start], text[self.column - 1 - start :][: self.width]
        carets = "^" * max(1, sum(_cells(c) for c in under))
        pad = "".join("\t" if c == "\t" else " " * _cells(c) for c in before)
        caret = f"{pad}{carets}  {self.hint}".rstrip()
        return f"{self.brief}\n{self.line:5d} | {text}\n      | {caret}"

    def as_json(self) -> dict[str, Any]:
        """For `check --json`."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "level": self.level,
            "message": self.message,
            "hint": self.hint or None,
        }


class ConfigError(Exception):
    """A file that cannot be used; `faults` are all of its errors and warnings by position."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = in_order(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """By position, each once (an alias brings the same fault again)."""
    unique = {(f.line, f.column, f.message): f for f in faults}
    return sorted(unique.values(), key=lambda f: (f.line, f.column, f.level, f.message))


def near(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    by_folded = {w.casefold(): w for w in known}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    if not found and len(word) >= 3:
        found = [folded for folded in by_folded if folded.startswith(word.casefold())][:1]
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean `x`?`, or nothing where no known word is near."""
    meant = near(word, known)
    return f"did you mean `{meant}`?" if meant is not None else ""


def suggest(word: str, known: Sequence[str], label: str = "known", always: bool = False) -> str:
    """The nearest known word; all of them where none is near (or `always`), if they are few."""
    nearest = did_you_mean(word, known)
    listed = f"{label}: {', '.join(known)}" if known and len(known) <= 24 and (always or not nearest) else ""
    return " ".join(part for part in (nearest, listed) if part)


def shown(value: object) -> str:
    """A value of the file as it may stand in a message: short, printable, in backticks."""
    text = value if isinstance(value, str) else str(value)
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return f"`{text[:57]}...`" if len(text) > 60 else f"`{text}`"


def _cells(char: str) -> int:
    """Columns of a character on a terminal."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _window(source: str, column: int) -> tuple[int, str]:
    """The part of a very long line around `column`, and where it begins."""
    start = 0 if column < MOST_SHOWN - 40 else column - MOST_SHOWN // 2
    text = source[start : start + MOST_SHOWN]
    return start, "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
