"""The engine's own fixings: one for every trading day, early closes and markets that never close included."""

from __future__ import annotations

import pytest

from stressd.engine.engine import Engine
from stressd.engine.spec import DAY, SECOND, EngineSpec, MarketSpec, SeriesSpec
from stressd.market.sessions import calendar
from stressd.market.tick import Tick
from stressd.market.times import iso, parse_time

SERIES = "AA.GOV.10Y"


@pytest.mark.parametrize(
    ("name", "fixings"),
    [
        ("always", ["2026-07-02T00:00:00Z", "2026-07-03T00:00:00Z"]),
        ("US", ["2026-07-01T19:30:00Z", "2026-07-02T19:30:00Z"]),
        ("JP", ["2026-07-01T06:00:00Z", "2026-07-02T06:00:00Z"]),
    ],
)
def test_every_trading_day_has_its_fixing(name: str, fixings: list[str]) -> None:
    start = parse_time("2026-06-30T22:00Z")
    spec = EngineSpec((MarketSpec("AA", calendar(name), SERIES),), (SeriesSpec(SERIES, "AA", "10Y"),))
    engine = Engine(spec, start)
    told: list[str] = []
    before = 0
    for t in range(start, start + 2 * DAY + 7_200 * SECOND + 1, 20 * SECOND):
        engine.advance(t)
        count = engine.status()[0]["fixings"]
        if count > before:
            told.append(iso(t))
            before = count
        engine.feed([Tick(SERIES, 4.0 + t // SECOND % 7 * 0.001, t, t, "desk")])
    # Where nothing closes the day in which the engine started has a fixing too.
    assert told[-len(fixings) :] == fixings
    assert len(told) == len(fixings) + (name == "always")
