"""The gap from the last close to the next open: a horizon of its own, judged against gaps of its kind.

No intraday horizon reaches across a close, and no variance passes while the market is shut; what happened in between
shows in one step, which is larger over a weekend or a holiday than over a night.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.moments import Scale
from stressd.engine.spec import MINUTE

OPENING: Final = MINUTE
"""ns from the first tick over which the open is taken, as a median: an opening print alone may be far off."""

PATIENCE: Final = 5 * MINUTE
"""ns after which fewer ticks than that will do."""

TICKS: Final = 3
NEEDED: Final = 20.0
"""Gaps of a kind, in effective number, from which their own scale is used."""

NIGHT: Final = 0
WEEKEND: Final = 1
HOLIDAY: Final = 2

SATURDAY: Final = 5


def kind_of(before: int, day: int) -> int:
    """What lies between the sessions of two days (proleptic ordinals): a night, a weekend, or a holiday."""
    if day == before + 1:
        return NIGHT
    for between in range(before + 1, min(day, before + 15)):
        if (between + 6) % 7 < SATURDAY:
            return HOLIDAY
    return WEEKEND


class Overnight:
    """One series' gaps. close, close_time: where the last session ended (percent, ns; 0 before the first)."""

    __slots__ = ("_all", "_began", "_kind", "_kinds", "_values", "close", "close_time")

    def __init__(self, everything: Scale, half_life: float) -> None:
        self._all = everything
        self._kinds = [Scale(half_life), Scale(half_life), Scale(half_life)]
        self._kind = NIGHT
        self._began = 0
        self._values: list[float] = []
        self.close = math.nan
        self.close_time = 0

    def begin(self, kind: int, t: int) -> None:
        """A session begins at t after a gap of this kind."""
        self._kind = kind
        self._values = []
        self._began = t if self.close_time != 0 and self.close == self.close else 0

    def opening(self) -> bool:
        """Whether the open is being measured."""
        return self._began != 0

    def tick(self, t: int, y: float) -> bool:
        """Take in a tick of the opening. Whether the open is known now."""
        self._values.append(y)
        passed = t - self._began
        return passed >= OPENING and (len(self._values) >= TICKS or passed >= PATIENCE)

    def measure(self) -> float:
        """The open (percent): the median of its ticks. The measuring is over."""
        self._began = 0
        values = sorted(self._values)
        self._values = []
        middle = len(values) // 2
        return values[middle] if len(values) % 2 == 1 else 0.5 * (values[middle - 1] + values[middle])

    def cancel(self) -> None:
        """The close is no longer comparable with what comes."""
        self._began = 0
        self._values = []
        self.close = math.nan

    def shift(self, offset: float) -> None:
        """Every value lies `offset` (percent) higher from now on."""
        self.close += offset
        self._values = [value + offset for value in self._values]

    def scale(self) -> Scale:
        """The scale that a gap of the present kind is judged by: its kind's once that is known, else that of all."""
        own = self._kinds[self._kind]
        return own if own.count() >= NEEDED else self._all

    def known(self) -> bool:
        """Whether enough gaps stand behind it."""
        return self._all.count() >= NEEDED

    def learn(self, move_bp: float, number: int) -> None:
        """Take in the gap of session `number`."""
        self._all.learn(move_bp, number)
        self._kinds[self._kind].learn(move_bp, number)

    def state(self) -> list[Any]:
        """Everything that changes, as plain values; the scale of all gaps is kept by its horizon."""
        close = self.close if self.close == self.close else None
        kinds = [scale.state() for scale in self._kinds]
        return [kinds, self._kind, self._began, list(self._values), close, self.close_time]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        for scale, kept in zip(self._kinds, state[0], strict=True):
            scale.load(kept)
        self._kind, self._began = int(state[1]), int(state[2])
        self._values = [float(value) for value in state[3]]
        self.close = math.nan if state[4] is None else float(state[4])
        self.close_time = int(state[5])
