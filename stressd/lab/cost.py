"""What a configuration's rules cost before they page anyone: alerts and messages a week on the stored history.

Fixings and ticks are measured apart, since the one goes back decades and the other weeks: the fixings say how often a
rule speaks of moves from day to day, the ticks how often over all of its horizons.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from stressd.alerts.desk import Routed
from stressd.config.curves import CurveConfig
from stressd.config.load import Loaded
from stressd.config.rules import AnyRule, DetectorConfig, SigmaConfig, SilenceConfig
from stressd.engine.spec import HORIZONS, EngineSpec, SigmaRule
from stressd.lab.backtest import Daily, daily_only, fixing_ticks
from stressd.lab.offline import SETTLE, Setup, tell
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
    """What a rule opened on the history beside what its budget allowed on it. promised: alerts a week from now on, of
    the same series; band: counts that the budget leaves inside with 95 %; exceeds: there were more."""

    promised: float
    opened: int
    allowed: float
    band: tuple[int, int]
    exceeds: bool


@dataclass(slots=True)
class Cost:
    """weeks: length of the history. rules: episodes a week, each market's over its own history; None where the history
    says nothing of the rule. sinks: messages a week. notes: what was not measured, by rule. budgets: of the rules that
    have one. warming: weeks of ticks that went by before anything could be told, which do not count."""

    weeks: float
    rules: dict[str, float | None] = field(default_factory=dict)
    sinks: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    budgets: dict[str, Against] = field(default_factory=dict)
    warming: float = 0.0


class _Count:
    """Episodes by rule and messages by sink, in each market."""

    __slots__ = ("opened", "sent")

    def __init__(self, loaded: Loaded) -> None:
        self.opened: dict[str, dict[str, int]] = {}
        self.sent: dict[str, dict[str, int]] = {sink.name: {} for sink in loaded.sinks}

    def take(self, told: Iterable[Routed]) -> None:
        for routed in told:
            event = routed.event
            if event.type == "opened":
                _add(self.opened.setdefault(event.rule, {}), event.market)
            for sink in routed.sinks:
                _add(self.sent[sink], event.digest[0].market if event.digest else event.market)

    def clear(self) -> None:
        self.opened.clear()
        self.sent = {sink: {} for sink in self.sent}


class _Spans:
    """How long the history of each series is, in weeks, and of each market, which is its longest."""

    __slots__ = ("markets", "series")

    def __init__(self, spec: EngineSpec, ends: Mapping[str, tuple[float, float]]) -> None:
        """ends: first and last day of each series that has a history. A spread has one where its legs have."""
        self.series: dict[str, float] = {}
        self.markets: dict[str, float] = {}
        for series in spec.series:
            own = [ends[leg] for leg, _ in series.legs if leg in ends] if series.legs else [ends.get(series.id)]
            found = [end for end in own if end is not None]
            if not found or len(found) < len(series.legs):
                continue
            weeks = max(min(last for _, last in found) - max(first for first, _ in found), 1.0) / DAYS_A_WEEK
            self.series[series.id] = weeks
            self.markets[series.market] = max(self.markets.get(series.market, 0.0), weeks)

    def rate(self, counts: Mapping[str, int]) -> float:
        """Counts by market, a week, all markets together."""
        return sum(count / self.markets[market] for market, count in counts.items() if market in self.markets)


def measure(loaded: Loaded, daily: Mapping[str, Daily]) -> Cost | None:
    """Daily fixings through the configured rules and routes. None where there is no history of a configured series."""
    setup = Setup(daily_only(loaded.engine), loaded.instance, loaded.desk, loaded.digest, pace=loaded.pace)
    ticks = fixing_ticks(daily, setup.spec)
    if not ticks:
        return None
    count = _Count(loaded)
    # routes may ask for live events only, which these would have been
    count.take(tell(setup.pipeline(ticks[0].received, "live"), ticks))
    ends = {name: (float(each.rows[0][0]), float(each.rows[-1][0])) for name, each in daily.items() if each.rows}
    spans = _Spans(setup.spec, ends)
    cost = Cost(max(spans.series.values()))
    _settle(cost, loaded, count, spans, FROM_FIXINGS)
    return cost


def measure_ticks(loaded: Loaded, daily: Mapping[str, Daily], ticks: Iterable[Tick]) -> Cost | None:
    """Stored ticks, in order of time, through the configured rules and routes; older fixings warm the engine first, as
    they do in the daemon. None where there is no tick of a configured series."""
    setup = Setup(daily_only(loaded.engine), loaded.instance, loaded.desk, loaded.digest, pace=loaded.pace)
    own = set(setup.series())
    pipeline = None
    count = _Count(loaded)
    ends: dict[str, tuple[float, float]] = {}
    start = begun = last = 0
    for _, given in groupby((tick for tick in ticks if tick.series in own), key=_day):
        batch = [Tick(tick.series, tick.value, tick.time, tick.time, tick.source) for tick in given]
        if pipeline is None:
            start = batch[0].time
            pipeline = setup.pipeline(start, "live")
            pipeline.engine.warm([tick for tick in fixing_ticks(daily, setup.spec) if tick.time < start])
        count.take(pipeline.feed(batch))
        for tick in batch:
            ends[tick.series] = ends.get(tick.series, (tick.time / DAY,))[0], tick.time / DAY
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
    counted = {name: (max(first, begun / DAY), end) for name, (first, end) in ends.items()}
    _settle(cost, loaded, count, _Spans(setup.spec, counted), HORIZONS)
    return cost


def _settle(cost: Cost, loaded: Loaded, count: _Count, spans: _Spans, horizons: Collection[str]) -> None:
    """Turn counts into weekly rates, and say what they are silent of."""
    fixings_only = horizons == FROM_FIXINGS
    rules = {rule.name: rule for rule in loaded.engine.sigma_rules}
    for rule in loaded.rules:
        watched = set(loaded.watched[rule.name])
        without = sorted(watched - set(spans.series))
        cost.rules[rule.name] = None
        if isinstance(rule, SilenceConfig):
            cost.notes[rule.name] = "daily history says nothing of it" if fixings_only else NO_RECEIPT
        elif fixings_only and _within_the_day(rule):
            cost.notes[rule.name] = "daily history says nothing of it"
        elif not watched & set(spans.series):
            cost.notes[rule.name] = "no history of its series is stored"
        elif cost.weeks <= 0.0:
            cost.notes[rule.name] = "the ticks are too few to warm a horizon"
        else:
            opened = count.opened.get(rule.name, {})
            cost.rules[rule.name] = spans.rate(opened)
            notes = ["from fixing to fixing; within the day it is unmeasured" if fixings_only else "over all horizons"]
            notes += [f"no history of {', '.join(without)}"] if without else []
            cost.notes[rule.name] = "; ".join(notes)
            found = _budget(rules.get(rule.name), spans, sum(opened.values()), horizons)
            if found is not None:
                cost.budgets[rule.name] = found
    if cost.weeks > 0.0:
        cost.sinks = {name: spans.rate(sent) for name, sent in count.sent.items()}


def _budget(rule: SigmaRule | None, spans: _Spans, opened: int, horizons: Collection[str]) -> Against | None:
    if rule is None:
        return None
    allowed = promised_by(rule, {name: weeks / WEEKS_A_YEAR for name, weeks in spans.series.items()}, horizons)
    a_year = promised_by(rule, dict.fromkeys(spans.series, 1.0), horizons)
    return None if allowed is None or a_year is None else against(opened, allowed, a_year / WEEKS_A_YEAR)


def _within_the_day(rule: AnyRule) -> bool:
    if isinstance(rule, DetectorConfig):
        return rule.input != "1d"
    if isinstance(rule, CurveConfig):
        return rule.tenors is None
    return isinstance(rule, SigmaConfig) and "1d" not in rule.horizons


def against(opened: int, allowed: float, promised: float) -> Against:
    """So many episodes where a budget of `promised` a week allowed `allowed` of them."""
    low, high = band(allowed)
    return Against(promised, opened, allowed, (low, high), opened > high)


def _add(counts: dict[str, int], market: str) -> None:
    counts[market] = counts.get(market, 0) + 1


def _day(tick: Tick) -> int:
    return day_of(tick.time)
