"""Recorded ticks through the live pipeline, on their own time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stressd.alerts.event import Event
from stressd.lab.offline import Setup, drive
from stressd.market.tick import Tick


def replay(setup: Setup, ticks: Sequence[Tick]) -> Iterator[Event]:
    """The events that a daemon would have told on these ticks, which are in order of receipt; origin "replay"."""
    if not ticks:
        return
    carried: dict[str, set[str]] = {}
    for tick in ticks:
        carried.setdefault(tick.series, set()).add(tick.source)
    own = setup.without_feeds(carried)
    yield from drive(own.pipeline(ticks[0].received, "replay"), ticks)
