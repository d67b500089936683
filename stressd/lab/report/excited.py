"""Do breaches within the day bring further ones: the Hawkes table of the episodes that were opened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stressd.alerts.event import Event
from stressd.engine.spec import EngineSpec
from stressd.lab.hawkes import NEEDED, Excitation, excitation
from stressd.market.calendar import Calendar
from stressd.market.times import parse_time


def excited(events: Iterable[Event], spec: EngineSpec) -> Excitation | None:
    """Of the episodes that opened on a tick; None where no market has enough of them. Fixings are left out: a day is
    longer than any answer that is looked for."""
    times: dict[str, list[int]] = {}
    known = {market.name: market.calendar for market in spec.markets}
    for event in events:
        if event.type == "opened" and event.kind == "market" and event.market in known and _within(event):
            times.setdefault(event.market, []).append(parse_time(event.time))
    if max((len(each) for each in times.values()), default=0) < NEEDED:
        return None
    start = min(min(each) for each in times.values())
    end = max(max(each) for each in times.values()) + 1
    return excitation(times, start, end, {name: _sessions(known[name], start, end) for name in times})


def _within(event: Event) -> bool:
    return bool(event.series) and event.series[0].horizon not in (None, "1d")


def _sessions(calendar: Calendar, start: int, end: int) -> list[tuple[int, int]]:
    spans = []
    at = start
    while at < end:
        span = calendar.span_at(at)
        if span.is_open:
            spans.append((span.start, span.end))
        at = span.end
    return spans


def plain(found: Excitation) -> dict[str, Any]:
    """For JSON. branching[i][j]: mean number of breaches of market i that follow one of market j."""
    return {
        "markets": found.markets,
        "breaches": found.counts,
        "branching": [None if row is None else [round(x, 4) for x in row] for row in found.branching],
        "p": found.p,
        "half_life_s": [None if x is None else round(x, 1) for x in found.half_life_s],
        "fit_p": found.fit_p,
    }
