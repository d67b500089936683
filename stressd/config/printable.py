"""Words of others (payloads, topics, headers, answers, file names) as they may stand in a log or on a terminal.

What could move a cursor, begin a line, reverse the direction of reading or hide is written as in JSON (`\\u001b`), so
that nothing can look like what it is not, and JSON stays JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

LONGEST: Final = 2_000
"""Characters of one text; what is cut off is counted."""

ITEMS: Final = 100
"""Members of one list or mapping that are shown."""

DEEPEST: Final = 12
"""Levels of nesting that are shown."""

_HIDDEN: Final = "\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
_OTHERS: Final = f"{_HIDDEN}\ud800-\udfff\U000e0000-\U000e0fff"
_ANY: Final = re.compile(f"[\x00-\x1f{_OTHERS}]")
_COLOUR: Final = r"\x1b\[[0-9;]{0,12}m"
_ON_A_TERMINAL: Final = re.compile(f"(\\A\r|{_COLOUR})|[\x00-\x08\x0b-\x1f{_OTHERS}]")


def printable(text: str, longest: int = LONGEST) -> str:
    """One line of at most so many characters, before what is not printable is escaped."""
    if len(text) > longest:
        text = f"{text[:longest]}… ({len(text) - longest} more)"
    return text if text.isascii() and text.isprintable() else _ANY.sub(_escaped, text)


def printable_all(value: Any, longest: int = LONGEST, depth: int = 0) -> Any:
    """`value` with every text in it, keys too, made printable; of what is no plain data its repr. What is too deep or
    too much is cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return printable(value, longest)
    if depth >= DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        pairs = list(value.items())
        made = {printable(str(key)): printable_all(each, longest, depth + 1) for key, each in pairs[:ITEMS]}
        return made if len(pairs) <= ITEMS else {**made, "...": f"{len(pairs) - ITEMS} more"}
    if isinstance(value, list | tuple | set | frozenset):
        items = list(value)
        listed = [printable_all(each, longest, depth + 1) for each in items[:ITEMS]]
        return listed if len(items) <= ITEMS else [*listed, f"... {len(items) - ITEMS} more"]
    return printable(repr(value), longest)


def every_text(value: Any) -> Any:
    """JSON data with every text in it made printable, and nothing left out."""
    if isinstance(value, str):
        return printable(value, len(value))
    if isinstance(value, dict):
        return {printable(key, len(key)): every_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [every_text(each) for each in value]
    return value


def for_terminal(text: str) -> str:
    """Whole output of a command: lines, tabs and colours stay, and a return at the very beginning (progress)."""
    if text.isascii() and text.isprintable():
        return text
    return _ON_A_TERMINAL.sub(lambda found: found[1] or _escaped(found), text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"
