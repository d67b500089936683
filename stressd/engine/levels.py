"""Levels: yields crossed, round numbers, new highs and lows. One-shot, re-armed by a distance.

Each source has its own memory: values of two sources or conventions are never compared, and the first value of a source
only says on which side of every level it stands.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.events import LevelHit
from stressd.engine.extremes import TOUCH, WindowExtreme
from stressd.engine.spec import DAY, LevelRule

ABOVE: Final = "above"
BELOW: Final = "below"
ROUND: Final = "round"
HIGHEST: Final = "highest"
LOWEST: Final = "lowest"

LIVE: Final = "live"
SOURCES: Final = 8
FAR: Final = 1e300
_NOTHING: Final[list[LevelHit]] = []


class Side:
    """Where one source's yield stands.

    told: levels that were told and from which the yield has not yet moved away. quiet_low, quiet_high: strictly between
    them, on `day`, nothing can happen.
    """

    __slots__ = ("at", "day", "extremes", "known", "quiet_high", "quiet_low", "told", "value")

    def __init__(self, extremes: list[WindowExtreme]) -> None:
        self.known = False
        self.value = 0.0
        self.at = 0
        self.day = 0
        self.told: dict[tuple[str, float], bool] = {}
        self.extremes = extremes
        self.quiet_low = FAR
        self.quiet_high = -FAR


class LevelWatch:
    """One level rule on one series."""

    __slots__ = ("_last", "_last_source", "_market", "_rearm", "_round", "_series", "_sides", "rule")

    def __init__(self, rule: LevelRule, series: str, market: str) -> None:
        self.rule = rule
        self._series = series
        self._market = market
        self._rearm = rule.rearm_bp * 0.01
        self._round = rule.round_bp * 0.01 if rule.round_bp is not None else 0.0
        self._sides: dict[str, Side] = {}
        self._last_source = ""
        self._last: Side | None = None

    def update(self, at: int, time: int, value: float, source: str, fresh: bool, day: int) -> list[LevelHit]:
        """Take in a value (percent) of one source on a day (ordinal). What it hit; one that is not fresh tells nothing.

        The caller must not change the list.
        """
        side = self._last
        if side is None or source != self._last_source:
            side = self._side(source)
        if side.quiet_low < value < side.quiet_high and day == side.day:
            side.value = value
            side.at = at
            return _NOTHING
        hits = self._look(side, at, time, value, source, fresh, day)
        side.value = value
        side.at = at
        side.day = day
        side.known = True
        self._find_quiet(side)
        return hits

    def rebase(self, offset: float, source: str = LIVE) -> None:
        """The source's values lie `offset` (percent) higher from now on: that is no crossing and no new extreme."""
        side = self._sides.get(source)
        if side is not None:
            side.value += offset
            for extreme in side.extremes:
                extreme.shift(offset)
            self._find_quiet(side)

    def restart(self, source: str = LIVE) -> None:
        """Forget what this source said: its next value only says where it stands."""
        self._sides.pop(source, None)
        self._last = None

    def _side(self, source: str) -> Side:
        side = self._sides.get(source)
        if side is None:
            if len(self._sides) >= SOURCES:
                del self._sides[min(self._sides, key=self._seen_at)]
            side = Side(self._extremes())
            self._sides[source] = side
        self._last = side
        self._last_source = source
        return side

    def _seen_at(self, source: str) -> int:
        return self._sides[source].at

    def _extremes(self) -> list[WindowExtreme]:
        extremes: list[WindowExtreme] = []
        if self.rule.highest_since is not None:
            extremes.append(WindowExtreme(1, max(self.rule.highest_since // DAY, 1), self._rearm))
        if self.rule.lowest_since is not None:
            extremes.append(WindowExtreme(-1, max(self.rule.lowest_since // DAY, 1), self._rearm))
        return extremes

    def _look(self, side: Side, at: int, time: int, value: float, source: str, fresh: bool, day: int) -> list[LevelHit]:
        found: list[tuple[int, str, float, int]] = []
        if side.known:
            before = side.value
            if fresh:
                self._cross(side, before, value, found)
            for key in [key for key in side.told if abs(value - key[1]) >= self._rearm - TOUCH]:
                del side.told[key]
        for extreme in side.extremes:
            news = extreme.update(day, value, fresh)
            if news is not None:
                up = news[0] < value
                found.append((1 if up else -1, HIGHEST if up else LOWEST, news[0], news[1]))
        rule = self.rule
        return [
            LevelHit(
                at, time, rule.name, self._market, direction, self._series, rule.severity, what, level, value,
                side.value if side.known else value, since if since != 0 else None, source,
            )
            for direction, what, level, since in found
        ]  # fmt: skip

    def _cross(self, side: Side, before: float, value: float, found: list[tuple[int, str, float, int]]) -> None:
        """Levels between two values, in the order in which they were passed; a touch is a crossing."""
        if value > before:
            for level in sorted(self.rule.above):
                if before < level - TOUCH and level - TOUCH <= value:
                    self._tell(side, 1, ABOVE, level, found)
            if self._round > 0.0:
                self._cross_round(side, 1, before, value, found)
        elif value < before:
            for level in sorted(self.rule.below, reverse=True):
                if before > level + TOUCH and level + TOUCH >= value:
                    self._tell(side, -1, BELOW, level, found)
            if self._round > 0.0:
                self._cross_round(side, -1, before, value, found)

    def _cross_round(
        self, side: Side, direction: int, before: float, value: float, found: list[tuple[int, str, float, int]]
    ) -> None:
        """The last round number passed, unless it was told just now or lately; those on the way count as told too."""
        step = self._round
        last = math.floor((value + TOUCH) / step) if direction > 0 else math.ceil((value - TOUCH) / step)
        level = round(last * step, 9)
        if (level - before) * direction <= TOUCH:
            return
        key = (ROUND, level)
        if key not in side.told and all(abs(level - other[2]) > TOUCH for other in found):
            found.append((direction, ROUND, level, 0))
        k = last
        while abs(level - value) < self._rearm and (level - before) * direction > TOUCH:
            side.told[(ROUND, level)] = True
            k -= direction
            level = round(k * step, 9)

    def _tell(
        self, side: Side, direction: int, what: str, level: float, found: list[tuple[int, str, float, int]]
    ) -> None:
        if (what, level) not in side.told:
            side.told[(what, level)] = True
            found.append((direction, what, level, 0))

    def _find_quiet(self, side: Side) -> None:
        """The open interval around the value within which it passes no level and no round number, either way, none is
        re-armed and no extreme is new."""
        value = side.value
        marks = [level - TOUCH for level in self.rule.above]
        marks += [level + TOUCH for level in self.rule.below]
        low = -FAR
        high = FAR
        for mark in marks:
            if mark <= value:
                low = max(low, mark)
            if mark >= value:
                high = min(high, mark)
        if self._round > 0.0:
            index = math.floor(value / self._round)
            low = max(low, index * self._round + TOUCH)
            high = min(high, (index + 1) * self._round - TOUCH)
        for _what, level in side.told:
            low = max(low, level - self._rearm + TOUCH)
            high = min(high, level + self._rearm - TOUCH)
        for extreme in side.extremes:
            back, out = extreme.quiet()
            low = max(low, back)
            high = min(high, out)
        side.quiet_low = low
        side.quiet_high = high

    def state(self) -> list[Any]:
        """Everything that changes, as plain values: per source its side, what was told and the extremes."""
        return [
            [
                source, side.known, side.value, side.at, side.day, [[what, level] for what, level in side.told],
                [extreme.state() for extreme in side.extremes],
            ]
            for source, side in self._sides.items()
        ]  # fmt: skip

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off; a window that the rule has only now starts afresh."""
        self._sides = {}
        self._last = None
        for source, known, value, at, day, told, extremes in state:
            side = Side(self._extremes())
            side.known = bool(known)
            side.value = float(value)
            side.at = int(at)
            side.day = int(day)
            side.told = {(str(what), float(level)): True for what, level in told}
            if len(extremes) == len(side.extremes):
                for extreme, kept in zip(side.extremes, extremes, strict=True):
                    extreme.load(kept)
            self._sides[str(source)] = side
            if side.known:
                self._find_quiet(side)
