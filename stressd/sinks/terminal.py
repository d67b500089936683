"""Slack's blocks as text: what a terminal shows of a message."""

from __future__ import annotations

import re
import textwrap
from typing import Any, Final

from stressd.alerts.notification import Notification
from stressd.sinks.blocks import blocks

WIDTH: Final = 100
_COLOURS: Final = {"info": "34", "warn": "33", "high": "38;5;208", "critical": "31"}
_LINK: Final = re.compile(r"<([^|<>\n]+)\|([^<>\n]*)>")
_BOLD: Final = re.compile(r"\*([^*\n]+)\*")
_ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("\u200b", ""))


def as_text(n: Notification, *, colour: bool = False, width: int = WIDTH) -> str:
    """The message as Slack would show it: a bar in the colour of the severity, the header, the fields in two columns,
    the table, the context. No control character of the data reaches the terminal."""
    code = "32" if n.life == "over" else _COLOURS.get(n.severity, "0")
    bar = _paint("▌", code, colour) + " "
    lines: list[str] = []
    for block in blocks(n):
        lines += _lines(block, code, colour, width - 2)
    return "\n".join(bar + line for line in lines) + "\n"


def _lines(block: dict[str, Any], code: str, colour: bool, width: int) -> list[str]:
    if block["type"] == "header":
        return [_paint(_plain(block["text"]["text"]), f"1;{code}", colour)]
    if block["type"] == "context":
        return [_marked(line, "2", colour) for e in block["elements"] for line in e["text"].split("\n")]
    if block["type"] == "actions":
        return [_plain("  ".join(f"[{e['text']['text']}]" for e in block["elements"]))]
    if "fields" in block:
        return _two_columns([_field(f["text"]) for f in block["fields"]], colour, width)
    text = block["text"]["text"]
    if text.startswith("```"):
        return ["  " + _plain(line) for line in text.strip("`").split("\n")]
    wrapped = [part for line in text.split("\n") for part in _wrapped(line, width)]
    return [_marked(line, "0", colour) for line in wrapped]


def _wrapped(line: str, width: int) -> list[str]:
    """A long line, its continuation set in."""
    return textwrap.wrap(line, width, subsequent_indent="    ", break_long_words=False) or [""]


def _field(text: str) -> tuple[str, str]:
    label, _, value = text.partition("\n")
    return _plain(label.strip("*")), " ".join(_plain(value).split())


def _two_columns(fields: list[tuple[str, str]], colour: bool, width: int) -> list[str]:
    half = width // 2
    lines: list[str] = []
    row = ""
    used = 0
    for label, value in fields:
        shown = f"{label}: {value}"
        painted = f"{_paint(label, '1', colour)}: {value}"
        if row and len(shown) <= width - half:
            lines.append(row + " " * (half - used) + painted)
            row = ""
            continue
        if row:
            lines.append(row)
            row = ""
        if len(shown) < half:
            row, used = painted, len(shown)
        else:
            lines.append(painted)
    return [*lines, row] if row else lines


def _marked(line: str, code: str, colour: bool) -> str:
    line = _LINK.sub(r"\2: \1", line)
    if not colour:
        return _plain(_BOLD.sub(r"\1", line))
    return _paint(
        _plain(_BOLD.sub("\x01\\1\x02", line)).replace("\x01", "\x1b[1m").replace("\x02", "\x1b[22m"), code, True
    )


def _plain(text: str) -> str:
    for entity, char in _ENTITIES:
        text = text.replace(entity, char)
    return "".join(c if c.isprintable() or c in "\x01\x02\u200d" else " " for c in text)


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code != "0" else text
