"""How a day stands in the series' own history: rank, how often exceeded, largest since, highest since.

Monotone stacks hold, for each question "since when", only the days that can still be an answer: a day is dropped as
soon as a later one is at least as large. Everything is bounded; what a bound would lose is told as more recent, never
as older.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import Any, Final

from stressd.engine.events import Standing
from stressd.engine.maxima import Maxima
from stressd.engine.stacks import Extremes

RANKED: Final = 1250
"""Moves among which a move is ranked: five years of days."""

TAIL: Final = 2.0
"""Past |z| from here on are kept one by one, so that counts beyond a threshold above it are exact."""

TAIL_KEPT: Final = 4096
BIN: Final = 0.05
"""Below TAIL past |z| are counted in bins of this width; a threshold there counts as rounded down to one."""

SOURCES: Final = 8

NOTEWORTHY: Final = 28
"""Days: a level that was last exceeded more recently than this is no new extreme."""


class Levels:
    """Highs and lows of one source's levels. first, last: days of its first and last level."""

    __slots__ = ("first", "highs", "last", "lows")

    def __init__(self, first: int) -> None:
        self.first = first
        self.last = first
        self.highs = Extremes(1)
        self.lows = Extremes(-1)

    def observe(self, day: int, level: float) -> None:
        """Take in a later day's level."""
        self.last = day
        self.highs.observe(day, level)
        self.lows.observe(day, level)

    def since(self, level: float, sign: int) -> tuple[int | None, bool]:
        """(last day that was beyond `level`, or the first of all; whether it is a record). None where it is no news."""
        seen = (self.highs if sign > 0 else self.lows).last_beyond(level)
        record = seen is None
        day = self.first if seen is None else seen
        if self.last - day < NOTEWORTHY:
            return None, False
        return day, record


class Records:
    """The history of one series: its daily moves, whichever source they came from, and its levels by source.

    observe() takes in one day; standing() says how a move and a level stand against what was taken in before.
    """

    __slots__ = (
        "_at",
        "_bins",
        "_falls",
        "_first",
        "_levels",
        "_ring",
        "_rises",
        "_sorted",
        "_tail",
        "_tail_from",
        "_zs",
    )

    def __init__(self) -> None:
        self._ring: list[float] = []
        self._at = 0
        self._sorted: list[float] = []
        self._rises = Extremes(1)
        self._falls = Extremes(-1)
        self._first = 0
        self._zs = 0
        self._tail: list[float] = []
        self._tail_from = TAIL
        self._bins: list[int] = [0] * round(TAIL / BIN)
        self._levels: dict[str, Levels] = {}

    def observe(self, day: int, change_bp: float, z: float, level: float, source: str) -> None:
        """Take in the day's move (bp), its sigma and the level (percent) it led to; nan for one not measured."""
        if self._first == 0:
            self._first = day
        if change_bp == change_bp:
            self._observe_move(day, _tidy(change_bp))
        if z == z:
            self._observe_z(abs(z))
        levels = self._levels.get(source)
        if levels is None:
            if len(self._levels) >= SOURCES:
                del self._levels[min(self._levels, key=self._last_of)]
            levels = Levels(day)
            self._levels[source] = levels
        levels.observe(day, level)

    def shift(self, source: str, offset: float) -> None:
        """The source's levels (percent) are defined anew, and lie `offset` higher from now on: no extreme is due to
        that."""
        levels = self._levels.get(source)
        if levels is not None:
            levels.highs.shift(offset)
            levels.lows.shift(offset)

    def standing(self, change_bp: float, z: float, threshold: float, level: float, source: str) -> Standing:
        """How a move of `change_bp` to `level` stands; `exceeded` counts past days at or beyond `threshold` sigma.

        A rise is ranked among rises and compared with highs, a fall among falls and with lows. `z` has no bearing on
        the counts, which are of the past alone.
        """
        move = _tidy(change_bp)
        sign = -1 if move < 0.0 else 1
        if sign > 0:
            rank = len(self._sorted) - bisect_right(self._sorted, move) + 1
        else:
            rank = bisect_left(self._sorted, move) + 1
        since = (self._rises if sign > 0 else self._falls).last_beyond(move)
        on_record = since is None and len(self._ring) > 0
        if on_record:
            since = self._first
        highest_since: int | None = None
        highest_on_record = False
        levels = self._levels.get(source)
        if levels is not None:
            highest_since, highest_on_record = levels.since(level, sign)
        return Standing(
            threshold, self.exceeded(threshold), self._zs, rank, len(self._ring), since, on_record, highest_since,
            highest_on_record,
        )  # fmt: skip

    def within(self, maxima: Maxima, change_bp: float, threshold: float, level: float, source: str) -> Standing:
        """The same for a move within the day, among the largest of its kind of each session."""
        since, on_record = maxima.last_beyond(change_bp)
        highest_since: int | None = None
        highest_on_record = False
        levels = self._levels.get(source)
        if levels is not None:
            highest_since, highest_on_record = levels.since(level, 1 if change_bp > 0.0 else -1)
        of = maxima.sessions()
        return Standing(
            threshold, maxima.exceeded(threshold), of, maxima.rank(change_bp), of, since if of else None,
            on_record and of > 0, highest_since, highest_on_record, "sessions",
        )  # fmt: skip

    def exceeded(self, threshold: float) -> int:
        """How many past days were at or beyond so many sigma, either way."""
        if threshold >= self._tail_from:
            return len(self._tail) - bisect_left(self._tail, threshold)
        first = max(int(threshold / BIN + 1e-9), 0)
        return len(self._tail) + sum(self._bins[first:])

    def _observe_move(self, day: int, move: float) -> None:
        if len(self._ring) < RANKED:
            self._ring.append(move)
        else:
            old = self._ring[self._at]
            del self._sorted[bisect_left(self._sorted, old)]
            self._ring[self._at] = move
            self._at = (self._at + 1) % RANKED
        insort(self._sorted, move)
        if move >= 0.0:
            self._rises.observe(day, move)
        else:
            self._falls.observe(day, move)

    def _observe_z(self, size: float) -> None:
        self._zs += 1
        if size < self._tail_from:
            self._count(size)
            return
        insort(self._tail, size)
        if len(self._tail) > TAIL_KEPT:
            # Give up the lowest bin's worth of exactness rather than grow.
            self._tail_from = BIN * (int(self._tail[0] / BIN + 1e-9) + 1)
            cut = bisect_left(self._tail, self._tail_from)
            for low in self._tail[:cut]:
                self._count(low)
            del self._tail[:cut]

    def _count(self, size: float) -> None:
        index = int(size / BIN + 1e-9)
        if index >= len(self._bins):
            self._bins.extend([0] * (index + 1 - len(self._bins)))
        self._bins[index] += 1

    def _last_of(self, source: str) -> int:
        return self._levels[source].last

    def state(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "ring": list(self._ring),
            "at": self._at,
            "rises": self._rises.state(),
            "falls": self._falls.state(),
            "first": self._first,
            "zs": self._zs,
            "tail": list(self._tail),
            "tail_from": self._tail_from,
            "bins": list(self._bins),
            "levels": [
                [source, levels.first, levels.last, levels.highs.state(), levels.lows.state()]
                for source, levels in self._levels.items()
            ],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off."""
        self._ring = [float(move) for move in state["ring"]]
        self._at = int(state["at"])
        self._sorted = sorted(self._ring)
        self._rises.load(state["rises"])
        self._falls.load(state["falls"])
        self._first = int(state["first"])
        self._zs = int(state["zs"])
        self._tail = [float(size) for size in state["tail"]]
        self._tail_from = float(state["tail_from"])
        self._bins = [int(count) for count in state["bins"]]
        self._levels = {}
        for source, first, last, highs, lows in state["levels"]:
            levels = Levels(int(first))
            levels.last = int(last)
            levels.highs.load(highs)
            levels.lows.load(lows)
            self._levels[str(source)] = levels


def _tidy(change_bp: float) -> float:
    """Bp to six places: two moves of the same ticks are equal, whatever the level they started from."""
    return round(change_bp, 6)
