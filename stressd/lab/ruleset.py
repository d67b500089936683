"""One rule set over one history, on the live engine: what it told, and where its bars stood."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Final

from stressd.alerts.event import Event
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.engine.engine import Engine
from stressd.engine.spec import EngineSpec, SigmaRule
from stressd.lab.backtest import Daily, daily_only, fixing_ticks
from stressd.lab.barpath import BarPaths
from stressd.lab.offline import SETTLE, Setup
from stressd.lab.stress import Told
from stressd.market.tick import Tick
from stressd.market.times import day_of, parse_time

Tell = Callable[[Event], None]

DAILY: Final = ("1d",)
"""What fixings alone can say anything of."""

HOW: Final = {
    "opened": "opened",
    "reopened": "opened",
    "escalated": "escalated",
    "widened": "went on",
    "peaked": "went on",
}
"""Events that say something of the day that they come on."""


class Trial:
    """name: of the rule set. daily: fixings, those of spreads too; none in a trial of ticks. ends: by series, first and
    last day with a value. sessions: by market, the days on which its rules could speak. narrowed: a budget that is for
    several horizons was spent on one. engine: as the history left it."""

    __slots__ = ("daily", "ends", "engine", "events", "name", "narrowed", "observations", "paths", "sessions", "setup")

    def __init__(self, name: str, setup: Setup, engine: Engine) -> None:
        self.name = name
        self.setup = setup
        self.engine = engine
        self.narrowed = False
        self.events: list[Event] = []
        self.paths = BarPaths()
        self.daily: dict[str, Daily] = {}
        self.ends: dict[str, tuple[float, float]] = {}
        self.observations: dict[str, int] = {}
        self.sessions: dict[str, list[int]] = {}

    def told(self) -> dict[str, dict[int, Told]]:
        """By market and day, the gravest that was told of it."""
        out: dict[str, dict[int, Told]] = {}
        order = ("went on", "escalated", "opened")
        for event in self.events:
            how = HOW.get(event.type)
            if how is None or event.kind != "market":
                continue
            day = day_of(parse_time(event.time))
            days = out.setdefault(event.market, {})
            if day not in days or order.index(how) >= order.index(days[day].how):
                days[day] = Told(how, event.severity, event.headline)
        return out

    def opened(self) -> list[Event]:
        """The first event of each episode of a market."""
        return [event for event in self.events if event.type == "opened" and event.kind == "market"]


def from_day_to_day(spec: EngineSpec) -> EngineSpec:
    """The specification for fixings alone; a rule spends its whole budget on the one horizon that they have."""
    rules = tuple(_narrowed(rule) for rule in spec.sigma_rules if DAILY[0] in rule.horizons)
    return replace(daily_only(spec), sigma_rules=rules)


def _narrowed(rule: SigmaRule) -> SigmaRule:
    return replace(rule, horizons=DAILY)


def daily_trial(name: str, setup: Setup, daily: Mapping[str, Daily], tell: Tell) -> Trial | None:
    """Fixings in order of time, each round judged by the bars that are noted just before it. None where the rule set
    watches none of them."""
    narrowed = any(rule.budget is not None and rule.horizons != DAILY for rule in setup.spec.sigma_rules)
    setup = Setup(from_day_to_day(setup.spec), setup.instance, setup.desk, setup.config, pace=setup.pace)
    ticks = fixing_ticks(daily, setup.spec)
    if not ticks:
        return None
    pipeline = setup.pipeline(ticks[0].received, "replay")
    trial = Trial(name, setup, pipeline.engine)
    trial.narrowed = narrowed
    markets = {series.id: series.market for series in setup.spec.series}
    trial.daily = with_spreads(daily, setup.spec)
    changes = _changes(trial.daily)
    spread = {series.id: {leg for leg, _ in series.legs} for series in setup.spec.series if series.legs}
    spoken: dict[str, list[int]] = {}
    for at, given in groupby(ticks, key=_received):
        batch = list(given)
        day = day_of(at)
        _keep(trial, pipeline.advance(at - 1), tell)
        here = {tick.series for tick in batch}
        here |= {name for name, legs in spread.items() if legs & here}
        moves = {name: move for name, move in changes.get(day, {}).items() if name in here}
        for market in dict.fromkeys(markets[name] for name in sorted(here)):
            bars = [bar for bar in pipeline.engine.bars(market) if bar.horizon in DAILY]
            trial.paths.sample(day, bars, moves)
            if bars and spoken.get(market, [0])[-1] != day:
                spoken.setdefault(market, []).append(day)
        _keep(trial, pipeline.feed(batch), tell)
    _keep(trial, pipeline.advance(ticks[-1].received + SETTLE), tell)
    for series in setup.series():
        rows = trial.daily[series].rows if series in trial.daily else []
        if rows:
            trial.ends[series] = float(rows[0][0]), float(rows[-1][0])
            trial.observations[series] = len(rows)
    trial.sessions = spoken
    return trial


def with_spreads(daily: Mapping[str, Daily], spec: EngineSpec) -> dict[str, Daily]:
    """The fixings, and those of the series that the engine computes from them, on the days on which all legs have
    one."""
    out = dict(daily)
    for series in spec.series:
        if series.legs and series.id not in out and all(leg in daily for leg, _ in series.legs):
            legs = [(dict(daily[leg].rows), weight) for leg, weight in series.legs]
            days = sorted(set.intersection(*(set(rows) for rows, _ in legs)))
            rows = [(day, sum(weight * values[day] for values, weight in legs)) for day in days]
            out[series.id] = Daily(daily[series.legs[0][0]].source, rows)
    return out


def _changes(daily: Mapping[str, Daily]) -> dict[int, dict[str, float]]:
    """By day and series, the move (bp) since the fixing before."""
    out: dict[int, dict[str, float]] = {}
    for name, each in daily.items():
        for (_, before), (day, value) in pairwise(each.rows):
            out.setdefault(day, {})[name] = (value - before) * 100.0
    return out


def tick_trial(name: str, setup: Setup, ticks: Sequence[Tick], daily: Mapping[str, Daily], tell: Tell) -> Trial | None:
    """Recorded ticks, in order of receipt; the bars are noted once a day. daily: fixings that warm the engine, as far
    as they are older than the ticks. None where the rule set watches none of them."""
    own = set(setup.series())
    ticks = [tick for tick in ticks if tick.series in own]
    if not ticks:
        return None
    carried: dict[str, set[str]] = {}
    for tick in ticks:
        carried.setdefault(tick.series, set()).add(tick.source)
    setup = setup.without_feeds(carried)
    pipeline = setup.pipeline(ticks[0].received, "replay")
    trial = Trial(name, setup, pipeline.engine)
    pipeline.engine.warm([tick for tick in fixing_ticks(daily, setup.spec) if tick.time < ticks[0].received])
    for day, given in groupby(ticks, key=_day):
        _note_bars(trial, pipeline, day)
        _keep(trial, pipeline.feed(list(given)), tell)
    _keep(trial, pipeline.advance(ticks[-1].received + SETTLE), tell)
    for tick in ticks:
        at = _days(tick.received)
        trial.ends[tick.series] = trial.ends.get(tick.series, (at, at))[0], at
        trial.observations[tick.series] = trial.observations.get(tick.series, 0) + 1
    return trial


def _note_bars(trial: Trial, pipeline: Pipeline, day: int) -> None:
    for market in trial.setup.spec.markets:
        bars = pipeline.engine.bars(market.name)
        trial.paths.sample(day, bars)
        if bars:
            trial.sessions.setdefault(market.name, []).append(day)


def _keep(trial: Trial, told: Sequence[Routed], tell: Tell) -> None:
    for routed in told:
        trial.events.append(routed.event)
        tell(routed.event)


def _received(tick: Tick) -> int:
    return tick.received


def _day(tick: Tick) -> int:
    return day_of(tick.received)


def _days(ns: int) -> float:
    """Ordinal day with its fraction."""
    return day_of(0) + ns / 86_400e9
