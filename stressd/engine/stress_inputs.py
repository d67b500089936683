"""What the stress index is made of, series by series: how far they go a day, how far slopes stand from where they were,
how far gauges go together. All are learned from fixing to fixing, and read within the day as if it ended now."""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.breaches import LIVE
from stressd.engine.conformal import PastScores
from stressd.engine.plain import number, plain
from stressd.engine.series import SeriesState
from stressd.engine.usual import clip

KEPT: Final = 1250
"""Sessions among which an input is ranked: five years."""

NEEDED: Final = 20
"""Sessions before an input counts."""

TRUSTED: Final = 250
"""Sessions from which a rank counts in full; before, it is drawn to the middle."""

VOLATILITY_DECAY: Final = math.pow(2.0, -1.0 / 10.0)
"""Per session: a half-life of ten, so that a week of stress is seen and a month of calm is too."""

SPREAD_DECAY: Final = math.pow(2.0, -1.0 / 63.0)
"""Per session, of where a slope or a spread usually stands: half a quarter of a year."""

PAIR_DECAY: Final = math.pow(2.0, -1.0 / 30.0)
"""Per pair of moves."""

HEAVY: Final = "10Y"
"""The tenor that counts twice. With 2Y, 5Y and 30Y beside it the weights are those of the MOVE index, 20 20 40 20."""


def tenor_weight(tenor: str) -> float:
    """What a tenor counts for in its market's volatility."""
    return 2.0 if tenor == HEAVY else 1.0


def moved_live(state: SeriesState) -> bool:
    """Whether the series has ticked since its last fixing, and can be compared with that."""
    return state.fixings.source == LIVE and state.t > state.fixings.time


class DailyMoves:
    """How far one series goes a day: the root of its decayed mean square move from fixing to fixing, in bp. Nothing is
    clipped: a jump is stress."""

    __slots__ = ("_sum", "_weight", "count", "state", "weight")

    def __init__(self, state: SeriesState, weight: float) -> None:
        self.state = state
        self.weight = weight
        self.count = 0
        self._sum = 0.0
        self._weight = 0.0

    def fixed(self) -> None:
        """The series has fixed."""
        move = self.state.fixings.bp
        if move == move:
            self.count += 1
            self._sum = VOLATILITY_DECAY * self._sum + move * move
            self._weight = VOLATILITY_DECAY * self._weight + 1.0

    def sigma(self) -> float:
        """bp a day, nan while too little is known."""
        return math.sqrt(self._sum / self._weight) if self.count >= NEEDED else math.nan

    def sigma_now(self, share: float) -> float:
        """The same with the move since the last fixing, when `share` of the time to the next one has passed."""
        if self.count < NEEDED or not moved_live(self.state):
            return self.sigma()
        move = (self.state.y - self.state.fixings.value) * 100.0
        kept = math.pow(VOLATILITY_DECAY, share)
        # the weight of a whole day is 1, that of `share` of it what decay has made room for
        room = (1.0 - kept) / (1.0 - VOLATILITY_DECAY)
        return math.sqrt((kept * self._sum + move * move) / (kept * self._weight + room))

    def kept(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [self.count, self._sum, self._weight]

    def load(self, kept: list[Any]) -> None:
        """Take up where `kept` left off."""
        self.count, self._sum, self._weight = int(kept[0]), float(kept[1]), float(kept[2])


class Distance:
    """How far a slope, or a spread that is a series of its own (then `short` is None), stands from where it usually
    does, in bp either way. Another source, or a break in the data, moves what is usual along."""

    __slots__ = ("_last", "_mean", "_source", "_weight", "count", "day", "long", "short")

    def __init__(self, long: SeriesState, short: SeriesState | None) -> None:
        self.long = long
        self.short = short
        self.day = 0
        self.count = 0
        self._last = math.nan
        self._mean = 0.0
        self._weight = 0.0
        self._source = ""

    def name(self) -> str:
        """Of its series."""
        return self.long.id if self.short is None else f"{self.short.id}|{self.long.id}"

    def fixed(self, broken: dict[str, bool]) -> None:
        """Its market has fixed. broken: series whose fixing is a break in the data."""
        long, short = self.long.fixings, self.short
        if long.day <= self.day or long.value != long.value:
            return
        level, source = long.value * 100.0, long.source
        moved = self.long.id in broken
        if short is not None:
            if short.fixings.day != long.day:
                return
            level -= short.fixings.value * 100.0
            source = f"{source}|{short.fixings.source}"
            moved = moved or short.id in broken
        if self.count > 0 and (moved or source != self._source):
            self._mean += level - self._last
        else:
            self._weight = SPREAD_DECAY * self._weight + 1.0
            self._mean += (level - self._mean) / self._weight
        self.count += 1
        self.day = long.day
        self._last = level
        self._source = source

    def bp(self) -> float:
        """At the last fixing, nan while too little is known."""
        return abs(self._last - self._mean) if self.count >= NEEDED else math.nan

    def bp_now(self) -> float:
        """As its legs stand now; at the last fixing where they cannot be compared with it."""
        long, short = self.long, self.short
        ready = moved_live(long) if short is None else moved_live(short) or moved_live(long)
        if short is not None:
            ready = ready and long.fixings.source == LIVE and short.fixings.source == LIVE
        if self.count < NEEDED or not ready:
            return self.bp()
        level = long.y if short is None else long.y - short.y
        return abs(level * 100.0 - self._mean)

    def kept(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [self.day, self.count, plain(self._last), self._mean, self._weight, self._source]

    def load(self, kept: list[Any]) -> None:
        """Take up where `kept` left off."""
        self.day, self.count, self._source = int(kept[0]), int(kept[1]), str(kept[5])
        self._last, self._mean, self._weight = number(kept[2]), float(kept[3]), float(kept[4])


class Together:
    """Decayed correlation of two gauges' moves from fixing to fixing, in sigma and clipped at three of it: no one day
    makes it."""

    __slots__ = ("_sxx", "_sxy", "_syy", "_weight", "_weight_sq")

    def __init__(self) -> None:
        self._sxx = 0.0
        self._sxy = 0.0
        self._syy = 0.0
        self._weight = 0.0
        self._weight_sq = 0.0

    def learn(self, one: float, other: float) -> None:
        """Take in a move of each."""
        x, y, d = clip(one), clip(other), PAIR_DECAY
        self._sxx = d * self._sxx + x * x
        self._sxy = d * self._sxy + x * y
        self._syy = d * self._syy + y * y
        self._weight = d * self._weight + 1.0
        self._weight_sq = d * d * self._weight_sq + 1.0

    def correlation(self) -> float:
        """From -1 to 1, nan while too little is known."""
        if self._weight_sq <= 0.0 or self._weight * self._weight / self._weight_sq < NEEDED:
            return math.nan
        size = self._sxx * self._syy
        return self._sxy / math.sqrt(size) if size > 0.0 else math.nan

    def kept(self) -> list[float]:
        """Everything, as plain numbers."""
        return [self._sxx, self._sxy, self._syy, self._weight, self._weight_sq]

    def load(self, kept: list[float]) -> None:
        """Take up where `kept` left off."""
        self._sxx, self._sxy, self._syy, self._weight, self._weight_sq = (float(x) for x in kept)


class Ranked:
    """One input of one market: its value at the last session's fixing, and those of the sessions before. time: of the
    fixing, ns, 0 before the first."""

    __slots__ = ("past", "time", "value")

    def __init__(self) -> None:
        self.past = PastScores(KEPT)
        self.value = math.nan
        self.time = 0

    def close(self, value: float, time: int) -> None:
        """A session has ended with this value; nan: it is not known."""
        if value == value:
            self.value = round(value, 4)
            self.time = time
            self.past.learn(self.value)

    def forget(self) -> None:
        """Nothing that was learned can be compared with what comes."""
        self.past = PastScores(KEPT)
        self.value = math.nan

    def stress(self, value: float) -> float:
        """From 0 to 1: the share of past sessions with a lower value, of equals the half; drawn to the middle while
        there are few. nan before there are enough."""
        n = self.past.n
        if n < NEEDED or value != value:
            return math.nan
        x = round(value, 4)
        reached = self.past.at_least(x)
        beyond = self.past.at_least(math.nextafter(x, math.inf))
        share = 1.0 - 0.5 * float(reached + beyond) / float(n)
        return 0.5 + (share - 0.5) * min(float(n) / float(TRUSTED), 1.0)

    def kept(self) -> list[Any]:
        """Everything, as plain values."""
        return [self.past.state(), plain(self.value), self.time]

    def load(self, kept: list[Any]) -> None:
        """Take up where `kept` left off."""
        self.past.load([float(x) for x in kept[0]])
        self.value, self.time = number(kept[1]), int(kept[2])
