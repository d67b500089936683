"""Sources whose clock is ahead: they stamp a part of their ticks after the receipt. Told once when it begins, once when
it is over; a stray stamp is no clock.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.events import ENTERED, LEFT, Event, FeedNote
from stressd.engine.spec import HOUR, WARN
from stressd.market.tick import Tick

AHEAD_FOR: Final = 6 * HOUR
"""ns without a clock that is ahead after which it counts as right again: a clock that is off now and then is one
condition, not one every few minutes."""

KEPT: Final = 0.98
"""The share of ticks ahead is a mean over about fifty of them."""

BEGINS: Final = 0.15
"""The least share that is a clock."""

FORGOTTEN: Final = 0.001


class Clock:
    """One source. share: of its latest ticks that were stamped ahead. since: when it was last a clock ahead (ns),
    0 where nobody was told."""

    __slots__ = ("share", "since")

    def __init__(self, share: float, since: int) -> None:
        self.share = share
        self.since = since


class Stamps:
    """Every source that has lately stamped a tick ahead of its receipt."""

    __slots__ = ("_clocks",)

    def __init__(self) -> None:
        self._clocks: dict[str, Clock] = {}

    def watches(self, source: str) -> bool:
        """Whether its ticks in time matter too."""
        return source in self._clocks

    def take(self, tick: Tick, at: int, ahead: bool, out: list[Event]) -> None:
        """One tick of a source that is watched or ahead, and what it tells."""
        clock = self._clocks.get(tick.source)
        if clock is None:
            clock = self._clocks[tick.source] = Clock(0.0, 0)
        clock.share = KEPT * clock.share + ((1.0 - KEPT) if ahead else 0.0)
        name = tick.source or "the feed"
        if clock.share >= BEGINS:
            if not clock.since and ahead:
                text = (
                    f"{name} stamps its ticks {(tick.time - tick.received) / 1e9:.1f} s ahead of their receipt; "
                    "receive time is used"
                )
                out.append(
                    FeedNote(at, tick.received, "clock-ahead", "", ENTERED, "clock ahead", "", tick.source, WARN, text)
                )
                clock.since = at
            elif clock.since:
                clock.since = at
        elif clock.since and at - clock.since > AHEAD_FOR:
            text = f"{name} stamps its ticks in time again"
            out.append(FeedNote(at, tick.time, "clock-ahead", "", LEFT, "clock ahead", "", tick.source, WARN, text))
            clock.since = 0
        if not clock.since and clock.share < FORGOTTEN:
            del self._clocks[tick.source]

    def reconcile(self, told: list[str], now: int) -> None:
        """Exactly these sources were told of. now: ns."""
        for source, clock in self._clocks.items():
            if clock.since and source not in told:
                clock.since = 0
        for source in told:
            known = self._clocks.get(source)
            if known is None:
                self._clocks[source] = Clock(BEGINS, now)
            elif not known.since:
                known.since = now

    def state(self) -> dict[str, Any]:
        return {source: [clock.share, clock.since] for source, clock in self._clocks.items()}

    def load(self, state: dict[str, Any]) -> None:
        self._clocks = {source: Clock(float(each[0]), int(each[1])) for source, each in state.items()}
