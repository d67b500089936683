"""The gate: which ticks of a source are new, in order, and believable.

Duplicates are told by the last *raw* tick of the source, not by the last accepted one: a repeated bad tick must not
confirm itself. An outlier waits for a second tick near it; an isolated bad tick therefore changes nothing at all.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.quotes import Quotes
from stressd.engine.ring import SLOT, Ring
from stressd.market.tick import MIDDLE, Tick

CONFIRM_WITHIN: Final = 120_000_000_000
"""ns within which a second tick may confirm an outlier."""

WAITING: Final = 3
"""Outliers that wait for confirmation at a time."""

SHORTEST: Final = 1_000_000_000
LONGEST: Final = 600_000_000_000
REACH: Final = 8.0
"""Sigma of the time passed within which a tick is believed at once."""

FLOOR: Final = 0.01
"""Percent (1 bp): no smaller step is ever doubted."""

PRIOR_STEP: Final = 0.01 / math.sqrt(60.0 * 1e9)
"""Percent per sqrt(ns) while a series has no sigma of its own: 1 bp a minute."""

REMEMBERED: Final = 1_800_000_000_000
"""ns by which a tick may be late and still show when a move of the last hour happened."""

REORDER: Final = 2_000_000_000
"""ns by which a tick may be behind the newest of its series and still count for the past."""


def believed(passed: int, step: float) -> float:
    """The change (percent) that is believed at once after `passed` ns, for a series of `step` percent per sqrt(ns)."""
    if passed < SHORTEST:
        passed = SHORTEST
    elif passed > LONGEST:
        passed = LONGEST
    return REACH * step * math.sqrt(passed) + FLOOR


def doubtful(change: float, passed: int, step: float) -> bool:
    """Whether a change (percent, without sign) is more than is believed; below the floor that needs no root."""
    return change > FLOOR and change > believed(passed, step)


class SourceGate:
    """What the gate remembers of one source of one series.

    value, time: last tick that was in order (percent, ns). offset: its value minus the active source's, a decayed mean
    over `offsets` observations. since: from when it has ticked without a long pause. quarantined, accepted: outliers
    that had to wait, and those of them that another tick confirmed; jumped: when the last of these was first seen.
    reordered: ticks that came a little late. quotes: what is known of its bid and ask, None while it has sent none.
    """

    __slots__ = (
        "accepted", "jumped", "late", "name", "offset", "offsets", "pending", "quarantined", "quotes", "rank",
        "raw_time", "raw_value", "reordered", "since", "time", "value",
    )  # fmt: skip

    def __init__(self, name: str, rank: int) -> None:
        self.name = name
        self.rank = rank
        self.raw_time = 0
        self.raw_value = 0.0
        self.time = 0
        self.value = 0.0
        self.since = 0
        self.pending: list[tuple[int, float]] = []
        self.offset = 0.0
        self.offsets = 0
        self.late = 0
        self.quarantined = 0
        self.accepted = 0
        self.reordered = 0
        self.quotes: Quotes | None = None
        self.jumped = 0

    def repeated(self, t: int, y: float) -> bool:
        """Whether (t, y) is the last raw tick again; it becomes the last raw tick."""
        if t == self.raw_time and y == self.raw_value:
            return True
        self.raw_time = t
        self.raw_value = y
        return False

    def confirmed(self, t: int, y: float, limit: float) -> bool:
        """Whether the outlier (t, y) is confirmed by one that waits; if not, it now waits itself. A few wait side by
        side, so that a bad tick between a jump and its confirmation changes nothing."""
        for time, value in self.pending:
            if t - time < CONFIRM_WITHIN and abs(y - value) <= 0.5 * limit:
                self.pending = []
                self.accepted += 1
                self.jumped = time
                return True
        self.quarantined += 1
        self.pending = [*self.pending[-(WAITING - 1) :], (t, y)]
        return False

    def dirty(self, tick: Tick, last: float, t: int) -> bool:
        """Whether the quote that a tick is the middle or a side of shows that its value is none. last: the last value
        that was believed; t: when the tick was true."""
        if tick.spread != tick.spread:
            return False
        if self.quotes is None:
            self.quotes = Quotes()
        return self.quotes.refuses(tick.spread, tick.flags & MIDDLE != 0, tick.value, last, t)

    def strays(self, t: int, y: float, step: float) -> bool:
        """Whether a tick of this source, which is not active, lies so far from its last one that it waits for another
        one near it; until then it says nothing about the source."""
        if self.time == 0:
            return False
        limit = believed(t - self.time, step)
        if abs(y - self.value) <= limit:
            self.pending = []
            return False
        if t == self.raw_time and y == self.raw_value:
            return True
        self.raw_time = t
        self.raw_value = y
        if not self.confirmed(t, y, limit):
            return True
        self.raw_time = 0
        return False

    def slip_in(self, ring: Ring, t: int, y: float, newest: int, last: float, step: float) -> bool:
        """A tick that is behind the newest one, `last` at `newest`. Whether it is late by so little that it counts as
        in time. It is never judged, but is part of the past, as the last of its five seconds, if it is that and can be
        believed: near the newest tick, or between it and the one before its own time."""
        in_time = newest - t <= REORDER
        if in_time:
            self.reordered += 1
        elif newest - t > REMEMBERED:
            return False
        if abs(y - last) <= believed(newest - t, step):
            ring.put_late(y, t)
        elif not in_time:
            k = ring.find(t // SLOT, 0)
            if k >= 0 and (y - ring.values[k]) * (y - last) <= 0.0:
                ring.put_late(y, t)
        return in_time

    def compare(self, t: int, y: float, active_value: float, pause: int) -> None:
        """Note a tick of a source that is not active: its offset from the active one, and since when it is alive."""
        if self.time == 0 or t - self.time > pause:
            self.since = t
        self.time = t
        self.value = y
        if active_value == active_value:
            change = y - active_value - self.offset
            if self.offsets >= 3:
                # One source may see a jump first: that is no change of the offset.
                change = min(max(change, -FLOOR), FLOOR)
            self.offsets += 1
            self.offset += change / min(self.offsets, 20)

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [
            self.name,
            self.rank,
            self.raw_time,
            self.raw_value,
            self.time,
            self.value,
            self.since,
            [list(row) for row in self.pending],
            self.offset,
            self.offsets,
            self.late,
            [self.quarantined, self.accepted, self.reordered],
            self.quotes.state() if self.quotes is not None else None,
            self.jumped,
        ]


def load_source(state: list[Any]) -> SourceGate:
    """The source gate of `SourceGate.state`."""
    gate = SourceGate(str(state[0]), int(state[1]))
    gate.raw_time = int(state[2])
    gate.raw_value = float(state[3])
    gate.time = int(state[4])
    gate.value = float(state[5])
    gate.since = int(state[6])
    gate.pending = [(int(time), float(value)) for time, value in state[7]]
    gate.offset = float(state[8])
    gate.offsets = int(state[9])
    gate.late = int(state[10])
    gate.quarantined, gate.accepted, gate.reordered = (int(count) for count in state[11])
    if state[12] is not None:
        gate.quotes = Quotes()
        gate.quotes.load(state[12])
    gate.jumped = int(state[13])
    return gate
