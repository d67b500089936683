"""A notification as Slack blocks within Slack's limits: what the Slack sink sends and the console shows.

Limits: 50 blocks, header 150, section text 3 000, ten fields of 2 000 each; the sum of all blocks is limited too, at an
unpublished size near 13 200 characters, so 10 000 are used.
"""

from __future__ import annotations

import json
from typing import Any, Final

from stressd.alerts.notification import Notification

Block = dict[str, Any]

HEADER, SECTION, FIELD, FIELDS, BLOCKS, BUDGET = 150, 3_000, 2_000, 10, 50, 10_000
ANSWERS, LINE = 4, 700
"""Answers in one section, and the characters of each."""

TEXT: Final = 3_500
"""Characters of the plain text: Slack may split what is longer than 4 000."""

SIGNS: Final = {"info": "🔵", "warn": "🟡", "high": "🟠", "critical": "🔴"}
RESOLVED: Final = "✅"
BANNERS: Final = {
    "drill": "DRILL: an exercise, not the market",
    "replay": "REPLAY: a recording, not the live market",
    "simulated": "SIMULATED: not the market",
}
_BREAK: Final = "\u200b"


def severity_word(n: Notification) -> str:
    """Severity in a sign and in a word, never in colour alone."""
    if n.type == "resolved":
        return f"{RESOLVED} RESOLVED ({n.severity})"
    return f"{SIGNS.get(n.severity, '')} {n.severity.upper()}".lstrip()


def severity_line(n: Notification) -> str:
    """Severity and what happened: "🔴 CRITICAL · JP 30Y +20.3bp to 3.765%"."""
    return f"{severity_word(n)} · {n.title}"


def banner(n: Notification) -> str | None:
    """What stands above every message that is not about the live market."""
    return None if n.origin == "live" else BANNERS.get(n.origin, f"{n.origin.upper()}: not live")


def blocks(n: Notification) -> list[Block]:
    """The message within all limits. Where it is too long, rows of the table go first, then facts."""
    for rows, facts, answers in ((60, 20, 40), (30, 20, 24), (15, 10, 12), (8, 8, 8), (3, 6, 4), (0, 4, 2)):
        built = _build(n, rows, facts, answers)
        if len(built) <= BLOCKS and len(json.dumps(built, ensure_ascii=False)) <= BUDGET:
            return built
    return _build(n, 0, 0, 0)


def _build(n: Notification, rows: int, facts: int, answers: int) -> list[Block]:
    line = severity_line(n)
    built: list[Block] = []
    if (said := banner(n)) is not None:
        built.append({"type": "context", "elements": [_markdown(f"*{escape(said)}*", SECTION)]})
    built.append({"type": "header", "text": {"type": "plain_text", "text": fit(line, HEADER), "emoji": True}})
    if len(escape(line)) > HEADER:
        built.append({"type": "section", "text": {"type": "mrkdwn", "text": fit(n.title, SECTION)}})
    shown = n.facts[:facts]
    for start in range(0, len(shown), FIELDS):
        fields = [_field(label, value) for label, value in shown[start : start + FIELDS]]
        built.append({"type": "section", "fields": fields})
    for start in range(0, min(len(n.answers), answers), ANSWERS):
        lines = [_line(label, value) for label, value in n.answers[start : min(start + ANSWERS, answers)]]
        built.append({"type": "section", "text": _markdown("\n".join(lines), SECTION)})
    if n.table and rows:
        built += _table(n, rows)
    if n.footing and facts:
        built.append({"type": "context", "elements": [_markdown(_small(n), SECTION)]})
    built.append({"type": "context", "elements": [_markdown(_footer(n), SECTION)]})
    return built


def _markdown(text: str, limit: int) -> Block:
    """text: escaped already; where it is too long it is cut at a line."""
    while len(text) > limit:
        text = text.rpartition("\n")[0] if "\n" in text else text[: limit - 1]
    return {"type": "mrkdwn", "text": text}


def _field(label: str, value: str) -> Block:
    room = FIELD // 4
    return {"type": "mrkdwn", "text": f"*{fit(label, room)}*\n{fit(value, room)}"}


def _line(label: str, value: str) -> str:
    """One answer over the whole width."""
    return f"*{fit(label, LINE // 8)}*  {fit(value, LINE - LINE // 8)}"


def _small(n: Notification) -> str:
    return "\n".join(f"{fit(label, LINE // 8)}: {fit(value, LINE - LINE // 8)}" for label, value in n.footing)


def _table(n: Notification, most: int) -> list[Block]:
    """The table in code blocks, as many as its length asks for."""
    lines = table_lines(n, most)
    built: list[Block] = []
    part: list[str] = []
    size = 0
    for line in lines:
        cell = fit(line.replace("`", "'"), 300)
        if part and size + len(cell) + 1 > SECTION - 8:
            built.append(_code(part))
            part, size = [], 0
        part.append(cell)
        size += len(cell) + 1
    return [*built, _code(part)]


def _code(lines: list[str]) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "```" + "\n".join(lines) + "```"}}


def table_lines(n: Notification, most: int) -> list[str]:
    """Header and up to `most` rows, columns aligned: the first to the left, the others to the right. Empty columns are
    left out."""
    cells = [row.cells for row in n.table[:most]]
    header = n.table_header
    columns = [c for c in range(len(header)) if any(c < len(row) and row[c] for row in cells)]
    grid = [[header[c] for c in columns]] + [[row[c] if c < len(row) else "" for c in columns] for row in cells]
    widths = [max(len(line[i]) for line in grid) for i in range(len(columns))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in grid
    ]
    rest = len(n.table) - len(cells)
    return [line.rstrip() for line in lines] + ([f"… and {rest} more"] if rest else [])


def _footer(n: Notification) -> str:
    parts = [escape(n.moment), escape(n.event_id)]
    if (
        n.link
        and n.link.startswith(("http://", "https://"))
        and len(n.link) < 1_000
        and not set(n.link) & set("<>| \n")
    ):
        parts.append(f"<{n.link.replace('&', '&amp;')}|Open the episode>")
    return " · ".join(parts)


def plain(n: Notification) -> str:
    """The message without blocks: for notifications and screen readers, and where blocks are refused."""
    said = banner(n)
    said_of = (*n.facts, *n.answers, *n.footing)
    lines = [severity_line(n), *([said] if said else []), *(f"{label}: {value}" for label, value in said_of)]
    lines += ["", *table_lines(n, 20)] if n.table else []
    return fit("\n".join([*lines, *([n.link] if n.link else [])]), TEXT)


def escape(text: str) -> str:
    """Data as Slack shows it literally: no markup, no link, no mention. `<!channel>` loses its brackets' meaning;
    a bare @name, which Slack links where link_names is on, gets a zero-width space."""
    return "".join(_SAFE.get(c, c) for c in text)


_SAFE: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@" + _BREAK, "\r": "", "\0": ""}


def fit(text: str, limit: int) -> str:
    """Escaped, and cut to `limit` characters with an ellipsis, never inside an escape."""
    escaped = escape(text)
    if len(escaped) <= limit:
        return escaped
    kept: list[str] = []
    room = limit - 1
    for c in text:
        piece = _SAFE.get(c, c)
        if len(piece) > room:
            break
        kept.append(piece)
        room -= len(piece)
    return "".join(kept) + "…"


def payload(n: Notification) -> Block:
    """The body of the request: blocks, and the plain text beside them."""
    return {"text": plain(n), "blocks": blocks(n)}
