"""The day that it must get right, through the whole pipeline: eight weeks of four simulated markets to learn from, then
19 to 21 January 2026 with New York's holiday and Tokyo's lunch, and what was told of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from stressd.alerts.event import Event, Follower
from stressd.alerts.pipeline import Pipeline
from stressd.engine.engine import Engine
from stressd.engine.events import ENTERED, Breach
from stressd.engine.spec import HOUR, SECOND
from stressd.lab.bridges import Bridges
from stressd.lab.demo import FEED, SPILLED
from stressd.lab.offline import Setup, drive
from stressd.market.series import market_of
from stressd.market.tick import FIXING, Tick
from stressd.market.times import parse_time

SCENARIO: Final = "seed-day"
SUPER_LONG: Final = ("JP.GOV.30Y", "JP.GOV.40Y")
MORE: Final = """  - {name: silence, type: silence, series: "*.GOV.*", severity: warn}
propagation:
  pairs: [JP -> US]
"""
"""Beside the demo's configuration: whoever goes silent is told of, and the desk has named the pair that it looks at."""

LOOK: Final = SECOND
"""ns between two looks at the path."""


class SeedDay:
    """events: what was told from the scenario's start on. phases: by series, the least warm of its horizons of ticks
    when it starts. seen: when an observer of the path itself, who looks every second, would have been told first (ns).
    stress: readings of the stress index by time, about one an hour."""

    __slots__ = ("events", "phases", "seen", "stress")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.phases: dict[str, str] = {}
        self.seen = 0
        self.stress: dict[str, dict[str, Any]] = {}

    def opened(self) -> Event | None:
        """The first event of Tokyo's sell-off."""
        return next((e for e in self.events if e.type == "opened" and (e.market, e.direction) == ("JP", "up")), None)

    def late_s(self) -> float | None:
        """Seconds from when the path crosses the threshold to the episode; None where there was none."""
        opened = self.opened()
        return None if opened is None else (parse_time(opened.time) - self.seen) / SECOND

    def answers(self, market: str, follower: str) -> list[tuple[str, Follower]]:
        """(time, answer) of every event of a market's episodes that says how another one answered, repeats left out."""
        found: list[tuple[str, Follower]] = []
        for event in self.events:
            if event.market == market and event.kind == "market":
                for each in event.followers:
                    if each.market == follower and (not found or found[-1][1] != each):
                        found.append((event.time, each))
        return found

    def closed(self) -> Follower | None:
        """What is said of New York while it is shut."""
        return next((each for _, each in self.answers("JP", "US") if each.wording == "could not respond"), None)

    def edge(self) -> tuple[str, Follower] | None:
        """When New York is first said to have gone along, and how."""
        return next(((time, each) for time, each in self.answers("JP", "US") if each.wording in SPILLED), None)

    def silences(self) -> list[Event]:
        """Every event about a feed or the daemon, and every episode that went stale."""
        return [e for e in self.events if e.kind != "market" or e.type in ("stale", "resumed")]

    def backwards(self) -> list[Event]:
        """Events that say that Tokyo went along with New York."""
        return [
            e
            for e in self.events
            if (e.market == "US" and any(f.market == "JP" and f.wording in SPILLED for f in e.followers))
            or (e.market == "JP" and e.source is not None and e.source.market == "US")
        ]


def watch(setup: Setup, simulator: Bridges, progress: Callable[[str], None] = lambda text: None) -> SeedDay:
    """The scenario's days through a pipeline that has heard all that was before. setup: what watches the scenario's
    series, from the demo's feed."""
    found = SeedDay()
    before, days = simulator.warmup_ticks(), simulator.ticks()
    start = before[0].time
    progress(f"{len(before):,} ticks before, {len(days):,} of the days themselves")
    pipeline = setup.pipeline(start, "simulated")
    pipeline.engine.warm(_fixings(simulator, start))
    for _ in drive(pipeline, (_from_feed(tick) for tick in before), 0):
        pass
    pipeline.advance(simulator.scenario.starts)
    for row in pipeline.engine.status():
        phases = [row["phase"][horizon] for horizon in ("1m", "5m", "30m")]
        found.phases[row["series"]] = next((p for p in ("cold", "warming") if p in phases), "live")
    progress("warm")
    state = pipeline.engine.snapshot()
    _follow(pipeline, days, found)
    opened = found.opened()
    if opened is not None:
        observer = Engine(setup.spec, start)
        observer.restore(state)
        found.seen = _observed(observer, simulator, parse_time(opened.time) + HOUR)
    return found


def _fixings(simulator: Bridges, until: int) -> list[Tick]:
    """The scenario's daily fixings before its ticks."""
    found = []
    for series, rows in simulator.warmup_daily().items():
        trading = simulator.calendars[market_of(series)]
        times = [(trading.fixing_on(day), value) for day, value in rows]
        found += [Tick(series, value, at, at, "simulated", FIXING) for at, value in times if at < until]
    return sorted(found, key=lambda tick: tick.received)


def _from_feed(tick: Tick) -> Tick:
    return Tick(tick.series, tick.value, tick.time, tick.received, FEED)


def _follow(pipeline: Pipeline, days: list[Tick], found: SeedDay) -> None:
    hour = 0
    for tick in days:
        found.events += [routed.event for routed in pipeline.feed([_from_feed(tick)])]
        reading = pipeline.engine.stress.reading
        if tick.received // HOUR != hour and reading is not None:
            hour = tick.received // HOUR
            found.stress[reading["time"]] = reading
    found.events += [routed.event for routed in pipeline.advance(days[-1].received + HOUR)]


def _observed(observer: Engine, simulator: Bridges, until: int) -> int:
    """When the first upward breach of one of Tokyo's series would be told (ns) if the path itself were a tick every
    second; 0 for never."""
    trading = simulator.calendars["JP"]
    series = [name for name in simulator.scenario.series() if market_of(name) == "JP"]
    at = simulator.scenario.starts
    while at < until:
        at += LOOK
        if not trading.span_at(at).is_open:
            continue
        ticks = [Tick(name, round(simulator.level(name, at), 6), at, at, FEED) for name in series]
        for event in observer.feed(ticks):
            if isinstance(event, Breach) and event.phase == ENTERED and event.direction > 0 and event.market == "JP":
                return at
    return 0
