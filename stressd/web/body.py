"""What a request says, field by field; what is wrong is told with the field's name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from stressd.alerts.matching import WORDS, Match
from stressd.alerts.people.commands import LABELS, LONGEST_TEXT, LabelWord
from stressd.config.fields import parse_duration
from stressd.market.times import parse_time

LARGEST: Final = 16_384
"""Bytes of a request's body."""

_MATCH: Final = {word: attribute for attribute, word in WORDS.items()}
_ALLOWED: Final = {
    "kind": ("market", "feed", "self"),
    "severity": ("info", "warn", "high", "critical"),
    "direction": ("up", "down"),
    "origin": ("live", "drill", "replay", "simulated"),
}


class Refusal(Exception):
    """A request that is not carried out. status: of HTTP; field: the one that is wrong, "" for none in particular."""

    def __init__(self, status: int, text: str, field: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.field = field


async def fields(request: web.Request, known: Sequence[str]) -> dict[str, Any]:
    """The members of the JSON object in the body, all of them among `known`; none where there is no body. Raises
    Refusal."""
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413, f"the body is larger than {LARGEST} bytes") from None
    if not raw.strip():
        return {}
    if request.content_type != "application/json":
        raise Refusal(415, "the body must be JSON, with `Content-Type: application/json`")
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not JSON") from None
    if not isinstance(said, dict):
        raise Refusal(400, 'the body must be a JSON object such as {"for": "2h"}')
    for name in said:
        if name not in known:
            raise Refusal(422, f"unknown field `{name}`; there are {', '.join(known)}", str(name))
    return said


def text(said: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    """One line of text, at most LONGEST_TEXT characters; "" where it is not given. Raises Refusal."""
    value = said.get(name)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise Refusal(422, f"`{name}` is text", name)
    value = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    if required and not value:
        raise Refusal(422, f"`{name}` is missing: say it in a few words", name)
    if len(value) > LONGEST_TEXT:
        raise Refusal(422, f"`{name}` is longer than {LONGEST_TEXT} characters", name)
    return value


def span(said: Mapping[str, Any], name: str) -> int | None:
    """ns of a duration such as `30m`; None where it is not given. Raises Refusal."""
    value = said.get(name)
    if value is None:
        return None
    try:
        length = parse_duration(value)
    except ValueError as error:
        raise Refusal(422, f"`{name}`: {error}", name) from None
    if length <= 0:
        raise Refusal(422, f"`{name}` must be longer than zero", name)
    return length


def moment(said: Mapping[str, Any], name: str) -> int | None:
    """ns UTC of a time with a zone; None where it is not given. Raises Refusal."""
    value = said.get(name)
    if value is None:
        return None
    try:
        return parse_time(value if isinstance(value, str) else "")
    except ValueError:
        raise Refusal(422, f"`{name}` is a time with a zone such as `2026-01-20T18:00:00+09:00`", name) from None


def choice(said: Mapping[str, Any], name: str, allowed: Sequence[str]) -> str | None:
    """One of a few words; None where it is not given. Raises Refusal."""
    value = said.get(name)
    if value is None:
        return None
    if value not in allowed:
        raise Refusal(422, f"`{name}` is one of {', '.join(allowed)}", name)
    return str(value)


def label(said: Mapping[str, Any]) -> LabelWord:
    """Raises Refusal."""
    value = said.get("label")
    for word in LABELS:
        if value in (word, word.replace(" ", "-")):
            return word
    raise Refusal(422, f"`label` is one of {', '.join(LABELS)}", "label")


def match(said: Mapping[str, Any]) -> Match:
    """Which events are meant: `{"market": "JP", "severity": ["info", "warn"]}`. Raises Refusal."""
    given = said.get("match")
    if not isinstance(given, dict) or not given:
        raise Refusal(422, 'say which events are meant: `match`, such as {"market": "JP"}', "match")
    named: dict[str, tuple[str, ...]] = {}
    for word, value in given.items():
        field = f"match.{word}"
        if word not in _MATCH:
            raise Refusal(422, f"unknown field `{field}`; there are {', '.join(_MATCH)}", field)
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(each, str) and each and len(each) <= 100 for each in values):
            raise Refusal(422, f"`{field}` is text, or a list of texts", field)
        allowed = _ALLOWED.get(word)
        for each in values:
            if allowed is not None and each not in allowed:
                raise Refusal(422, f"`{field}` is one of {', '.join(allowed)}", field)
        named[_MATCH[word]] = tuple(values)
    return Match(**named)
