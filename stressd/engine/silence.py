"""Silence: a series that has not ticked for longer than is usual for it at this time of its market's day, or, where
the rule says how long, for so much open time. Closed hours do not count."""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.clock import after_open_time
from stressd.engine.events import ENTERED, LEFT, Silence
from stressd.engine.pauses import Pauses
from stressd.engine.spec import HOUR, SECOND, SilenceRule
from stressd.market.calendar import Calendar

UNKNOWN: Final = -1
NEVER: Final = -2

WARMING: Final = 1 * HOUR
"""ns of open time: the least silence that is told while too little of the series has been heard to know better."""

WARMING_PAUSES: Final = 4
WARMING_MEANS: Final = 20.0
"""While warming, a silence is also longer than four of the longest pause so far, and than twenty mean ones."""

WAIT: Final = 5 * SECOND
LONGEST_WAIT: Final = 30 * SECOND
"""ns by which a silence may be told later, to see whether it is the whole feed's."""


class SilenceWatch:
    """One silence rule on one series.

    The age of a series is the open time since the engine's clock stood at its last tick, or since `begin` where there
    was none (`since`). A silence is due at the first instant at which the market is open and the age has reached its
    bar. unheard: no tick has come since the engine began to listen to it. told: it has been told (count: so
    often so far); with_feed: the
    series that fell silent with it, where the whole feed did; halt_move: bp, where it is taken for a halt.
    """

    __slots__ = (
        "_calendar", "_deadline", "_last", "count", "halt_move", "least", "market", "pauses", "rule", "series", "since",
        "source", "told", "unheard", "waited", "with_feed",
    )  # fmt: skip

    def __init__(self, rule: SilenceRule, series: str, market: str, calendar: Calendar) -> None:
        self.rule = rule
        self.series = series
        self.market = market
        self._calendar = calendar
        self.pauses: Pauses | None = None
        self.least = rule.after
        if rule.after == 0:
            self.pauses = Pauses(calendar, rule.budget, rule.ceiling)
            self.least = rule.floor
        self.since = 0
        self._last = 0
        self.told = False
        self.halt_move = 0.0
        self.with_feed: tuple[str, ...] = ()
        self.source = ""
        self.waited = 0
        self.unheard = True
        self.count = 0
        self._deadline: int = NEVER

    def begin(self, at: int) -> None:
        """The engine starts to listen: the age of a series never seen counts from here."""
        if self.since == 0:
            self.since = at
            self._deadline = UNKNOWN

    def resume(self, at: int, missed: int = 0) -> None:
        """The engine listens again after a stop: what it could not hear is no silence. missed: ns up to the
        next pass, where all before was heard."""
        if self.told:
            return
        if missed:
            self.since += missed if self.since else 0
            self._deadline = UNKNOWN
        elif at > self.since:
            self.since = at
            self.unheard = True
            self.waited = 0
            self._deadline = UNKNOWN

    def adopt(self, told: bool, with_feed: tuple[str, ...] = (), source: str = "") -> None:
        """Whether this silence stands told, whatever this state says."""
        if told and with_feed:
            self.with_feed = with_feed
            self.source = source
        if told != self.told:
            self.told = told
            self._deadline = NEVER if told else UNKNOWN
            if not told:
                self._clear()

    def tick(self, at: int, time: int) -> Silence | None:
        """A tick came at `at` and was true at `time` (ns). The end of the silence, if one had been told."""
        pauses = self.pauses
        if pauses is not None:
            pauses.count += 1
            last = pauses.last
            # History has older times; a live tick after it, or after a stop, ends no pause that was listened to.
            if at - last > pauses.notable or at >= pauses.until or (at > self.since and last < self.since):
                heard = at <= self.since or last >= self.since
                pauses.take(at, heard and not self.with_feed, self.told)
            else:
                pauses.last = at
        said: Silence | None = None
        if self.told:
            said = self._say(at, time, LEFT)
            self.told = False
            self._clear()
        if at > self.since:
            self.since = at
            self.unheard = False
        self._last = time
        self.waited = 0
        self._deadline = UNKNOWN
        return said

    def release(self, at: int) -> None:
        """The feed that had gone silent with this series ticks again, this series not yet: it is listened to anew."""
        if self.told:
            self.told = False
            self._clear()
            self.since = max(self.since, at)
            self.unheard = True
            self._deadline = UNKNOWN

    def deadline(self) -> int | None:
        """When the silence is due unless a tick comes (ns); None where it has been told or the engine has not begun."""
        if self._deadline == UNKNOWN:
            self._deadline = self._due() + self.waited
        return None if self._deadline == NEVER else self._deadline

    def check_at(self, now: int) -> int:
        """When to ask for the deadline again: not after it, even if ticks come and the bar falls until then."""
        if not self.told:
            soonest = after_open_time(self._calendar, self.since, self.least)
            if soonest > now:
                return soonest
        latest = after_open_time(self._calendar, now, self.least)
        deadline = self.deadline()
        return latest if deadline is None or deadline > latest else deadline

    def wait(self) -> bool:
        """Put the deadline off a little, if that may still be."""
        if self.waited >= LONGEST_WAIT:
            return False
        self.waited += WAIT
        self._deadline += WAIT
        return True

    def tell(self, at: int, source: str = "", with_feed: tuple[str, ...] = (), halt_move: float = 0.0) -> Silence:
        """The silence begins to be told, alone, as a halt, or as one of the series of a feed that is silent as a
        whole."""
        self.told = True
        self.count += 1
        self.halt_move = halt_move
        self.source = source
        self.with_feed = with_feed
        self._deadline = NEVER
        return self._say(at, at, ENTERED)

    def warming(self) -> bool:
        """Whether the bar is the cautious one of a series of which too little has been heard."""
        return self.pauses is not None and not self.pauses.knows()

    def usual_gap(self, t: int) -> int:
        """ns of open time that one pause in a thousand exceeds at this time of day; 0 where that is not known."""
        return self.pauses.usual_gap(t) if self.pauses is not None else 0

    def _due(self) -> int:
        pauses = self.pauses
        calendar = self._calendar
        if pauses is None:
            return after_open_time(calendar, self.since, self.rule.after)
        latest = after_open_time(calendar, self.since, self.rule.ceiling)
        if not pauses.knows():
            mean = pauses.heard / pauses.ended if pauses.ended > 0.0 else 0.0
            bar = max(WARMING, WARMING_PAUSES * pauses.longest, int(WARMING_MEANS * mean), self.least)
            return min(after_open_time(calendar, self.since, bar), latest)
        floor = after_open_time(calendar, self.since, self.least)
        return min(max(pauses.when(self.since, pauses.bar, latest), floor), latest)

    def _say(self, at: int, time: int, phase: str) -> Silence:
        rule = self.rule
        age = self._calendar.open_between(self.since, at)
        usual = 0
        pauses = self.pauses
        if phase == ENTERED and pauses is not None and pauses.knows():
            expected = pauses.expected(self.since, at)
            usual = int(age * pauses.usual / expected) if expected > 0.0 else 0
        return Silence(
            at,
            time,
            rule.name,
            self.market,
            phase,
            self.series,
            rule.severity,
            self._last,
            age,
            usual,
            self.warming(),
            self.halt_move != 0.0,
            self.source,
            self.with_feed,
            self.halt_move,
        )

    def _clear(self) -> None:
        self.halt_move = 0.0
        self.with_feed = ()
        self.source = ""
        self.waited = 0

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        pauses = self.pauses.state() if self.pauses is not None else None
        told = [self.told, self.waited, self.halt_move, self.source, list(self.with_feed)]
        return [self.since, self._last, self.unheard, *told, pauses, self.count]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self.since = int(state[0])
        self._last = int(state[1])
        self.unheard = bool(state[2])
        self.told = bool(state[3])
        self.waited = int(state[4])
        self.halt_move = float(state[5])
        self.source = str(state[6])
        self.with_feed = tuple(state[7])
        if self.pauses is not None and state[8] is not None:
            self.pauses.load(state[8])
        self.count = int(state[9])
        self._deadline = NEVER if self.told or self.since == 0 else UNKNOWN


def unseen(silences: list[SilenceWatch], ticked: bool) -> str:
    """Why nothing can be said of how a series answered, "" where it can. ticked: it has, since it was asked."""
    for watch in silences:
        if watch.told:
            return "its trading looks halted" if watch.halt_move != 0.0 else "it is silent"
    return "" if ticked else "no tick came in its open time"
