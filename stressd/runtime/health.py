"""Whether the daemon could miss something, or not tell it: the one truth behind /readyz, status and heartbeats."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stressd.alerts.matching import About
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.alerts.words import duration_text
from stressd.config.doors import HealthConfig
from stressd.engine.events import FEED
from stressd.engine.spec import EngineSpec
from stressd.market.calendar import Calendar
from stressd.runtime.feedwatch import STOPPING
from stressd.runtime.notes import FEED as FEED_DOWN
from stressd.runtime.notes import FLAPPING, LAGGING, REFUSED

if TYPE_CHECKING:
    from stressd.feeds.base import FeedHealth
    from stressd.runtime.daemon import Daemon

SECOND: Final = 1_000_000_000
STUCK_AFTER: Final = 10.0
"""Seconds without a pass of the pump after which it counts as stuck; it passes at least once a second."""

BEFORE_OPEN: Final = 10 * 60 * SECOND
"""A feed that is not connected matters while one of its markets is open, and so long before."""

UNSAVED: Final = 300 * SECOND
"""ns without a saved state after which the disk is doubted: it is saved every minute."""

WELL: Final = ("connected", "stopped")
BLIND_TO: Final = (*(rule for rule in STOPPING if rule not in (FEED_DOWN, REFUSED)), LAGGING, FLAPPING)
"""States by their data that make a feed miss something."""


def stuck(daemon: Daemon) -> str:
    """Why the pump is taken for stuck, "" while it beats."""
    idle = time.monotonic() - daemon.pump.passed
    return f"the pump has not passed for {idle:.0f} s" if idle > STUCK_AFTER else ""


def blind(daemon: Daemon, ready: int) -> bool:
    """Whether nothing at all could be seen or said now. ready: on how many series a rule could speak."""
    feeds = daemon.feeds.feeds.values()
    states = daemon.feeds.vigil.states()
    deaf = bool(feeds) and not any(
        feed.health.state in WELL and (feed.name not in states or states[feed.name].rule not in STOPPING)
        for feed in feeds
    )
    return deaf or not ready


def reasons(daemon: Daemon, ready: int, off: Sequence[Mapping[str, Any]], *, planned: bool = True) -> list[str]:
    """Everything that could make it miss or not tell something, one plain sentence each. ready: on how many series
    a rule could speak; off: rows of detectors; planned: also what a window of maintenance expects of feeds."""
    now, bounds, spec = daemon.clock.now(), daemon.loaded.model.health, daemon.loaded.engine
    found = [stuck(daemon)]
    mute = {scope.removeprefix(FEED) for _, scope, _ in daemon.pump.pipeline.episodes.silent() if FEED in scope}
    expected = not planned and in_maintenance(daemon.loaded.people.maintenance, now)
    states = daemon.feeds.vigil.states()
    for name, feed in () if expected else daemon.feeds.feeds.items():
        state = states.get(name)
        if state is not None and state.rule in BLIND_TO:
            found.append(state.text)
            continue
        found.append(feed_fault(name, feed.health, calendars_of(spec, name), now, daemon.started, bounds, name in mute))
    oldest = daemon.mailbox.oldest()
    if oldest is not None and now - oldest > bounds.lag:
        found.append(f"ticks wait for {duration_text((now - oldest) / SECOND)} until they are judged")
    if not ready:
        found.append("no series can alert yet: every horizon is still warming up")
    found.append(daemon.standby.trouble())
    if daemon.store.trouble is not None:
        found.append(daemon.store.trouble)
    saved = daemon.snapshots.saved_steady
    if saved is not None and time.monotonic() - saved > max(UNSAVED / SECOND, 3.0 * daemon.snapshots.interval):
        found.append(f"the state was last saved {duration_text(time.monotonic() - saved)} ago: is the disk writable?")
    found += sink_faults(daemon.deliverer.report(), bounds.undelivered)
    found += [
        f"rule {row['rule']}: {row['model']} is off on {row['off']} series: {row['reason']}"
        for row in off
        if row["off"]
    ]
    found += [c.text for c in daemon.pump.conditions.lasting() if c.kind == "self" and c.text != daemon.store.trouble]
    return list(dict.fromkeys(reason for reason in found if reason))


def in_maintenance(windows: Sequence[MaintenanceSpec], now: int) -> bool:
    """Whether nobody would be told now that a feed has no connection."""
    down = About(
        kind="feed", market="", rule=FEED_DOWN, severity="high", direction=None, origin="live", episode="", series=()
    )
    return any(each.match.means(down) and each.window_at(now) is not None for each in windows)


def calendars_of(spec: EngineSpec, feed: str) -> list[Calendar]:
    """Of the markets that a feed carries; of all that any feed may carry where it is named for none."""
    markets = {series.market for series in spec.series if feed in series.sources}
    markets = markets or {series.market for series in spec.series if not series.sources and not series.legs}
    return [market.calendar for market in spec.markets if market.name in markets]


def feed_fault(
    name: str,
    health: FeedHealth,
    calendars: Sequence[Calendar],
    now: int,
    started: int,
    bounds: HealthConfig,
    silent: bool = False,
) -> str:
    """What is wrong with a feed, "" for nothing. While all of its markets are closed there is nothing to miss. now,
    started: ns UTC; silent: a silence rule says that nothing comes from it."""
    if health.state not in WELL:
        soon = any(calendar.next_open(now) - now <= BEFORE_OPEN for calendar in calendars) or not calendars
        return (f"feed {name} is {health.state}" + (f": {health.detail}" if health.detail else "")) if soon else ""
    if silent:
        return f"feed {name} is silent"
    if health.state == "stopped" or bounds.silent is None:
        return ""
    last = max(health.last_received, started)
    quiet = max((calendar.open_between(last, now) for calendar in calendars), default=0)
    if quiet <= bounds.silent:
        return ""
    return f"feed {name} is connected, but nothing has come for {duration_text(quiet / SECOND)} of open time"


def sink_faults(rows: Sequence[Mapping[str, Any]], undelivered: int) -> list[str]:
    """Sinks that tell nobody, by `Deliverer.report`. undelivered: ns for which a message may wait."""
    found = []
    for row in rows:
        if row["disabled"]:
            found.append(f"sink {row['name']} is disabled: {row['disabled']}")
        elif row["oldest_age_s"] is not None and row["oldest_age_s"] > undelivered / SECOND:
            why = f": {row['last_error']}" if row["last_error"] else ""
            age = duration_text(row["oldest_age_s"])
            found.append(f"sink {row['name']}: its oldest message has waited for {age}{why}")
    return found
