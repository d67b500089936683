"""A feed that changes its unit: percent becomes basis points or a decimal, and back. That is no move.

Such a value is a hundred times or a hundredth of the last one, which no yield does between two ticks. It is left out as
long as it lasts, and told once when it begins and once when it is over.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.events import ENTERED, LEFT, Event, FeedNote
from stressd.engine.spec import WARN

RULE: Final = "unit-changed"
UNITS: Final = [100.0, 0.01, 10_000.0, 0.0001]
TOLERANCE: Final = 0.05
"""By which the ratio may be off, as the yield has moved on and the other unit may be rounded coarsely."""

LEAST: Final = 0.05
LEAST_STEP: Final = 0.25
"""Percent: of a yield nearer to nothing, or over a smaller step, a ratio says little."""

SURE: Final = 2
"""Values in the other unit, one after the other, before it is told."""


def in_other_unit(y: float, last: float) -> bool:
    """Whether y is `last` (percent) in another unit."""
    if abs(last) < LEAST or abs(y - last) < LEAST_STEP:
        return False
    ratio = y / last
    for unit in UNITS:  # noqa: SIM110, compiled, a generator would not see the constant
        if abs(ratio / unit - 1.0) <= TOLERANCE:
            return True
    return False


class UnitWatch:
    """One series. left_out: values in another unit so far; run: of them in a row, 0 while the unit is right."""

    __slots__ = ("_market", "_series", "_told", "left_out", "run")

    def __init__(self, series: str, market: str) -> None:
        self._series = series
        self._market = market
        self._told = False
        self.left_out = 0
        self.run = 0

    def refuses(self, y: float, last: float, at: int, t: int, source: str, quiet: bool, out: list[Event]) -> bool:
        """Whether y (percent), far from the last value, is that in another unit. quiet: of history nothing is told."""
        if not in_other_unit(y, last):
            return False
        self.left_out += 1
        self.run += 1
        if self.run >= SURE and not self._told and not quiet:
            self._told = True
            text = (
                f"{source or 'the feed'} sends {self._series} in another unit: {y:g} after {last:g}; such values are "
                "left out. If it is to stay so, set its `unit`"
            )
            out.append(self._note(at, t, ENTERED, source, text))
        return True

    def back(self, at: int, t: int, source: str, out: list[Event]) -> None:
        """A value in the right unit."""
        self.run = 0
        if self._told:
            self._told = False
            text = f"{source or 'the feed'} sends {self._series} in its own unit again"
            out.append(self._note(at, t, LEFT, source, text))

    def adopt(self, told: bool) -> None:
        """Whether it stands told, whatever this state says."""
        self._told = told
        self.run = max(self.run, 1) if told else 0

    def _note(self, at: int, t: int, phase: str, source: str, text: str) -> FeedNote:
        return FeedNote(at, t, RULE, self._market, phase, "unit changed", self._series, source, WARN, text)

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [self.left_out, self.run, self._told]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self.left_out, self.run, self._told = int(state[0]), int(state[1]), bool(state[2])
