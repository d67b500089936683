"""When a market trades: open and closed spans, sessions, fixings, and open time between two instants."""

from __future__ import annotations

from typing import Protocol


class Span:
    """A stretch of time, start <= t < end (ns UTC), over which a market is open, or closed for one reason.

    open_before: open time in ns that this calendar counted before `start`, from its own origin; the open time between
    two instants is a difference of two such counts. day: proleptic ordinal of the trading day that the span belongs to
    (an overnight, weekend or holiday span belongs to the next trading day). reason: "open", "lunch", "overnight",
    "weekend", "holiday: <name>", "early close".
    """

    __slots__ = ("day", "end", "is_open", "open_before", "reason", "start")

    def __init__(self, start: int, end: int, is_open: bool, open_before: int, day: int, reason: str) -> None:
        self.start = start
        self.end = end
        self.is_open = is_open
        self.open_before = open_before
        self.day = day
        self.reason = reason


class Session:
    """One trading day. open, close: first open and last close (ns UTC), lunch included; fixing: its fixing time (ns
    UTC); day: proleptic ordinal of its date in the market's zone; early: it closes early."""

    __slots__ = ("close", "day", "early", "fixing", "open")

    def __init__(self, day: int, open: int, close: int, fixing: int, early: bool) -> None:
        self.day = day
        self.open = open
        self.close = close
        self.fixing = fixing
        self.early = early


class Calendar(Protocol):
    """What the engine asks of a market's calendar. All times are ns UTC."""

    name: str
    zone: str

    def span_at(self, t: int) -> Span:
        """The span that holds t."""
        ...

    def open_between(self, a: int, b: int) -> int:
        """Open time in ns between a and b; 0 where b <= a."""
        ...

    def session_at(self, t: int) -> Session:
        """The session that t belongs to: the running one, else the next to open."""
        ...

    def next_open(self, t: int) -> int:
        """The first instant >= t at which the market is open."""
        ...

    def next_close(self, t: int) -> int:
        """The close of `session_at(t)`."""
        ...

    def fixing_on(self, day: int) -> int:
        """The fixing time (ns UTC) on the date with this proleptic ordinal, whether or not the market trades then."""
        ...

    def next_fixing(self, t: int) -> int:
        """The first fixing time of a trading day that is > t."""
        ...
