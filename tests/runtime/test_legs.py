"""A feed that stands by and has stopped is noticed before it is needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from stressd.engine.engine import Engine
from stressd.engine.spec import MINUTE, SECOND, EngineSpec, MarketSpec, SeriesSpec
from stressd.market.sessions import calendar
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.runtime import legs, notes

AT = parse_time("2026-01-20T01:00:00Z")
SERIES = ("JP.GOV.10Y", "JP.GOV.30Y")


class Rig:
    def __init__(self) -> None:
        spec = EngineSpec(
            markets=(MarketSpec("JP", calendar("always"), ""),),
            series=tuple(SeriesSpec(name, "JP", name[-3:], ("first", "second")) for name in SERIES),
        )
        self.engine = Engine(spec, AT)
        self.now = AT

    def tick(self, *sources: str) -> None:
        self.engine.feed([Tick(name, 2.0, self.now, self.now, source, 0) for name in SERIES for source in sources])

    def look(self) -> list[notes.Condition]:
        daemon: Any = SimpleNamespace(
            loaded=SimpleNamespace(model=SimpleNamespace(health=SimpleNamespace(silent=30 * MINUTE))),
            clock=SimpleNamespace(now=lambda: self.now),
            pump=SimpleNamespace(pipeline=SimpleNamespace(engine=self.engine)),
            started=AT, loaded_at=AT, feeds=SimpleNamespace(feeds={"first": None, "second": None}),
        )  # fmt: skip
        return legs.Legs(daemon).conditions()


def test_a_second_feed_that_stops_while_the_first_goes_on_is_told_and_the_series_stay_live() -> None:
    rig = Rig()
    while rig.now < AT + 40 * MINUTE:
        rig.tick("first", "second")
        rig.now += 10 * SECOND
    assert rig.look() == []
    while rig.now < AT + 69 * MINUTE:
        rig.tick("first")
        rig.now += 10 * SECOND
    assert rig.look() == []
    rig.tick("first")
    rig.now += 2 * MINUTE
    (told,) = rig.look()
    assert (told.rule, told.source, told.stops) == ("feed-partly-mute", "second", ())
    assert "JP 10Y" in told.text
    assert {row["state"] for row in rig.engine.status()} == {"live"}
    rows = {name: active for name, _, active in rig.engine.status()[0]["sources"]}
    assert rows == {"first": True, "second": False}
    rig.tick("second")
    assert rig.look() == []


def test_where_no_feed_brings_a_series_the_one_that_stands_by_is_not_to_blame() -> None:
    rig = Rig()
    rig.tick("first", "second")
    rig.now += 60 * MINUTE
    assert rig.look() == []
