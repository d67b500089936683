"""How often a configuration speaks: messages to each sink over ordinary simulated weeks, and over a week of January
2026."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

from stressd.alerts.event import Event
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.engine.events import ENTERED, LEFT, FeedNote
from stressd.engine.spec import MINUTE, SECOND, WARN
from stressd.lab.bridges import Bridges
from stressd.lab.demo import calendars
from stressd.lab.offline import BATCH, Setup
from stressd.lab.scenario import load_scenario
from stressd.lab.sim.labels import Label, Move
from stressd.lab.sim.model import MODELS, SimSpec
from stressd.lab.sim.world import Simulation
from stressd.market.series import market_of
from stressd.market.tick import FIXING, Tick
from stressd.market.times import day_start, parse_day, parse_time

START: Final = "2026-03-02"
DAYS: Final = 25
"""Weekdays from START: both changes to summer time, Good Friday, and New York's early close before it."""

WARM: Final = 60
RATE: Final = 0.25
"""Of the simulator's jumps: one of four sigma and more in a month and market, or less."""

DIRT: Final = ("bad", "duplicate", "swap", "stale", "skew")
"""Of a feed that works; the broker's restarts are added."""

SCENARIO: Final = "january-week"
WEEK: Final = 7 * 86_400 * SECOND
RESTART: Final = 5 * MINUTE


def ordinary(
    setup: Setup,
    seed: int,
    markets: Sequence[str] = ("JP", "US", "UK"),
    warm: int = WARM,
    days: int = DAYS,
    rate: float = RATE,
    dirt: Sequence[str] = DIRT,
) -> tuple[list[Routed], list[Label]]:
    """What is told in ordinary weeks after `warm` weekdays, and what happened in them. On each Sunday at 06:30 London
    the broker is restarted and away for five minutes, as a daemon would notice it."""
    tenors = {series.id.rpartition(".")[2] for series in setup.spec.series if not series.legs}
    spec = SimSpec(
        markets=tuple(m for m in markets if m in MODELS),
        tenors=tuple(sorted(tenors)),
        days=days,
        warm=warm,
        seed=seed,
        start=parse_day(START) - 7 * warm // 5,
        rate=rate,
        dirt=tuple(dirt),
    )
    simulation = Simulation(spec)
    watched = set(setup.series())
    labels: list[Label] = []
    pipeline = setup.without_feeds({name: {"simulated"} for name in simulation.series()}).pipeline(
        day_start(spec.start), "simulated"
    )
    told: list[Routed] = []
    since = parse_time(simulation.run.scored_from)
    restarts = [(at, at + RESTART) for at in _sundays(since, parse_time(simulation.run.end))]
    for day in simulation.days():
        labels += day.labels
        ticks = [tick for tick in day.ticks() if tick.series in watched]
        while restarts and ticks and restarts[0][1] < ticks[0].received:
            told += _restarted(pipeline, *restarts.pop(0))
        told += _fed(pipeline, ticks)
    told += pipeline.advance(parse_time(simulation.run.end))
    return [one for one in told if parse_time(one.event.time) >= since], labels


def january(setup: Setup, progress: Callable[[str], None] = lambda said: None) -> list[Routed]:
    """What is told from 16 to 22 January 2026, after eight simulated weeks and what is known of the fixings before."""
    scenario = load_scenario(SCENARIO)
    simulator = Bridges(scenario, calendars(scenario))
    watched = set(setup.series())
    before = [tick for tick in simulator.warmup_ticks() if tick.series in watched]
    days = [tick for tick in simulator.ticks() if tick.series in watched]
    progress(f"{len(before):,} ticks before, {len(days):,} of the week")
    own = setup.without_feeds({name: {"simulated"} for name in watched})
    pipeline = own.pipeline(before[0].time, "simulated")
    fixings = [
        Tick(name, value, at, at, "simulated", FIXING)
        for name, rows in simulator.warmup_daily().items()
        if name in watched
        for at, value in ((simulator.calendars[market_of(name)].fixing_on(day), value) for day, value in rows)
        if at < before[0].time
    ]
    pipeline.engine.warm(sorted(fixings, key=lambda tick: tick.time))
    _fed(pipeline, before)
    pipeline.advance(scenario.starts)
    known = {episode.id for episode in pipeline.episodes.open_episodes()}
    told = _fed(pipeline, days) + pipeline.advance(scenario.ends)
    return [one for one in told if one.event.episode not in known]


def weekly(told: Iterable[Routed], since: int) -> list[Counter[str]]:
    """Messages to each sink, week by week from `since` (ns UTC); what is earlier counts for the first."""
    weeks: list[Counter[str]] = []
    for one in told:
        number = max(0, (parse_time(one.event.time) - since) // WEEK)
        while len(weeks) <= number:
            weeks.append(Counter())
        weeks[number].update(one.sinks)
    return weeks


def moves(labels: Iterable[Label], since: int, least: float = 4.0) -> list[Move]:
    """The true moves of so many sigma and more, from `since` (ns UTC) on."""
    found = (label for label in labels if isinstance(label, Move) and parse_time(label.onset) >= since)
    return [move for move in found if abs(move.k) >= least]


def headlines(told: Iterable[Routed], sink: str) -> Iterator[Event]:
    """What one sink was told."""
    return (one.event for one in told if sink in one.sinks)


def _fed(pipeline: Pipeline, ticks: list[Tick]) -> list[Routed]:
    parts = (pipeline.feed(ticks[begin : begin + BATCH]) for begin in range(0, len(ticks), BATCH))
    return list(chain.from_iterable(parts))


def _sundays(since: int, until: int) -> list[int]:
    """06:30 London of each Sunday."""
    london = ZoneInfo("Europe/London")
    found = []
    for at in range(since, until, 86_400 * SECOND):
        day = datetime.fromtimestamp(at // SECOND, london)
        if day.weekday() == 6:
            found.append(int(day.replace(hour=6, minute=30, second=0).timestamp()) * SECOND)
    return found


def _restarted(pipeline: Pipeline, began: int, over: int) -> list[Routed]:
    """A feed that the daemon lost and found again."""
    told: list[Routed] = []
    for at, phase in ((began, ENTERED), (over, LEFT)):
        told += pipeline.advance(at)
        told += pipeline.apply(
            FeedNote(at, at, "feed-down", "", phase, "feed down", "", "desk", WARN, "desk: the broker is away")
        )
    return told
