"""Ticks between a scenario's anchors: Brownian bridges in each market's open time, mostly common to its tenors.

Deterministic: the same scenario, calendars and seed give the same ticks. Each series draws from its own generator, so
that leaving one out changes no other. Everything it makes carries the source "simulated".
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

from stressd.lab.scenario import Scenario, ScenarioMarket
from stressd.market.calendar import Calendar, Span
from stressd.market.tick import Tick

SOURCE: Final = "simulated"

_SECOND: Final = 1_000_000_000
_STEP: Final = 10 * _SECOND
_LEAST_GAP: Final = 50_000_000
_MILLI: Final = 1_000_000


class _OpenTime:
    """A market's open time from `start` to `end`, as one line without gaps: 0 is the first open instant."""

    __slots__ = ("_ends", "_offsets", "_starts", "sessions", "total")

    def __init__(self, calendar: Calendar, start: int, end: int) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._offsets: list[int] = []
        self.total = 0
        days: set[int] = set()
        at = start
        while at < end:
            span: Span = calendar.span_at(at)
            stop = min(span.end, end)
            if span.is_open:
                self._starts.append(at)
                self._ends.append(stop)
                self._offsets.append(self.total)
                self.total += stop - at
                days.add(span.day)
            at = stop
        self.sessions = max(1, len(days))

    def offset(self, t: int) -> int:
        """Open time up to the instant `t`."""
        at = bisect_right(self._starts, t) - 1
        return self._offsets[at] + min(t, self._ends[at]) - self._starts[at] if at >= 0 else 0

    def instant(self, offset: int) -> int:
        """The instant at which so much open time has passed; the later one where the market closed in between."""
        at = bisect_right(self._offsets, offset) - 1
        return self._starts[at] + offset - self._offsets[at]

    def is_open(self, t: int) -> bool:
        at = bisect_right(self._starts, t) - 1
        return at >= 0 and t < self._ends[at]


class Bridges:
    """One run of a scenario. calendars: by the names that the scenario uses."""

    def __init__(self, scenario: Scenario, calendars: Mapping[str, Calendar], seed: int | None = None) -> None:
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.calendars = {market: calendars[spec.calendar] for market, spec in scenario.markets.items()}
        self._all: list[Tick] | None = None
        self._paths: dict[str, tuple[_OpenTime, _Bridge, _Bounds]] = {}

    def ticks(self) -> list[Tick]:
        """The live part, ordered by time: `starts` <= time < `ends`."""
        return [tick for tick in self._drawn() if tick.time >= self.scenario.starts]

    def warmup_ticks(self) -> list[Tick]:
        """From the first anchor up to `starts`, ordered by time."""
        return [tick for tick in self._drawn() if tick.time < self.scenario.starts]

    def level(self, series: str, t: int) -> float:
        """Percent: what the ticks of a series stand around at t, a tick before and after."""
        self._drawn()
        clock, path, bounds = self._paths[series]
        return bounds.within(t, path.at(clock.offset(t)))

    def warmup_daily(self) -> dict[str, list[tuple[int, float]]]:
        """Fixings (ordinal day, percent) by series, ascending: simulated up to the first published one, then those that
        are published before `starts`."""
        out: dict[str, list[tuple[int, float]]] = {}
        for name, market in self.scenario.markets.items():
            out.update(self._fixings(name, market))
        return out

    def _fixings(self, name: str, market: ScenarioMarket) -> dict[str, list[tuple[int, float]]]:
        calendar = self.calendars[name]
        shared = self._random(f"{name}/fixings")
        shocks = [shared.gauss(0.0, 1.0) for _ in range(self.scenario.history)]
        out: dict[str, list[tuple[int, float]]] = {}
        for series, sigma in market.sigma.items():
            own = self._random(f"{series}/fixings")
            known = []
            for time, level, basis in self.scenario.anchors_of(series):
                day = calendar.session_at(time - 1).day
                if basis == "published" and time < self.scenario.starts and calendar.fixing_on(day) == time:
                    known.append((day, level))
            rows = list(known)
            if known:
                days = sessions_before(calendar, known[0][0], self.scenario.history)
                level = known[0][1]
                for day, shock in zip(days, shocks, strict=True):
                    mixed = math.sqrt(market.common) * shock + math.sqrt(1.0 - market.common) * own.gauss(0.0, 1.0)
                    level -= sigma * mixed / 100.0
                    rows.append((day, _rounded(level, market.fixing_grid)))
            out[series] = sorted(rows)
        return out

    def _drawn(self) -> list[Tick]:
        if self._all is None:
            ticks: list[Tick] = []
            for name, market in self.scenario.markets.items():
                ticks += self._market(name, market)
            ticks.sort(key=lambda tick: (tick.time, tick.series))
            self._all = ticks
        return self._all

    def _market(self, name: str, market: ScenarioMarket) -> list[Tick]:
        first = min(self.scenario.anchors_of(series)[0][0] for series in market.sigma)
        clock = _OpenTime(self.calendars[name], min(first, self.scenario.starts), self.scenario.ends)
        if not clock.total:
            return []
        scale = math.sqrt(_STEP * clock.sessions / clock.total)
        steps = clock.total // _STEP + 2
        shared = _walk(self._random(name), steps, scale * math.sqrt(market.common))
        ticks: list[Tick] = []
        for series, sigma in market.sigma.items():
            own = _walk(self._random(f"{series}/path"), steps, scale * math.sqrt(1.0 - market.common))
            noise = [(a + b) * sigma / 100.0 for a, b in zip(shared, own, strict=True)]
            bounds = _Bounds(self.calendars[name], self.scenario.extremes_of(series))
            ticks += self._series(series, market, clock, noise, bounds)
        return ticks

    def _series(
        self, series: str, market: ScenarioMarket, clock: _OpenTime, noise: list[float], bounds: _Bounds
    ) -> list[Tick]:
        anchors = self.scenario.anchors_of(series)
        path = _Bridge([(clock.offset(time), level, not clock.is_open(time - 1)) for time, level, _ in anchors], noise)
        self._paths[series] = clock, path, bounds
        draw = self._random(f"{series}/ticks")
        ticks = []
        offset = 0
        while True:
            offset += max(_LEAST_GAP, int(draw.expovariate(1.0 / market.gap)))
            if offset >= clock.total:
                break
            time = clock.instant(offset) // _MILLI * _MILLI
            side = market.bounce if draw.random() < 0.5 else -market.bounce
            value = _rounded(bounds.within(time, path.at(offset) + side / 100.0), market.grid)
            ticks.append(Tick(series, value, time, time, SOURCE))
        for time, level, _ in anchors:
            # The anchor itself is a tick: what is published stands in the stream as it was published.
            at = time if clock.is_open(time) else time - _MILLI
            if clock.is_open(at):
                ticks.append(Tick(series, level, at, at, SOURCE))
        return ticks

    def _random(self, stream: str) -> random.Random:
        return random.Random(f"{self.scenario.name}/{self.seed}/{stream}")


class _Bounds:
    """The sessions whose high or low is known: what the noise carries beyond it is mirrored back."""

    __slots__ = ("_sessions",)

    def __init__(self, calendar: Calendar, extremes: list[tuple[int, float, bool]]) -> None:
        self._sessions: list[tuple[int, int, float, bool]] = []
        for time, level, high in extremes:
            session = calendar.session_at(time)
            self._sessions.append((session.open, session.close, level, high))

    def within(self, time: int, value: float) -> float:
        for opens, closes, level, high in self._sessions:
            if opens <= time < closes and (value > level if high else value < level):
                value = 2.0 * level - value
        return value


class _Bridge:
    """A level (percent) along open time: straight between the anchors, plus noise that is nought at each of them.

    anchors: (offset, level, opening). An opening anchor says where the market came back after having been closed: the
    way to it from the anchor before is a gap, not a drift.
    """

    __slots__ = ("_at", "_levels", "_noise", "_noise_at", "_opening")

    def __init__(self, anchors: list[tuple[int, float, bool]], noise: list[float]) -> None:
        self._at = [at for at, _, _ in anchors]
        self._levels = [level for _, level, _ in anchors]
        self._opening = [opening for _, _, opening in anchors]
        self._noise = noise
        self._noise_at = [self._walked(at) for at in self._at]

    def at(self, offset: int) -> float:
        i = max(0, bisect_right(self._at, offset) - 1)
        free = self._levels[i] + self._walked(offset) - self._noise_at[i]
        if i + 1 == len(self._at) or offset < self._at[0] or self._opening[i + 1]:
            return free
        share = (offset - self._at[i]) / (self._at[i + 1] - self._at[i])
        drift = self._levels[i + 1] - self._levels[i]
        return free + share * (drift - self._noise_at[i + 1] + self._noise_at[i])

    def _walked(self, offset: int) -> float:
        i, rest = divmod(offset, _STEP)
        return self._noise[i] + (self._noise[i + 1] - self._noise[i]) * (rest / _STEP)


def sessions_before(calendar: Calendar, day: int, count: int) -> list[int]:
    """The `count` trading days before `day` (ordinals), latest first."""
    days: list[int] = []
    while len(days) < count:
        day -= 1
        if calendar.session_at(calendar.fixing_on(day) - 1).day == day:
            days.append(day)
    return days


def _walk(draw: random.Random, steps: int, scale: float) -> list[float]:
    walked = [0.0]
    for _ in range(steps):
        walked.append(walked[-1] + draw.gauss(0.0, scale))
    return walked


def _rounded(percent: float, grid_bp: float) -> float:
    """To the grid, then to the decimal that a publisher would print."""
    return round(round(percent * 100.0 / grid_bp) * grid_bp / 100.0, 6)
