"""The highest or lowest value of a moving window of days, and whether a new one is news."""

from __future__ import annotations

from typing import Any, Final

TOUCH: Final = 1e-9
"""Percent within which two values are the same."""

ENOUGH: Final = 20
"""Days with values after which a window counts as covered, if it is longer than that."""


class WindowExtreme:
    """One side of a window: sign +1 for the highest, -1 for the lowest; days: its length.

    The window is today and so many days before it. An extreme is news once; the next one only after the value has come
    back from it by `rearm` (percent). Nothing is news before the window is covered: by its whole length, or by ENOUGH
    earlier days with a value; a gap longer than the window starts it anew.
    """

    __slots__ = ("_best", "_days", "_first", "_keys", "_last", "_length", "_rearm", "_seen", "_sign", "_told")

    def __init__(self, sign: int, days: int, rearm: float) -> None:
        self._sign = float(sign)
        self._length = days
        self._rearm = rearm
        # Signed daily extremes, oldest first and descending: a day goes when a later one is at least as far out.
        self._days: list[int] = []
        self._keys: list[float] = []
        self._first = 0
        self._last = 0
        self._seen = 0
        self._told = False
        self._best = 0.0

    def update(self, day: int, value: float, fresh: bool) -> tuple[float, int] | None:
        """Take in a value. (the extreme it beat, its day) where that is news; one that is not fresh is never told."""
        key = self._sign * value
        if day > self._last:
            while self._days and self._days[0] < day - self._length:
                del self._days[0], self._keys[0]
            if not self._days:
                self._first = day
                self._seen = 0
            self._last = day
            self._seen += 1
        news: tuple[float, int] | None = None
        if self._told:
            if key > self._best:
                self._best = key
            elif key <= self._best - self._rearm + TOUCH:
                self._told = False
        if self._keys and key > self._keys[0] + TOUCH and not self._told and fresh and self.covered():
            news = (self._sign * self._keys[0], self._days[0])
            self._told = True
            self._best = key
        self._remember(self._last, key)
        return news

    def covered(self) -> bool:
        """Whether there is enough history to speak of the window."""
        return self._seen > ENOUGH or self._last - self._first >= self._length

    def quiet(self) -> tuple[float, float]:
        """Values strictly between these two change nothing, on the same day."""
        out = self._keys[-1] if self._keys else -1e300
        back = self._best - self._rearm + TOUCH if self._told else -1e300
        return (back, out) if self._sign > 0.0 else (-out, -back)

    def shift(self, offset: float) -> None:
        """All that is remembered lies `offset` (percent) higher from now on."""
        moved = self._sign * offset
        self._keys = [key + moved for key in self._keys]
        self._best += moved

    def _remember(self, day: int, key: float) -> None:
        if self._keys and self._days[-1] == day and self._keys[-1] >= key:
            return
        while self._keys and self._keys[-1] <= key:
            self._keys.pop()
            self._days.pop()
        self._keys.append(key)
        self._days.append(day)

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [list(self._days), list(self._keys), self._first, self._last, self._seen, self._told, self._best]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self._days = [int(day) for day in state[0]]
        self._keys = [float(key) for key in state[1]]
        self._first, self._last, self._seen = int(state[2]), int(state[3]), int(state[4])
        self._told = bool(state[5])
        self._best = float(state[6])
