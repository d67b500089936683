"""Everything that is wrong with the daemon now, as conditions: a look at each of its parts, a few times a second."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from stressd.engine.events import FEED as WHOLE_FEED
from stressd.engine.spec import HIGH
from stressd.runtime import outages
from stressd.runtime.clock import WallClock
from stressd.runtime.notes import CLOCK, CLOCK_FORWARD, LOST, OVERLOAD, SINK, STORE, TEMPLATE, Condition

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

OVERLOAD_FOR: Final = 60_000_000_000
"""ns without folding after which an overload is over."""

LOST_FOR: Final = 3_600.0
"""Seconds without a further loss after which a sink's losses are over."""


def symptoms(daemon: Daemon) -> list[Condition]:
    """All of them, also those that others explain, and those that are not to be told yet. Raises StoreError where
    nothing can be written any more in this process."""
    daemon.store.check()
    daemon.outbox.hurry()
    if daemon.standby.on:
        # what is wrong with this daemon is told once it is the one that tells
        return daemon.pump.conditions.lasting()
    needs = daemon.pump.conditions.upstream = _upstream(daemon)
    found = daemon.feeds.vigil.conditions(needs) + daemon.crew.conditions()
    found += _silent_feeds(daemon) + daemon.legs.conditions()
    folded_at = daemon.mailbox.folded_at
    if folded_at is not None and daemon.clock.now() - folded_at < OVERLOAD_FOR:
        text = "ticks come faster than they can be judged: of the oldest only first, lowest, highest and last are kept"
        found.append(Condition(OVERLOAD, "overload", text, severity=HIGH))
    if (trouble := daemon.store.trouble) is not None:
        # a disk that is nearly full was told already, and said that alerts are still kept: this is news
        found.append(Condition(STORE, "store failing", trouble, severity=HIGH, breaks=("store", "disk")))
    found += daemon.recorder.conditions()
    found += _sinks(daemon)
    found += daemon.probe.conditions()
    for sink, text in daemon.renderer.failing(LOST_FOR):
        found.append(Condition(TEMPLATE, "template failing", text, source=sink))
    if isinstance(daemon.clock, WallClock) and (text := daemon.clock.complaint()):
        rule, what = (CLOCK_FORWARD, "clock set forward") if daemon.clock.set_by > 0 else (CLOCK, "clock set back")
        found.append(Condition(rule, what, text, breaks=("clock",)))
    else:
        found += outages.clock(found, daemon.feeds.vigil.lags(), daemon.feeds.vigil.fed())
    working = {*daemon.feeds.vigil.working(), *(f"sink {name}" for name in daemon.deliverer.working())}
    return found + outages.outages(found, needs, working)


def _upstream(daemon: Daemon) -> Mapping[str, tuple[str, ...]]:
    """What needs what; made anew for another configuration."""
    known = daemon.upstream
    if known is None or known[0] is not daemon.loaded:
        known = daemon.upstream = (daemon.loaded, outages.upstream(daemon.loaded))
    return known[1]


def _silent_feeds(daemon: Daemon) -> list[Condition]:
    """Feeds whose silence a rule has told as an episode of its own: there is no second alert that they are mute."""
    found = {}
    for rule, scope, _ in daemon.pump.pipeline.episodes.silent():
        if scope.startswith(WHOLE_FEED):
            name = scope.removeprefix(WHOLE_FEED)
            found[rule, name] = Condition(
                rule, "feed silent", "", "feed", name, breaks=(f"silence {name}",), elsewhere=True
            )
    return list(found.values())


def _sinks(daemon: Daemon) -> list[Condition]:
    """Sinks that take no messages, with what was lost because of it."""
    found = []
    for sink, text, brewing in daemon.deliverer.troubled():
        breaks = (f"sink {sink}",)
        found.append(Condition(SINK, "sink failing", text, source=sink, severity=HIGH, breaks=breaks, brewing=brewing))
    for sink, (at, text) in list(daemon.losses.items()):
        if time.monotonic() - at < LOST_FOR:
            found.append(Condition(LOST, "delivery lost", text, source=sink, severity=HIGH, needs=(f"sink {sink}",)))
        else:
            del daemon.losses[sink]
    return found
