"""What Slack refuses of a message: lengths, counts, markup that would be a mention, and the total that it does not
document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

TEXT, BLOCKS, TOTAL = 40_000, 50, 13_200
HEADER, SECTION, FIELD, FIELDS, ELEMENTS, CONTEXT = 150, 3_000, 2_000, 10, 25, 10
BUTTON, URL, IDENTIFIER = 75, 3_000, 255

_LINK: Final = re.compile(r"<(?:https?://|mailto:)[^<>|\s]+(?:\|[^<>]*)?>")
_STRAY: Final = re.compile(r"[<>]|&(?!amp;|lt;|gt;)")


def fault(message: dict[str, Any]) -> tuple[str, str] | None:
    """Slack's word for what is wrong with a message, and where; None where it is taken."""
    blocks = message.get("blocks") or []
    if not message.get("text") and not blocks:
        return "no_text", "text"
    if len(message.get("text", "")) > TEXT:
        return "msg_too_long", "text"
    if not isinstance(blocks, list) or len(blocks) > BLOCKS:
        return "invalid_blocks", f"no more than {BLOCKS} items allowed [json-pointer:/blocks]"
    for i, block in enumerate(blocks):
        for where, why in _block_faults(block):
            return "invalid_blocks", f"{why} [json-pointer:/blocks/{i}{where}]"
    if len(json.dumps(blocks, ensure_ascii=False)) > TOTAL:
        return "msg_blocks_too_long", "blocks"
    return None


def mentions(message: dict[str, Any]) -> list[str]:
    """Every mention and every stray bracket or ampersand in the message's markup: data that Slack would act on."""
    texts = [message.get("text", ""), *(text for block in message.get("blocks") or [] for text in _markdown(block))]
    return [found.group() for text in texts for found in _STRAY.finditer(_LINK.sub("", text))]


def _markdown(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if part.get("type") == "mrkdwn":
            yield part["text"]
        for value in part.values():
            yield from _markdown(value)
    elif isinstance(part, list):
        for value in part:
            yield from _markdown(value)


def _block_faults(block: Any) -> Iterator[tuple[str, str]]:
    """(pointer, why)"""
    if not isinstance(block, dict):
        yield "", "must be an object"
        return
    if len(str(block.get("block_id", ""))) > IDENTIFIER:
        yield "/block_id", f"must be less than {IDENTIFIER + 1} characters"
    kind = block.get("type")
    if kind == "header":
        yield from _text(block.get("text"), "/text", HEADER, ("plain_text",))
    elif kind == "section":
        yield from _section(block)
    elif kind == "context":
        yield from _context(block)
    elif kind == "actions":
        yield from _actions(block)
    elif kind != "divider":
        yield "/type", f"unsupported type: {kind}"


def _section(block: dict[str, Any]) -> Iterator[tuple[str, str]]:
    fields = block.get("fields")
    if block.get("text") is None and not fields:
        yield "", "missing required field: text or fields"
    if block.get("text") is not None:
        yield from _text(block["text"], "/text", SECTION, ("plain_text", "mrkdwn"))
    if fields is not None:
        if not 1 <= len(fields) <= FIELDS:
            yield "/fields", f"no more than {FIELDS} items allowed"
        for i, each in enumerate(fields):
            yield from _text(each, f"/fields/{i}", FIELD, ("plain_text", "mrkdwn"))


def _context(block: dict[str, Any]) -> Iterator[tuple[str, str]]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= CONTEXT:
        yield "/elements", f"between 1 and {CONTEXT} items allowed"
    for i, element in enumerate(elements):
        yield from _text(element, f"/elements/{i}", SECTION, ("plain_text", "mrkdwn"))


def _actions(block: dict[str, Any]) -> Iterator[tuple[str, str]]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= ELEMENTS:
        yield "/elements", f"between 1 and {ELEMENTS} items allowed"
    seen: set[str] = set()
    for i, element in enumerate(elements):
        where = f"/elements/{i}"
        if element.get("type") != "button":
            yield where, f"unsupported type: {element.get('type')}"
            continue
        yield from _text(element.get("text"), f"{where}/text", BUTTON, ("plain_text",))
        if len(element.get("url", "")) > URL:
            yield f"{where}/url", f"must be less than {URL + 1} characters"
        name = element.get("action_id", "")
        if len(name) > IDENTIFIER or name in seen:
            yield f"{where}/action_id", "must be short and unique"
        seen.add(name)


def _text(text: Any, where: str, limit: int, kinds: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield where, f"must be a {' or '.join(kinds)} object"
        return
    said = text.get("text")
    if not isinstance(said, str) or not said:
        yield f"{where}/text", "must be more than 0 characters"
    elif len(said) > limit:
        yield f"{where}/text", f"must be less than {limit + 1} characters"
