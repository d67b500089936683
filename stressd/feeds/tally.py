"""What a feed could not use: counted always, kept in a ring for people, logged once in a while."""

from __future__ import annotations

from typing import Final, NamedTuple

import structlog

from stressd.config.printable import printable
from stressd.feeds.base import DecodeError, FeedHealth
from stressd.market.tick import BACKLOG, Tick

RING: Final = 50
TOLD: Final = 200
"""Characters of a topic and of a reason that are kept: both are the sender's words."""

NAMES: Final = 32
"""Unknown names that are remembered."""

LONGEST: Final = 80
"""Characters of one."""

LOG_EVERY: Final = 10_000_000_000
"""ns between two log lines about rejects of one feed: an overload is the worst time to write a line a message."""


class Fault(NamedTuple):
    """One value that made no tick. line: its place in the message, from 1. kind: "malformed", "unknown" (series) or
    "dropped" (old, and without its own time). name: the unknown one, as it came."""

    line: int
    kind: str
    text: str
    excerpt: bytes
    name: str = ""


class _Last:
    """The value that a series had last, percent."""

    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        self.value = value


class Tally:
    """Counts the faults of one feed into its health."""

    __slots__ = ("_health", "_last_log", "_log", "_unlogged", "_values")

    def __init__(self, feed: str, health: FeedHealth) -> None:
        self._health = health
        self._log = structlog.get_logger("stressd.feeds").bind(feed=feed)
        self._last_log = -LOG_EVERY
        self._unlogged = 0
        self._values: dict[str, _Last] = {}

    def record(self, faults: list[Fault], received: int, topic: str) -> None:
        """Counts and keeps them. received: ns UTC."""
        health = self._health
        for fault in faults:
            if fault.kind == "malformed":
                health.malformed += 1
            elif fault.kind == "unknown":
                health.unknown_series += 1
                self._name(fault.name)
            else:
                health.dropped += 1
        ring = health.rejects
        topic = printable(topic, TOLD)
        ring.extend([(received, topic, printable(f.text, TOLD), f.excerpt[:200]) for f in faults[-RING:]])
        del ring[:-RING]
        self._unlogged += len(faults)
        if abs(received - self._last_log) >= LOG_EVERY:
            self._last_log = received
            self._log.warning(
                "feed.rejected", topic=topic, reason=ring[-1][2], values=self._unlogged, malformed=health.malformed
            )
            self._unlogged = 0

    def _name(self, name: str) -> None:
        """Of endless names that a sender may invent, those that come often stay."""
        names = self._health.unknown
        shown = printable(name, LONGEST)
        if shown not in names and len(names) >= NAMES:
            rarest = min(names, key=names.__getitem__)
            names[shown] = names.pop(rarest)
        names[shown] = names.get(shown, 0) + 1

    def count(self, ticks: list[Tick], received: int) -> None:
        """The ticks of a message without a fault. received: ns UTC."""
        health = self._health
        health.ticks += len(ticks)
        values = self._values
        newest, flat = health.newest, health.flat
        for tick in ticks:
            if tick.flags & BACKLOG != 0:
                health.backlog += 1
                continue
            time = tick.time
            if time > newest:
                newest = time
            health.lag = received - time
            last = values.get(tick.series)
            if last is None:
                values[tick.series] = _Last(tick.value)
            elif last.value == tick.value:
                flat += 1
                continue
            else:
                last.value = tick.value
            health.changed_at = received
            flat = 0
        health.newest, health.flat = newest, flat

    def settle(self, ticks: list[Tick], faults: list[Fault], received: int, topic: str) -> None:
        """Counts the outcome of one message. Raises DecodeError where nothing of it could be read."""
        self.count(ticks, received)
        if not faults:
            return
        self.record(faults, received, topic)
        if not ticks:
            first = next((f for f in faults if f.kind == "malformed"), None)
            if first is not None:
                raise DecodeError(first.text, first.excerpt)
