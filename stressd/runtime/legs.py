"""Feeds that stand by for another one and have stopped bringing some series: it would show only when they are needed.

That the first feed of a series has stopped is told by the engine, as a fail-over; that all of a feed has, by its state.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from stressd.alerts.words import duration_text, listing, series_name
from stressd.runtime.notes import PARTLY_MUTE, Condition

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

SECOND: Final = 1_000_000_000
LOOK_EVERY: Final = 10.0
"""Seconds between two looks at the series that several feeds carry."""

NAMED: Final = 4


class Legs:
    """Looks now and then; in between it says what it saw."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._looked = -LOOK_EVERY
        self._found: list[Condition] = []

    def conditions(self) -> list[Condition]:
        """One for each feed that stands by and is silent on some of its series."""
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self._looked = time.monotonic()
            self._found = self._look()
        return self._found

    def _look(self) -> list[Condition]:
        daemon = self._daemon
        silent, now = daemon.loaded.model.health.silent, daemon.clock.now()
        if silent is None:
            return []
        missing: dict[str, list[str]] = {}
        for state in daemon.pump.pipeline.engine.states():
            carriers = state.spec.sources
            if len(carriers) < 2:
                continue
            span = state.clock.calendar.span_at(now)
            since = max(span.start, daemon.started, daemon.loaded_at)
            if not span.is_open or now - since < silent:
                continue
            last = {gate.name: max(gate.raw_time, gate.time) for gate in state.sources.all}
            if now - max(last.values(), default=0) >= silent:
                continue
            for name in carriers[1:]:
                if now - max(last.get(name, 0), since) >= silent:
                    missing.setdefault(name, []).append(state.id)
        return [_condition(name, series, silent) for name, series in missing.items() if name in daemon.feeds.feeds]


def _condition(feed: str, series: list[str], silent: int) -> Condition:
    names = [series_name(each) for each in series[:NAMED]]
    rest = f" and {len(series) - NAMED} more" if len(series) > NAMED else ""
    text = (
        f"feed {feed} has brought nothing for {listing(names)}{rest} for {duration_text(silent / SECOND)} of open "
        "time, while another feed does: it could not stand in"
    )
    step = "first step: see whether the publisher still sends these series, and under these names"
    return Condition(PARTLY_MUTE, "partly mute", text, "feed", feed, step=step, needs=(f"feed {feed}", f"data {feed}"))
