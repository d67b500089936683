"""What is known to come: policy meetings, auctions and data releases, and by how much they widen a market's bars.

Nothing here is state: what is in force follows from the configuration and the time asked about. A market's present
stretch is at hand, so that asking costs two comparisons; only at its ends is the calendar looked through.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

NEVER: Final = (1 << 62) - 1
"""No larger: the compiled engine compares longer integers slowly."""
_SECOND: Final = 1_000_000_000
_LOOK_AHEAD: Final = 12 * 366
"""Days after which a recurrence that has not come is taken to have ended: the 29th of February comes within eight
years."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Days of a local calendar at one time of day; empty and 0 mean any.

    zone: IANA name. minute: after local midnight. weekdays: 0 is Monday. nth: which of its weekday in the month, -1 the
    last. day: of the month, -1 the last. months: 1 to 12.
    """

    zone: str
    minute: int
    weekdays: tuple[int, ...] = ()
    nth: int = 0
    day: int = 0
    months: tuple[int, ...] = ()

    def holds(self, ordinal: int) -> bool:
        """Whether it takes place on the local date with this proleptic ordinal."""
        date = datetime.fromordinal(ordinal)
        if self.months and date.month not in self.months:
            return False
        if self.weekdays and date.weekday() not in self.weekdays:
            return False
        if self.nth > 0 and (date.day + 6) // 7 != self.nth:
            return False
        if self.nth < 0 and datetime.fromordinal(ordinal + 7).month == date.month:
            return False
        if self.day > 0 and date.day != self.day:
            return False
        return not (self.day < 0 and datetime.fromordinal(ordinal + 1).month == date.month)

    def next_at(self, t: int) -> int:
        """The first instant (ns UTC) at or after t at which it takes place; NEVER where there is none."""
        zone = ZoneInfo(self.zone)
        first = datetime.fromtimestamp(t // _SECOND, UTC).astimezone(zone).toordinal()
        for ordinal in range(first, first + _LOOK_AHEAD):
            if self.holds(ordinal):
                day = datetime.fromordinal(ordinal).replace(hour=self.minute // 60, minute=self.minute % 60)
                at = int(day.replace(tzinfo=zone).timestamp()) * _SECOND
                if at >= t:
                    return at
        return NEVER


@dataclass(frozen=True, slots=True)
class AgendaItem:
    """One scheduled event and its window: from `before` until `after` (ns) around each time it takes place.

    markets: whose bars it widens. at: single instants (ns UTC), ascending. again: when it recurs. widen: factor on all
    bars but the critical one.
    """

    name: str
    markets: tuple[str, ...]
    before: int
    after: int
    widen: float
    at: tuple[int, ...] = ()
    again: tuple[Recurrence, ...] = ()


class Window:
    """One window of an item. at: when it takes place; start <= t < end: when it is in force (all ns UTC)."""

    __slots__ = ("at", "end", "name", "start", "widen")

    def __init__(self, name: str, at: int, start: int, end: int, widen: float) -> None:
        self.name = name
        self.at = at
        self.start = start
        self.end = end
        self.widen = widen


def next_at(item: AgendaItem, t: int) -> int:
    """The first instant (ns UTC) at or after t at which an item takes place; NEVER where there is none."""
    k = bisect_left(item.at, t)
    found = item.at[k] if k < len(item.at) else NEVER
    for recurrence in item.again:
        found = min(found, recurrence.next_at(t))
    return found


def window(item: AgendaItem, at: int) -> Window:
    """The window around one time at which an item takes place."""
    return Window(item.name, at, at - item.before, at + item.after, item.widen)


class _Line:
    """One item with its next instant at hand: the first at or after `asked` is `found`."""

    __slots__ = ("asked", "found", "item")

    def __init__(self, item: AgendaItem) -> None:
        self.item = item
        self.asked = 1
        self.found = 0

    def at(self, t: int) -> int:
        """When that takes place whose window holds t, else the next time; NEVER where there is none to come."""
        earliest = t - self.item.after + 1
        if not self.asked <= earliest <= self.found:
            self.found = next_at(self.item, earliest)
            self.asked = earliest
        return self.found


class MarketAgenda:
    """The agenda of one market. factor, name hold for start <= t < end: 1.0 and "" where nothing is on."""

    __slots__ = ("_lines", "end", "factor", "name", "start")

    def __init__(self, items: Sequence[AgendaItem]) -> None:
        self._lines = [_Line(item) for item in items]
        self.start = NEVER
        self.end = -NEVER
        self.factor = 1.0
        self.name = ""
        if not self._lines:
            self.start = -NEVER
            self.end = NEVER

    def factor_at(self, t: int) -> float:
        """By how much bars are widened at t (ns UTC); the largest factor where several items are on."""
        if not self.start <= t < self.end:
            self._look(t)
        return self.factor

    def name_at(self, t: int) -> str:
        """What is on at t, "" where nothing is."""
        if not self.start <= t < self.end:
            self._look(t)
        return self.name

    def windows(self, t: int) -> list[Window]:
        """What is on at t, then the next to come (one)."""
        on: list[Window] = []
        following: Window | None = None
        for line in self._lines:
            item = line.item
            at = line.at(t)
            while at - item.before <= t:
                on.append(window(item, at))
                at = next_at(item, at + 1)
            if at != NEVER and (following is None or at - item.before < following.start):
                following = window(item, at)
        return on if following is None else [*on, following]

    def _look(self, t: int) -> None:
        """Find the stretch that holds t, as far as it goes forward."""
        factor = 1.0
        end = NEVER
        names: list[str] = []
        for line in self._lines:
            item = line.item
            at = line.at(t)
            if at - item.before <= t:
                factor = max(factor, item.widen)
                if item.name not in names:
                    names.append(item.name)
                end = min(end, at + item.after)
            else:
                end = min(end, at - item.before)
        # the same stretch asked about a little earlier or later is one stretch
        self.start = t if end != self.end else min(t, self.start)
        self.end = end
        self.factor = factor
        self.name = " and ".join(names)


class Agenda:
    """The agenda of every market; that of a spread between two (`IT-DE`) has the events of both."""

    __slots__ = ("_items", "_markets")

    def __init__(self, items: Sequence[AgendaItem]) -> None:
        self._items = items
        self._markets: dict[str, MarketAgenda] = {}

    def of(self, market: str) -> MarketAgenda:
        """The agenda of one market, an empty one where nothing is scheduled."""
        found = self._markets.get(market)
        if found is None:
            names = [market, *market.split("-")]
            mine = [item for item in self._items if any(name in item.markets for name in names)]
            found = self._markets[market] = MarketAgenda(mine)
        return found

    def factor(self, market: str, t: int) -> float:
        """By how much the market's bars are widened at t (ns UTC)."""
        return self.of(market).factor_at(t)

    def active(self, market: str, t: int) -> str:
        """What is on in the market at t, "" where nothing is."""
        return self.of(market).name_at(t)


def widened(bar: float, factor: float, critical: float) -> float:
    """A bar below critical while an event is on: `factor` times as high, but never above the critical bar (infinite
    where a rule has none). The critical bar itself is never widened."""
    high = bar * factor
    return bar if bar >= critical else high if high < critical else critical
