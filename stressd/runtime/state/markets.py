"""The markets' clocks, the stress index and the graph of who follows whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from stressd.alerts.words import local_text
from stressd.engine.spec import EngineSpec
from stressd.market.calendar import Calendar
from stressd.market.times import iso

HALTED: Final = "halted"


def markets(spec: EngineSpec, halted: set[str], summed: Mapping[str, str], now: int) -> dict[str, dict[str, Any]]:
    """By name, in the order of the configuration. halted: markets of which a series is. summed: by market, the session
    that was summed up last. now: ns UTC.

    phase: open, half-day (open, and it closes early), lunch, closed or halted; until: when that ends; next: what then
    happens, in the market's own time.
    """
    return {
        each.name: _market(each.name, each.calendar, each.name in halted, k, now) | {"summary": summed.get(each.name)}
        for k, each in _single(spec)
    }


def _single(spec: EngineSpec) -> list[tuple[int, Any]]:
    return [(k, each) for k, each in enumerate(spec.markets) if "-" not in each.name]


def _market(name: str, calendar: Calendar, halted: bool, order: int, now: int) -> dict[str, Any]:
    span = calendar.span_at(now)
    if span.is_open:
        early = calendar.session_at(now).early
        phase = HALTED if halted else "half-day" if early else "open"
        until, verb = calendar.next_close(now), "closes"
    else:
        phase = "lunch" if span.reason == "lunch" else "closed"
        until, verb = calendar.next_open(now), "opens"
    return {
        "name": name,
        "order": order,
        "phase": phase,
        "reason": None if span.is_open else span.reason,
        "since": iso(span.start),
        "until": iso(until),
        "next": f"{verb} {local_text(until, ZoneInfo(calendar.zone))}",
        "zone": calendar.zone,
        "city": calendar.zone.rpartition("/")[2].replace("_", " "),
    }


def stress(reading: Mapping[str, Any] | None, days: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The index as it was last read, with the close of the day before. contributions: by market, they add up to it."""
    if reading is None:
        return {"value": None, "contributions": {}}
    previous = next((day["value"] for day in reversed(days) if day["date"] < reading["time"][:10]), None)
    value = reading["value"]
    return {
        "value": _rounded(value),
        "previous": _rounded(previous),
        "trend": None if value is None or previous is None else _trend(value - previous),
        "contributions": {name: _rounded(part) for name, part in reading["markets"].items()},
        "correlation": _rounded(reading["correlation"]),
        "young": reading["young"],
        "sessions": reading["sessions"],
        "time": reading["time"],
    }


def graph(rows: Sequence[Mapping[str, Any]], told: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Edges by `JP>US`. rows: `Engine.graph()`; told: by the same name, what an episode of the last day says of it,
    which goes before what is known on the whole."""
    edges: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = f"{row['source']}>{row['follower']}"
        if name in edges or (not row["followed"] and not row["hinted"]):
            continue
        edges[name] = {
            "from": row["source"],
            "to": row["follower"],
            "layer": row["layer"],
            "beta": _rounded(row["beta"]),
            "p": _rounded(row["p"], 4),
            "open_lag_s": _rounded(row["lag_s"], 1),
            "wording": "spilled over" if row["spilled_over"] else None,
            "followed": row["followed"],
            "sources": row["sources"],
            "time": iso(row["last"]) if row["last"] else None,
            "episode": None,
        }
    for name, link in told.items():
        edges[name] = {**edges.get(name, {}), **link}
    return {"edges": edges}


def _trend(change: float) -> str:
    return "up" if change > 0.005 else "down" if change < -0.005 else "flat"


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)
