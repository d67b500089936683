"""Each session's largest moves over one horizon: what a move within the day is ranked among."""

from __future__ import annotations

from array import array
from typing import Any, Final

from stressd.engine.stacks import Extremes

RANKED: Final = 250
"""Sessions that are kept: a year."""


class Maxima:
    """Largest rise, fall (bp) and |z| of each of the last sessions, and since when no session went further."""

    __slots__ = ("_at", "_fallen", "_falls", "_first", "_risen", "_rises", "_sizes")

    def __init__(self) -> None:
        self._rises: array[float] = array("d")
        self._falls: array[float] = array("d")
        self._sizes: array[float] = array("d")
        self._at = 0
        self._first = 0
        self._risen = Extremes(1, 256)
        self._fallen = Extremes(1, 256)

    def observe(self, day: int, rise: float, fall: float, size: float) -> None:
        """Take in a session: its largest rise and fall (bp, both positive) and |z|."""
        if self._first == 0:
            self._first = day
        if len(self._rises) < RANKED:
            self._rises.append(rise)
            self._falls.append(fall)
            self._sizes.append(size)
        else:
            self._rises[self._at] = rise
            self._falls[self._at] = fall
            self._sizes[self._at] = size
            self._at = (self._at + 1) % RANKED
        self._risen.observe(day, rise)
        self._fallen.observe(day, fall)

    def sessions(self) -> int:
        """How many sessions are kept."""
        return len(self._rises)

    def exceeded(self, size: float) -> int:
        """Sessions with a |z| at or beyond `size`."""
        return sum(1 for each in self._sizes if each >= size)

    def rank(self, change_bp: float) -> int:
        """1 where no session of those kept went further the same way."""
        among = self._rises if change_bp > 0.0 else self._falls
        return 1 + sum(1 for each in among if each > abs(change_bp))

    def last_beyond(self, change_bp: float) -> tuple[int, bool]:
        """(day of the last session that went further the same way, False); (first day, True) where there is none. The
        day is 0 before the first session."""
        day = (self._risen if change_bp > 0.0 else self._fallen).last_beyond(abs(change_bp))
        return (self._first, True) if day is None else (day, False)

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        lists = [list(self._rises), list(self._falls), list(self._sizes)]
        return [*lists, self._at, self._first, self._risen.state(), self._fallen.state()]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self._rises = array("d", state[0])
        self._falls = array("d", state[1])
        self._sizes = array("d", state[2])
        self._at, self._first = int(state[3]), int(state[4])
        self._risen.load(state[5])
        self._fallen.load(state[6])
