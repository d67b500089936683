"""The graph of who follows whom: markets as nodes, with their hours, and the engine's directed edges between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from stressd.alerts.words import local_text
from stressd.engine.spec import EngineSpec
from stressd.market.times import iso
from stressd.store import Store

NAME: Final = "graph"
FORMAT: Final = 1
"""Of the graph that is kept in the store, so that it can be read while no daemon runs."""


def graph(spec: EngineSpec, edges: Sequence[dict[str, Any]], now: int) -> dict[str, Any]:
    """Ready for JSON. edges: `Engine.graph()`; now: ns UTC."""
    return {
        "time": iso(now),
        "markets": [_market(each.name, each.gauge, each.calendar, now) for each in spec.markets if each.gauge],
        "edges": [edge | {"last": iso(edge["last"]) if edge["last"] else None} for edge in edges],
    }


def kept(store: Store) -> dict[str, Any] | None:
    """The graph as it was when the state was last saved; None where there is none. Raises StoreError."""
    snapshot = store.load_snapshot(NAME)
    if snapshot is None or snapshot.version != FORMAT:
        return None
    found: dict[str, Any] = msgspec.json.decode(snapshot.blob)
    return found


def _market(name: str, gauge: str, calendar: Any, now: int) -> dict[str, Any]:
    span = calendar.span_at(now)
    opens = None if span.is_open else calendar.next_open(now)
    return {
        "market": name,
        "gauge": gauge,
        "open": span.is_open,
        "reason": None if span.is_open else span.reason,
        "next_open": None if opens is None else iso(opens),
        "next_open_local": None if opens is None else local_text(opens, ZoneInfo(calendar.zone)),
    }
