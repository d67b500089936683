"""A notification as Slack blocks within Slack's limits: what the Slack sink sends and the console shows.

Limits: 50 blocks, header 150, section text 3 000, ten fields of 2 000 each; the sum of all blocks is limited too, at an
unpublished size near 13 200 characters, so 10 000 are used.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any, Final

from stressd.alerts.notification import Notification
from stressd.sinks.fitting import Shown, cut, fitted, footing_of

Block = dict[str, Any]

HEADER, SECTION, FIELD, FIELDS, BLOCKS, BUDGET = 150, 3_000, 2_000, 10, 50, 10_000
BUTTON, BUTTONS, URL = 75, 25, 3_000
ANSWERS, LINE = 4, 700
"""Answers in one section, and the characters of each."""

WIDE: Final = 110
"""Characters from which a value has a line of its own instead of a field of two columns."""

BRIEF: Final = 8
"""Facts and answers of a reply in a thread, whose first message shows all of them."""

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
    if n.life == "over" and n.type == "corrected":
        return f"⚪ CORRECTED ({n.severity})"
    if n.life == "over" or n.type == "resolved":
        return f"{RESOLVED} RESOLVED ({n.severity})"
    return f"{SIGNS.get(n.severity, '')} {n.severity.upper()}".lstrip()


def severity_line(n: Notification) -> str:
    """Severity and what happened: "🔴 CRITICAL · JP 30Y +20.3bp to 3.765%"."""
    return " · ".join([severity_word(n), *(["(possible repeat)"] if n.possible_repeat else []), n.title])


def banner(n: Notification) -> str | None:
    """What stands above every message that is not about the live market."""
    return None if n.origin == "live" else BANNERS.get(n.origin, f"{n.origin.upper()}: not live")


def blocks(n: Notification, *, grey: bool = False) -> list[Block]:
    """The whole message within all limits. grey: in small grey letters below its header, as what is over."""
    return fitted(n, lambda shown: _build(n, shown, grey), _fits)


def reply(n: Notification) -> list[Block]:
    """What is new, for the thread below the message that shows all of it."""
    return fitted(n, lambda shown: _reply(n, shown), _fits)


def payload(n: Notification) -> Block:
    """The body of the request: blocks, and the plain text beside them."""
    return {"text": plain(n), "blocks": blocks(n)}


def _fits(built: list[Block]) -> bool:
    return len(built) <= BLOCKS and len(json.dumps(built, ensure_ascii=False)) <= BUDGET


def _build(n: Notification, shown: Shown, grey: bool) -> list[Block]:
    line = severity_line(n)
    built = _banner(n)
    built.append({"type": "header", "text": {"type": "plain_text", "text": fit(line, HEADER), "emoji": True}})
    if len(escape(line)) > HEADER:
        built.append(_section(fit(n.title, SECTION)))
    if n.own_text:
        built += _own(n)
    else:
        body = _facts(n.facts[: shown.facts]) + _answers(n, shown.answers)
        built += [part for block in body for part in _greyed(block)] if grey else body
        if n.table and shown.rows:
            built += _table(n, shown.rows)
        built += _spark(n)
        built += [_context(part) for part in _parts([_small(*entry) for entry in footing_of(n, shown)])]
        if (words := cut(n, shown)) is not None:
            built.append(_context(escape(words)))
    return [*built, _context(_footer(n)), *_buttons(n)]


def _reply(n: Notification, shown: Shown) -> list[Block]:
    built = [*_banner(n), _section(f"*{fit(severity_line(n), SECTION - 2)}*")]
    if n.own_text:
        built += _own(n)
    else:
        built += _facts(n.facts[: min(shown.facts, BRIEF)]) + _answers(n, min(shown.answers, BRIEF))
    return [*built, _context(_footer(n))]


def _banner(n: Notification) -> list[Block]:
    said = banner(n)
    return [] if said is None else [_context(f"*{escape(said)}*")]


def _facts(facts: tuple[tuple[str, str], ...]) -> list[Block]:
    """Short ones in two columns, long ones over the whole width, in their order."""
    built: list[Block] = []
    for wide, run in groupby(facts, lambda fact: len(fact[1]) > WIDE):
        group = list(run)
        for start in range(0, len(group), ANSWERS if wide else FIELDS):
            part = group[start : start + (ANSWERS if wide else FIELDS)]
            if wide:
                built.append(_section("\n".join(_line(label, value) for label, value in part)))
            else:
                built.append({"type": "section", "fields": [_field(label, value) for label, value in part]})
    return built


def _answers(n: Notification, most: int) -> list[Block]:
    shown = n.answers[:most]
    return [
        _section("\n".join(_line(label, value) for label, value in shown[start : start + ANSWERS]))
        for start in range(0, len(shown), ANSWERS)
    ]


def _own(n: Notification) -> list[Block]:
    """The text of the sink's own template, in which *bold* is the template's to write."""
    lines = fit(n.text, BUDGET - SECTION).split("\n")
    return [_section(part) for part in _parts([line[: SECTION - 1] for line in lines]) if part.strip()]


def _parts(lines: list[str]) -> list[str]:
    """Lines together, as few texts as a block's length allows. Each line is shorter than that."""
    parts: list[str] = []
    for line in lines:
        if parts and len(parts[-1]) + len(line) < SECTION:
            parts[-1] += f"\n{line}"
        else:
            parts.append(line)
    return parts


def _spark(n: Notification) -> list[Block]:
    """The path in characters, unless a fact or the footing shows it already."""
    if not n.sparkline or any(n.sparkline in value for _, value in (*n.facts, *n.footing)):
        return []
    return [_context(fit(n.sparkline, LINE))]


def _greyed(block: Block) -> list[Block]:
    """A section as context blocks, which Slack shows in small grey letters."""
    if "fields" not in block:
        return [_context(block["text"]["text"])]
    return [_context(part) for part in _parts([field["text"].replace("\n", "  ", 1) for field in block["fields"]])]


def _section(text: str) -> Block:
    return {"type": "section", "text": _markdown(text)}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_markdown(text)]}


def _markdown(text: str) -> Block:
    """text: escaped already; where it is too long it is cut at a line."""
    while len(text) > SECTION:
        text = text.rpartition("\n")[0] if "\n" in text else text[: SECTION - 1]
    return {"type": "mrkdwn", "text": text}


def _field(label: str, value: str) -> Block:
    room = FIELD // 4
    return {"type": "mrkdwn", "text": f"*{fit(label, room)}*\n{fit(value, room)}"}


def _line(label: str, value: str) -> str:
    """Over the whole width."""
    return f"*{fit(label, LINE // 8)}*  {fit(value, LINE - LINE // 8)}"


def _small(label: str, value: str) -> str:
    return f"{fit(label, LINE // 8)}: {fit(value, LINE - LINE // 8)}"


def _buttons(n: Notification) -> list[Block]:
    """What the reader may do by a link."""
    usable = [action for action in n.actions if action.label and _linkable(action.url, URL)][:BUTTONS]
    elements = [
        {
            "type": "button",
            "action_id": f"stressd-{i}",
            "text": {"type": "plain_text", "text": action.label[:BUTTON], "emoji": True},
            "url": action.url,
        }
        for i, action in enumerate(usable)
    ]
    return [{"type": "actions", "elements": elements}] if elements else []


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
    if n.link and _linkable(n.link, 1_000):
        parts.append(f"<{n.link.replace('&', '&amp;')}|{n.link_label}>")
    return " · ".join(parts)


def _linkable(url: str, most: int) -> bool:
    return url.startswith(("http://", "https://")) and len(url) < most and not set(url) & set("<>| \n")


def plain(n: Notification) -> str:
    """The message without blocks: for notifications and screen readers, and where blocks are refused."""
    if n.own_text:
        return fit("\n".join([severity_line(n), *_said(banner(n)), n.text]), TEXT)
    return fit(fitted(n, lambda shown: _plain(n, shown), lambda text: len(escape(text)) <= TEXT), TEXT)


def _plain(n: Notification, shown: Shown) -> str:
    said_of = (*n.facts[: shown.facts], *n.answers[: shown.answers], *footing_of(n, shown))
    lines = [severity_line(n), *_said(banner(n)), *(f"{label}: {value}" for label, value in said_of)]
    lines += ["", *table_lines(n, shown.rows)] if n.table and shown.rows else []
    return "\n".join([*lines, *_said(cut(n, shown)), *_said(n.link)])


def _said(line: str | None) -> list[str]:
    return [] if line is None else [line]


def escape(text: str) -> str:
    """Data as Slack shows it literally: no markup, no link, no mention. `<!channel>` loses its brackets' meaning;
    a bare @name, which Slack links where link_names is on, gets a zero-width space."""
    return text.translate(_ESCAPES)


_SAFE: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@" + _BREAK, "\r": "", "\0": ""}
_ESCAPES: Final = str.maketrans(_SAFE)


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
