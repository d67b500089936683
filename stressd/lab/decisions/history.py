"""The bundled history: two years of fixings of three markets, then six weeks of ticks with shocks, answers and dirt.

Made by the standard library's generator, whose streams are the same on every machine and in every version, so that
what is decided on it can be compared between releases.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from stressd.market.calendar import Calendar
from stressd.market.sessions import calendar
from stressd.market.tick import FIXING, Tick
from stressd.market.times import parse_day

SOURCE: Final = "history"
MINUTE: Final = 60_000_000_000
SECOND: Final = 1_000_000_000

FIRST: Final = parse_day("2023-12-01")
TICKS_FROM: Final = parse_day("2025-12-01")
END: Final = parse_day("2026-01-24")

TENORS: Final = {"JP": ("2Y", "10Y", "30Y", "40Y"), "US": ("2Y", "10Y", "30Y"), "UK": ("2Y", "10Y", "30Y")}
LEVELS: Final = {"2Y": 0.6, "10Y": 1.6, "30Y": 2.6, "40Y": 2.9}
BASE: Final = {"JP": 0.4, "US": 2.4, "UK": 2.7}
STEP: Final = {"JP": 0.3, "US": 0.5, "UK": 0.48}
"""Basis points in EVERY minutes."""

EVERY: Final = 2

DAILY: Final = {"JP": 2.4, "US": 5.2, "UK": 5.0}
"""Basis points from fixing to fixing."""


class Shock(NamedTuple):
    """A jump of a market: the day (ISO), minutes after its open, basis points of the longest tenor, over how many
    minutes, how much of it goes on to which market after how many minutes of that one's open time, how much is given
    back within two hours."""

    day: str
    market: str
    minute: int
    size: float
    over: int
    to: tuple[tuple[str, int, float], ...] = ()
    back: float = 0.0


SHOCKS: Final = (
    Shock("2025-12-10", "US", 200, -14.0, 2, (("UK", 1, 0.8),), 0.6),
    Shock("2025-12-16", "JP", 90, 9.0, 1, (("US", 3, 0.4), ("UK", 4, 0.4))),
    Shock("2025-12-19", "UK", 240, 16.0, 5),
    Shock("2026-01-06", "JP", 60, 12.0, 3, (("US", 2, 0.4),), 0.9),
    Shock("2026-01-09", "US", 330, 18.0, 1, (("JP", 1, 0.3), ("UK", 1, 0.7))),
    Shock("2026-01-14", "JP", 130, 10.0, 20, (("US", 5, 0.4),)),
    Shock("2026-01-19", "JP", 150, 22.0, 30, (("US", 5, 0.4), ("UK", 2, 0.4))),
    Shock("2026-01-20", "JP", 100, 28.0, 60, (("US", 4, 0.4), ("UK", 3, 0.3)), 0.4),
    Shock("2026-01-22", "UK", 60, -2.0, 1),
)

MUTE: Final = (("US", "2025-12-12", 120, 60), ("JP", "2026-01-08", 30, 45))
"""Market, day, minutes after its open, minutes for which nothing comes of it."""

BAD: Final = 0.002
"""Chance a tick of a repeat, a late tick, a lone outlier, or one in another unit."""


def series() -> list[str]:
    """All series of the history."""
    return [f"{market}.GOV.{tenor}" for market, tenors in TENORS.items() for tenor in tenors]


def calendars() -> dict[str, Calendar]:
    """The markets' own."""
    return {market: calendar(market) for market in TENORS}


def fixings() -> list[Tick]:
    """Two years of days, in order of time; the last values are where the ticks begin."""
    trading, found = calendars(), []
    for market, tenors in TENORS.items():
        draw = random.Random(f"decisions/{market}/fixings")
        levels = {tenor: BASE[market] + LEVELS[tenor] for tenor in tenors}
        for day in _days(trading[market], FIRST, TICKS_FROM):
            at = trading[market].fixing_on(day)
            scale = DAILY[market] / 100.0 * (3.0 if draw.random() < 0.02 else 1.0)
            shared = draw.gauss(0.0, 0.9)
            for tenor in tenors:
                levels[tenor] += scale * (shared + draw.gauss(0.0, 0.44))
                found.append(Tick(f"{market}.GOV.{tenor}", round(levels[tenor], 3), at, at, SOURCE, FIXING))
    return sorted(found, key=lambda tick: (tick.time, tick.series))


def ticks() -> list[Tick]:
    """Six weeks of ticks in order of receipt."""
    trading = calendars()
    last = {tick.series: tick.value for tick in fixings()}
    pushes = list(_pushes(trading))
    found: list[Tick] = []
    for market, tenors in TENORS.items():
        draw = random.Random(f"decisions/{market}/ticks")
        levels = {tenor: last[f"{market}.GOV.{tenor}"] for tenor in tenors}
        mine = [push for push in pushes if push[0] == market]
        muted = [
            (_opening(trading[market], parse_day(day)) + m * MINUTE, n * MINUTE)
            for who, day, m, n in MUTE
            if who == market
        ]
        for day in _days(trading[market], TICKS_FROM, END):
            session = trading[market].session_at(_opening(trading[market], day))
            minutes = (session.close - session.open) // MINUTE
            for minute in range(0, minutes, EVERY):
                at = session.open + minute * MINUTE
                if not trading[market].span_at(at).is_open:
                    continue
                pushed = EVERY * sum(push for _, begin, end, push in mine if begin <= at < end)
                season = 1.0 + 0.8 * math.cos(2.0 * math.pi * minute / minutes)
                shared = draw.gauss(0.0, 0.9) * season
                silent = any(begin <= at < begin + lasts for begin, lasts in muted)
                for tenor in tenors:
                    own = STEP[market] * (shared + draw.gauss(0.0, 0.44)) + pushed * (0.5 if tenor == "2Y" else 1.0)
                    levels[tenor] += own / 100.0
                    if not silent:
                        name = f"{market}.GOV.{tenor}"
                        when = at + int(draw.random() * EVERY * MINUTE)
                        found += _sent(draw, name, levels[tenor], when)
    return sorted(found, key=lambda tick: (tick.received, tick.series))


def _sent(draw: random.Random, name: str, level: float, when: int) -> Iterator[Tick]:
    """A tick and its confirmation a few seconds later; now and then dirt between them."""
    value = round(level + draw.gauss(0.0, 0.0008), 4)
    yield Tick(name, value, when, when + 20_000_000, SOURCE)
    if draw.random() < BAD:
        at = when + SECOND
        bad = draw.choice((value, value + 0.8, value * 100.0, value))
        late = draw.choice((0, 90 * SECOND))
        yield Tick(name, round(bad, 4), at - late, at, SOURCE)
    after = when + int((2.0 + draw.random() * 6.0) * SECOND)
    yield Tick(name, round(level + draw.gauss(0.0, 0.0008), 4), after, after + 20_000_000, SOURCE)


def _pushes(trading: dict[str, Calendar]) -> Iterator[tuple[str, int, int, float]]:
    """Every shock, answer and retracement as (market, begin, end, basis points a minute)."""
    for shock in SHOCKS:
        begin = _opening(trading[shock.market], parse_day(shock.day)) + shock.minute * MINUTE
        yield shock.market, begin, begin + shock.over * MINUTE, shock.size / shock.over
        if shock.back > 0.0:
            since = begin + (shock.over + 30) * MINUTE
            yield shock.market, since, since + 120 * MINUTE, -shock.back * shock.size / 120.0
        for market, lag, share in shock.to:
            span = trading[market].span_at(begin)
            heard = (begin if span.is_open else trading[market].next_open(begin)) + lag * MINUTE
            yield market, heard, heard + 2 * MINUTE, share * shock.size / 2.0


def _days(trading: Calendar, first: int, last: int) -> Iterator[int]:
    """Its trading days from `first` up to `last`, as ordinals."""
    day = first
    while day < last:
        if trading.session_at(trading.fixing_on(day) - 1).day == day:
            yield day
        day += 1


def _opening(trading: Calendar, day: int) -> int:
    """Of the session of a trading day."""
    return trading.session_at(trading.fixing_on(day) - 1).open
