"""How ordinary a feed's present silence is, by the pauses that its series are known to make."""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.pauses import Pauses
from stressd.engine.series import SeriesState

KNOWN: Final = "known"
LEARNING: Final = "learning"
CLOSED: Final = "closed"


class Hush:
    """Of one moment (ns UTC): it is shown every series, and then says of each feed how it stands.

    A feed has been silent since the newest tick of any of its series whose market is open. That is judged by the
    busiest of them, since what is usual for a rare one says nothing of the others.
    """

    __slots__ = ("_feeds", "_now")

    def __init__(self, now: int) -> None:
        self._now = now
        self._feeds: dict[str, _Feed] = {}

    def see(self, state: SeriesState) -> None:
        for watch in state.silences:
            if watch.pauses is None:
                continue
            feed = self._feeds.setdefault(state.source_name(), _Feed())
            if state.clock.calendar.span_at(self._now).is_open:
                feed.open = True
                feed.since = max(feed.since, watch.since)
                if watch.pauses.knows() and (feed.busiest is None or watch.pauses.rate > feed.busiest.rate):
                    feed.busiest = watch.pauses

    def of(self, name: str) -> dict[str, Any]:
        """p: share of the pauses that are as long as the one now, None where that is not known. habits: why: `known`,
        `learning`, `closed` (all its markets are), or None where no rule watches for silence."""
        feed = self._feeds.get(name)
        if feed is None:
            return {"p": None, "habits": None}
        if not feed.open:
            return {"p": None, "habits": CLOSED}
        if feed.busiest is None:
            return {"p": None, "habits": LEARNING}
        p = feed.busiest.as_long(min(feed.since, self._now), self._now)
        # two figures, so that it does not seem to change all the time
        return {"p": float(f"{p:.2g}"), "habits": KNOWN}


class _Feed:
    """open: the market of one of its series is. since: its newest tick there (ns)."""

    __slots__ = ("busiest", "open", "since")

    def __init__(self) -> None:
        self.busiest: Pauses | None = None
        self.open = False
        self.since = 0
