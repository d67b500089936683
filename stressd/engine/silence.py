"""Silence: no tick of a series for so much of its market's open time, in which closed hours do not count."""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.clock import after_open_time
from stressd.engine.events import ENTERED, LEFT, Silence
from stressd.engine.spec import SilenceRule
from stressd.market.calendar import Calendar

UNKNOWN: Final = -1
NEVER: Final = -2


class SilenceWatch:
    """One silence rule on one series.

    The age of a series is the open time since the engine's clock stood at its last tick, or since `begin` where there
    was none. A silence is due at the first instant at which the market is open and the age has reached `rule.after`.
    """

    __slots__ = ("_calendar", "_deadline", "_last", "_market", "_series", "_since", "_told", "rule")

    def __init__(self, rule: SilenceRule, series: str, market: str, calendar: Calendar) -> None:
        self.rule = rule
        self._series = series
        self._market = market
        self._calendar = calendar
        self._since = 0
        self._last = 0
        self._told = False
        self._deadline: int = NEVER

    def begin(self, at: int) -> None:
        """The engine starts to listen: the age of a series never seen counts from here."""
        if self._since == 0:
            self._since = at
            self._deadline = UNKNOWN

    def resume(self, at: int) -> None:
        """The engine listens again after a stop: what it could not hear is no silence."""
        if not self._told and at > self._since:
            self._since = at
            self._deadline = UNKNOWN

    def adopt(self, told: bool) -> None:
        """Whether this silence stands told, whatever this state says."""
        if told != self._told:
            self._told = told
            self._deadline = NEVER if told else UNKNOWN

    def tick(self, at: int, time: int) -> Silence | None:
        """A tick came at `at` and was true at `time` (ns). The end of the silence, if one had been told."""
        said: Silence | None = None
        if self._told:
            age = self._calendar.open_between(self._since, at)
            said = self._say(at, time, LEFT, age)
            self._told = False
        # History is taken in with its own, older times: it never makes a series that is listened to look older.
        if at > self._since:
            self._since = at
        self._last = time
        self._deadline = UNKNOWN
        return said

    def deadline(self) -> int | None:
        """When the silence is due unless a tick comes (ns); None where it has been told or the engine has not begun."""
        if self._deadline == UNKNOWN:
            self._deadline = after_open_time(self._calendar, self._since, self.rule.after)
        return None if self._deadline == NEVER else self._deadline

    def due(self, now: int) -> Silence | None:
        """The silence, stamped with its deadline, if that has come; told once."""
        deadline = self.deadline()
        if deadline is None or deadline > now:
            return None
        self._told = True
        self._deadline = NEVER
        return self._say(deadline, deadline, ENTERED, self._calendar.open_between(self._since, deadline))

    def _say(self, at: int, time: int, phase: str, age: int) -> Silence:
        rule = self.rule
        return Silence(at, time, rule.name, self._market, phase, self._series, rule.severity, self._last, age)

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [self._since, self._last, self._told]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self._since = int(state[0])
        self._last = int(state[1])
        self._told = bool(state[2])
        self._deadline = NEVER if self._told or self._since == 0 else UNKNOWN
