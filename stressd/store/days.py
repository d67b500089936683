"""The summaries of markets' sessions among the events."""

from __future__ import annotations

import sqlite3
from typing import Final

from stressd.alerts.event import Event, from_json
from stressd.market.times import DAY, day_start, parse_day

_TOLD: Final = (
    "SELECT json FROM event WHERE time BETWEEN ? AND ? AND type = 'digest' AND episode >= 'DAY-' AND episode < 'DAY.' "
    "ORDER BY time, id"
)


def told(connection: sqlite3.Connection, since: int, until: int) -> list[Event]:
    """Those from `since` to `until` (ns UTC), in their order."""
    return [from_json(row[0]) for row in connection.execute(_TOLD, (since, until)).fetchall()]


def named(connection: sqlite3.Connection, name: str) -> Event | None:
    """The one that people call `JP-2026-01-20`; None where there is none."""
    market, _, session = name.partition("-")
    try:
        begin = day_start(parse_day(session))
    except ValueError:
        return None
    about = told(connection, begin - DAY, begin + 3 * DAY)
    mine = [event for event in about if event.day and (event.day.market, event.day.session) == (market, session)]
    return mine[-1] if mine else None
