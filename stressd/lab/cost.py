"""What a configuration's rules cost before they page anyone: alerts and messages a week on the stored history.

Fixings and ticks are measured apart, since the one goes back decades and the other weeks: the fixings say how often a
rule speaks of moves from day to day, the ticks how often over all of its horizons.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

import msgspec

from stressd.alerts.pipeline import Routed
from stressd.alerts.routing import Router
from stressd.config.load import Loaded
from stressd.config.rules import AnyRule, DetectorConfig, SigmaConfig, SilenceConfig
from stressd.engine.spec import HORIZONS
from stressd.lab.backtest import Daily, daily_only, fixing_ticks
from stressd.lab.offline import SETTLE, Setup, drive
from stressd.lab.poisson import band
from stressd.lab.promise import promised_by
from stressd.market.tick import Tick
from stressd.market.times import DAY, day_of

DAYS_A_WEEK: Final = 7
WEEKS_A_YEAR: Final = 365.25 / 7
FROM_FIXINGS: Final = ("1d",)
NO_RECEIPT: Final = "history keeps no times of receipt"


@dataclass(slots=True)
class Against:
    """A rule's alerts a week beside what its budget promises for what was measured. band: alerts a week that the budget
    leaves inside with 95 %; exceeds: there were more."""

    promised: float
    band: tuple[float, float]
    exceeds: bool


@dataclass(slots=True)
class Cost:
    """weeks: length of the history. rules: episodes opened a week; None where the history says nothing of the rule.
    sinks: messages a week. notes: what was not measured, by rule. budgets: of the rules that have one. warming: weeks
    of ticks that went by before anything could be told, which do not count."""

    weeks: float
    rules: dict[str, float | None] = field(default_factory=dict)
    sinks: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    budgets: dict[str, Against] = field(default_factory=dict)
    warming: float = 0.0


class _Count:
    """Episodes by rule and messages by sink."""

    __slots__ = ("_router", "opened", "sent")

    def __init__(self, loaded: Loaded) -> None:
        self._router = Router(loaded.routes)
        self.opened: dict[str, int] = {}
        self.sent = dict.fromkeys((sink.name for sink in loaded.sinks), 0)

    def take(self, told: Iterable[Routed]) -> None:
        for routed in told:
            event = routed.event
            if event.type == "opened":
                self.opened[event.rule] = self.opened.get(event.rule, 0) + 1
            # routes may ask for live events only, which these would have been
            for sink in self._router.assign(msgspec.structs.replace(event, origin="live")):
                self.sent[sink] += 1

    def clear(self) -> None:
        self.opened.clear()
        self.sent = dict.fromkeys(self.sent, 0)


def measure(loaded: Loaded, daily: Mapping[str, Daily]) -> Cost | None:
    """Daily fixings through the configured rules and routes. None where there is no history of a configured series."""
    setup = Setup(daily_only(loaded.engine), loaded.instance, loaded.routes, loaded.digest)
    ticks = fixing_ticks(daily, setup.spec)
    if not ticks:
        return None
    days = [day for name, each in daily.items() if name in setup.series() for day, _ in each.rows]
    cost = Cost(max(max(days) - min(days), 1) / DAYS_A_WEEK)
    count = _Count(loaded)
    count.take(Routed(event, ()) for event in drive(setup.pipeline(ticks[0].received, "replay"), ticks))
    _settle(cost, loaded, count, {tick.series for tick in ticks}, FROM_FIXINGS)
    return cost


def measure_ticks(loaded: Loaded, daily: Mapping[str, Daily], ticks: Iterable[Tick]) -> Cost | None:
    """Stored ticks, in order of time, through the configured rules and routes; older fixings warm the engine first, as
    they do in the daemon. None where there is no tick of a configured series."""
    setup = Setup(daily_only(loaded.engine), loaded.instance, loaded.routes, loaded.digest)
    own = set(setup.series())
    kept = (tick for tick in ticks if tick.series in own)
    pipeline = None
    covered: set[str] = set()
    count = _Count(loaded)
    start = begun = last = 0
    for _, given in groupby(kept, key=_day):
        batch = [Tick(tick.series, tick.value, tick.time, tick.time, tick.source) for tick in given]
        if pipeline is None:
            start = batch[0].time
            pipeline = setup.pipeline(start, "replay")
            pipeline.engine.warm([tick for tick in fixing_ticks(daily, setup.spec) if tick.time < start])
        count.take(pipeline.feed(batch))
        covered.update(tick.series for tick in batch)
        last = batch[-1].time
        if not begun:
            # what the first sessions tell while their horizons warm one by one is no measure of a usual week
            bars = [bar for market in setup.spec.markets for bar in pipeline.engine.bars(market.name)]
            if any(bar.horizon not in FROM_FIXINGS for bar in bars):
                begun = last
                count.clear()
    if pipeline is None:
        return None
    count.take(pipeline.advance(last + SETTLE))
    weeks = (last - begun) / (DAY * DAYS_A_WEEK) if begun else 0.0
    cost = Cost(weeks, warming=((begun or last) - start) / (DAY * DAYS_A_WEEK))
    _settle(cost, loaded, count, covered, HORIZONS)
    return cost


def _settle(cost: Cost, loaded: Loaded, count: _Count, covered: Collection[str], horizons: Collection[str]) -> None:
    """Turn counts into weekly rates, and say what they are silent of."""
    fixings_only = horizons == FROM_FIXINGS
    watched = {name: set(series) for name, series in loaded.watched.items()}
    rules = {rule.name: rule for rule in loaded.engine.sigma_rules}
    for rule in loaded.rules:
        without = sorted(watched[rule.name] - set(covered))
        cost.rules[rule.name] = None
        if isinstance(rule, SilenceConfig):
            cost.notes[rule.name] = "daily history says nothing of it" if fixings_only else NO_RECEIPT
        elif fixings_only and _within_the_day(rule):
            cost.notes[rule.name] = "daily history says nothing of it"
        elif not watched[rule.name] & set(covered):
            cost.notes[rule.name] = "no history of its series is stored"
        elif cost.weeks <= 0.0:
            cost.notes[rule.name] = "the ticks are too few to warm a horizon"
        else:
            opened = count.opened.get(rule.name, 0)
            cost.rules[rule.name] = opened / cost.weeks
            notes = ["from fixing to fixing; within the day it is unmeasured" if fixings_only else "over all horizons"]
            notes += [f"no history of {', '.join(without)}"] if without else []
            cost.notes[rule.name] = "; ".join(notes)
            spec = rules.get(rule.name)
            promised = None if spec is None else promised_by(spec, covered, horizons)
            if promised is not None:
                cost.budgets[rule.name] = against(opened, cost.weeks, promised / WEEKS_A_YEAR)
    if cost.weeks > 0.0:
        cost.sinks = {name: sent / cost.weeks for name, sent in count.sent.items()}


def _within_the_day(rule: AnyRule) -> bool:
    if isinstance(rule, DetectorConfig):
        return rule.input != "1d"
    return isinstance(rule, SigmaConfig) and "1d" not in rule.horizons


def against(opened: int, weeks: float, promised: float) -> Against:
    """So many episodes in so many weeks, where `promised` a week were promised."""
    low, high = band(promised * weeks)
    return Against(promised, (low / weeks, high / weeks), opened > high)


def _day(tick: Tick) -> int:
    return day_of(tick.time)
