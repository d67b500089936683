"""The event as the bytes of a wire that takes no more than 20 KB: what is least missed goes first, and is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from stressd.alerts.event import Event, to_json

LIMIT: Final = 20_000
"""Bytes: what the webhook standard asks a sender to keep below, its own envelope included."""

ENVELOPE: Final = 200
ROWS: Final = 12


def to_wire(event: Event, limit: int = LIMIT - ENVELOPE) -> bytes:
    """The event's JSON within `limit` bytes, as far as leaving out goes. The whole of it stays in the store."""
    body = to_json(event)
    for name, without in STEPS:
        if len(body) <= limit:
            break
        smaller = without(event)
        if smaller != event:
            event = msgspec.structs.replace(smaller, left_out=[*event.left_out, name])
            body = to_json(event)
    return body


def _lone_account(event: Event) -> Event:
    moves = [*event.series[:1], *(msgspec.structs.replace(move, account=None) for move in event.series[1:])]
    return msgspec.structs.replace(event, series=moves)


def _no_account(event: Event) -> Event:
    return msgspec.structs.replace(event, series=[msgspec.structs.replace(move, account=None) for move in event.series])


def _bare_joiners(event: Event) -> Event:
    bare = [msgspec.structs.replace(move, rungs=None, ahead=[], session_open=None, day_low=None, day_high=None,
                                    sigma_definition=None) for move in event.series[1:]]  # fmt: skip
    return msgspec.structs.replace(event, series=[*event.series[:1], *bare])


def _no_base_rates(event: Event) -> Event:
    return msgspec.structs.replace(
        event, followers=[msgspec.structs.replace(each, base_rate=None) for each in event.followers]
    )


def _few_rows(event: Event) -> Event:
    return msgspec.structs.replace(event, series=event.series[:ROWS])


def _no_path(event: Event) -> Event:
    return msgspec.structs.replace(event, path=None)


def _few_names(event: Event) -> Event:
    data = msgspec.structs.replace(event.data, affected=event.data.affected[: 10 * ROWS])
    return msgspec.structs.replace(event, data=data, followers=event.followers[: 2 * ROWS])


def _few_items(event: Event) -> Event:
    return msgspec.structs.replace(event, digest=event.digest[: 4 * ROWS])


def _few_of_day(event: Event) -> Event:
    if event.day is None:
        return event
    ranked = sorted(event.day.series, key=lambda row: -abs(row.sigma or 0.0))[:ROWS]
    kept = [row for row in event.day.series if row in ranked]
    day = msgspec.structs.replace(event.day, series=kept, more=event.day.more + len(event.day.series) - len(kept))
    return msgspec.structs.replace(event, day=day)


STEPS: Final[tuple[tuple[str, Callable[[Event], Event]], ...]] = (
    ("accounts of joiners", _lone_account),
    ("account", _no_account),
    ("days of joiners", _bare_joiners),
    ("base rates", _no_base_rates),
    ("smaller moves", _few_rows),
    ("path", _no_path),
    ("further names", _few_names),
    ("milder episodes", _few_items),
    ("smaller moves of the day", _few_of_day),
)
