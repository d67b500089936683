"""The summary of each market's session at its close: when it is due, and which episodes were on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from stressd.alerts.day import Day
from stressd.alerts.digest import day_event
from stressd.alerts.event import DigestItem, Event, Path
from stressd.alerts.ledger import digest_item
from stressd.alerts.spec import EpisodesSpec
from stressd.engine.spec import SEVERITIES
from stressd.market.calendar import Calendar, Session
from stressd.market.series import market_of
from stressd.market.times import SECOND, parse_time

MOST: Final = 20
"""Episodes that are kept of one session, the gravest; the others are counted."""

LATEST: Final = 12 * 3_600 * SECOND
"""ns after its close for which a session is still told of, by a daemon that was down then."""


@dataclass(frozen=True, slots=True)
class DailySpec:
    """markets: whose sessions are summed up. sinks: who is told; nobody for the record and the kept file only. after:
    ns from the close, in which last ticks may come."""

    markets: tuple[str, ...] = ()
    sinks: tuple[str, ...] = ()
    after: int = 60 * SECOND


Look = Callable[[str, Session], tuple[Day, Path | None]]
"""A market's session as the engine knows it, and the path of what moved furthest."""


class Kept(msgspec.Struct, kw_only=True):
    """What is kept of one market. close: of the session that is summed up next (ns UTC). items: by episode; more: how
    many others. last: the date of the session that was summed up last, "" for none."""

    close: int
    items: dict[str, DigestItem] = {}
    more: int = 0
    last: str = ""


class Days:
    """Times ns UTC of the engine's clock."""

    def __init__(self, spec: DailySpec, voice: EpisodesSpec, look: Look | None = None) -> None:
        self.spec = spec
        self.look = look
        self._voice = voice
        self._of: dict[str, Kept] = {}
        self._started = 0

    def start(self, now: int) -> None:
        """The clock stands here: what closes from now on is summed up."""
        self._started = now
        for market in self.spec.markets:
            self._of.setdefault(market, Kept(close=self._next(market, now)))

    def follow(self, event: Event) -> None:
        """What has become of an episode: it belongs to the session of its market, that of a feed to all that it
        carries."""
        if not self._of or event.kind == "self" or event.type == "digest":
            return
        for market in self._concerned(event):
            kept = self._of[market]
            before = kept.items.get(event.episode)
            kept.items[event.episode] = digest_item(event, None, before)
            if len(kept.items) > MOST:
                least = min(kept.items.values(), key=_weight)
                del kept.items[least.episode]
                kept.more += 1

    def next_deadline(self) -> int | None:
        """When a summary is due; None for never."""
        return min(each.close for each in self._of.values()) + self.spec.after if self._of else None

    def take(self, due: int, known: Container[str]) -> list[Event]:
        """The summaries that are due then. known: ids that are taken."""
        told = []
        for market, kept in self._of.items():
            if kept.close + self.spec.after != due:
                continue
            session = self._calendar(market).session_at(kept.close - 1)
            if self.look is not None:
                items = sorted(kept.items.values(), key=_weight, reverse=True)
                day, path = self.look(market, session)
                event = day_event(self._voice, due, day, items, kept.more, known)
                told.append(msgspec.structs.replace(event, path=path))
                kept.last = day.session
            self._begin(market, kept, due)
        return told

    def last(self) -> dict[str, str]:
        """By market the date of the session that was summed up last."""
        return {market: kept.last for market, kept in self._of.items() if kept.last}

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data for JSON."""
        return {market: msgspec.to_builtins(kept) for market, kept in self._of.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a snapshot, whatever the configuration is now: a session that ended while nobody was there is
        still told of if that is not long ago. Raises msgspec.ValidationError on any other data."""
        for market, kept in state.items():
            if market in self._of:
                self._of[market] = before = msgspec.convert(kept, Kept)
                if before.close < self._started - LATEST:
                    self._begin(market, before, self._started)

    def _begin(self, market: str, kept: Kept, now: int) -> None:
        """The next session, with what goes on from the one before."""
        kept.items = {name: item for name, item in kept.items.items() if item.state == "open"}
        kept.more = 0
        kept.close = self._next(market, now)

    def _concerned(self, event: Event) -> list[str]:
        if event.kind == "market":
            return [event.market] if event.market in self._of else []
        named = {market_of(series) for series in event.data.affected} or {event.market}
        return [market for market in self._of if market in named or named == {""}]

    def _calendar(self, market: str) -> Calendar:
        return self._voice.calendars[market]

    def _next(self, market: str, now: int) -> int:
        """The first close of which the summary is due after `now`."""
        calendar, since = self._calendar(market), now - self.spec.after
        close = calendar.next_close(since)
        return close if close > since else calendar.next_close(calendar.next_open(since + 1))


def _weight(item: DigestItem) -> tuple[int, float, int]:
    return SEVERITIES.index(item.severity), abs(item.sigma or 0.0), parse_time(item.time)
