"""The made-up market of a rule test: ordinary trading to learn from, then the test's own days with the stated moves.

Ticks come every half minute (every minute before the test) of each market's open time. Noise is Gaussian with the
stated sigma a day, half of its variance common to the market's tenors, and drawn from a generator of each series' own:
the same test always gives the same ticks.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final
from zoneinfo import ZoneInfo

from stressd.lab.bridges import sessions_before
from stressd.lab.ruletest.model import Move, RuleTest
from stressd.market.calendar import Calendar, Session
from stressd.market.series import market_of, parse_series
from stressd.market.tick import FIXING, Tick
from stressd.market.times import parse_day

SOURCE: Final = "rule test"
SECOND: Final = 1_000_000_000
GAP: Final = 30 * SECOND
GAP_BEFORE: Final = 60 * SECOND
FIXINGS: Final = 250
"""Sessions of daily fixings before the ticks."""

SLACK: Final = 60 * SECOND
"""The test ends so long after the last close, for what is told at it."""

COMMON: Final = 0.5
DIGITS: Final = 4
"""Of percent: ticks are on a grid of .01bp."""

SIGMA: Final = 4.0


@dataclass(frozen=True, slots=True)
class Ramp:
    """A move in ns UTC and percent; `by` None: no tick from `start` to `end`."""

    start: int
    end: int
    by: float | None

    def at(self, t: int) -> float:
        """How much of it is done."""
        if self.by is None or t < self.start:
            return 0.0
        return self.by if t >= self.end else self.by * (t - self.start) / (self.end - self.start)


class World:
    """Ticks of every series of a test. calendars: by market. starts, ends: of the test, ns UTC; the same instant where
    no market trades on its days."""

    def __init__(self, test: RuleTest, series: Sequence[str], calendars: Mapping[str, Calendar]) -> None:
        self.test = test
        self._calendars = calendars
        self._series = list(series)
        self._day = parse_day(test.day)
        self._levels = {name: self._level(name) for name in series}
        sessions = [session for market in self._markets() for session in self._sessions(market)]
        self.starts = min((session.open for session in sessions), default=0)
        self.ends = max((session.close for session in sessions), default=-SLACK) + SLACK

    def fixings(self) -> list[Tick]:
        """Daily ones before the first tick, oldest first."""
        found = []
        for name in self._series:
            trading = self._calendars[market_of(name)]
            draw = self._draw(f"{name}/fixings")
            level = self._levels[name]
            for day in sessions_before(trading, self._before(market_of(name))[0], FIXINGS):
                at = trading.fixing_on(day)
                found.append(Tick(name, round(level, DIGITS), at, at, SOURCE, FIXING))
                level -= draw.gauss(0.0, self._sigma(name)) / 100.0
        return sorted(found, key=lambda tick: tick.time)

    def ordinary(self) -> list[Tick]:
        """Trading up to the test, which ends at the test's levels."""
        ticks: list[Tick] = []
        for market in self._markets():
            found = (self._session(market, day) for day in self._before(market))
            spans = [(session.open, session.close) for session in found if session is not None]
            for name, walk in self._walks(market, spans, GAP_BEFORE, 1.0, "before").items():
                last = walk[-1][1] if walk else 0.0
                ticks += [self._tick(name, at, self._levels[name] + off - last) for at, off in walk]
        return sorted(ticks, key=_order)

    def ticks(self) -> list[Tick]:
        """The test's own days."""
        ticks: list[Tick] = []
        for market in self._markets():
            spans = [(session.open, session.close) for session in self._sessions(market)]
            for name, walk in self._walks(market, spans, GAP, self.test.noise, "test").items():
                ramps = self.ramps(name)
                for at, off in walk:
                    if not any(ramp.by is None and ramp.start <= at < ramp.end for ramp in ramps):
                        ticks.append(
                            self._tick(name, at, self._levels[name] + off + sum(ramp.at(at) for ramp in ramps))
                        )
        return sorted(ticks, key=_order)

    def ramps(self, name: str) -> list[Ramp]:
        """What the test says of a series."""
        zone = ZoneInfo(self._calendars[market_of(name)].zone)
        found = []
        for glob, moves in self.test.moves.items():
            for move in moves if fnmatchcase(name, glob) else ():
                assert isinstance(move, Move)
                local = datetime.fromisoformat(f"{move.day or self.test.day}T{move.clock}").replace(tzinfo=zone)
                start = int(local.timestamp()) * SECOND
                by = None if move.bp is None else move.bp / 100.0
                found.append(Ramp(start, self.ends if by is None and not move.over else start + move.over, by))
        return found

    # -- time

    def _markets(self) -> list[str]:
        return sorted({market_of(name) for name in self._series})

    def _session(self, market: str, day: int) -> Session | None:
        """The session of this date, None where there is none."""
        trading = self._calendars[market]
        session = trading.session_at(trading.fixing_on(day) - 1)
        return session if session.day == day else None

    def _sessions(self, market: str) -> list[Session]:
        days = range(self._day, self._day + self.test.days)
        return [session for day in days if (session := self._session(market, day)) is not None]

    def _before(self, market: str) -> list[int]:
        return sorted(sessions_before(self._calendars[market], self._day, self.test.before))

    # -- values

    def _walks(
        self, market: str, spans: list[tuple[int, int]], gap: int, share: float, stream: str
    ) -> dict[str, list[tuple[int, float]]]:
        """Per series (time, percent off its level) at every `gap` of open time. share: of ordinary noise."""
        trading = self._calendars[market]
        times = [at for opens, closes in spans for at in range(opens + gap, closes, gap) if trading.span_at(at).is_open]
        steps = len(times) / max(1, len(spans))
        shared = self._draw(f"{market}/{stream}")
        common = [shared.gauss(0.0, 1.0) for _ in times]
        walks = {}
        for name in self._series:
            if market_of(name) != market:
                continue
            own, off, walk = self._draw(f"{name}/{stream}"), 0.0, []
            scale = share * self._sigma(name) / 100.0 / math.sqrt(max(1.0, steps))
            for at, shock in zip(times, common, strict=True):
                off += scale * (math.sqrt(COMMON) * shock + math.sqrt(1.0 - COMMON) * own.gauss(0.0, 1.0))
                walk.append((at, off))
            walks[name] = walk
        return walks

    def _tick(self, name: str, at: int, value: float) -> Tick:
        return Tick(name, round(value, DIGITS), at, at, SOURCE)

    def _level(self, name: str) -> float:
        known = next((level for glob, level in self.test.levels.items() if fnmatchcase(name, glob)), None)
        return known if known is not None else 2.0 + parse_series(name).months / 300.0

    def _sigma(self, name: str) -> float:
        return next((sigma for glob, sigma in self.test.sigma.items() if fnmatchcase(name, glob)), SIGMA)

    def _draw(self, stream: str) -> random.Random:
        return random.Random(f"{self.test.seed}/{stream}")


def _order(tick: Tick) -> tuple[int, str]:
    return (tick.received, tick.series)
