"""A second daemon that runs everything and tells nobody, until somebody has it take over.

It has its own connections to the feeds, its own engine, episodes and outbox. Events and episodes have the same ids as
the first daemon's where both saw the same, so what is open here counts as told by the first: each delivery is written
down as the first one's. A takeover turns those of the last minutes into deliveries of its own, marked as possible
repeats, and everything that follows goes out. Whether the first one still tells people cannot be seen from here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog

from stressd.alerts.people.commands import CommandError
from stressd.alerts.words import duration_text
from stressd.config.doors import HeartbeatConfig, ProbeConfig
from stressd.config.load import Loaded
from stressd.engine.events import ONCE, FeedNote
from stressd.engine.spec import WARN
from stressd.market.times import iso
from stressd.runtime import role
from stressd.runtime.build import BuildError, fallbacks, make_sinks
from stressd.runtime.notes import TAKEN_OVER
from stressd.runtime.role import Role
from stressd.sinks.base import Sink
from stressd.store import StoreError

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

SECOND: Final = 1_000_000_000
PATIENCE: Final = 3.0
"""Seconds that the disk gets: less than the command line waits for an answer."""

log = structlog.get_logger()


class Standby:
    """What a daemon is: wanted is `--standby`, which decides where its state directory has never been told. changing:
    held by whoever exchanges sinks, one at a time."""

    def __init__(self, daemon: Daemon, wanted: bool) -> None:
        self._daemon = daemon
        self._wanted = wanted
        self.role: Role | None = None
        self.changing = asyncio.Lock()
        self._unsaved = ""

    @property
    def on(self) -> bool:
        """It tells nobody."""
        return self.role is not None and self.role.standing

    # -- start

    def begin(self) -> None:
        """Before anything is made of the configuration. Raises StoreError."""
        d = self._daemon
        self.role = role.read(d.state)
        if self.role is None and self._wanted:
            self.role = role.fresh(True, time.time_ns())
        d.loaded = self.own(d.loaded)

    def settle(self) -> None:
        """Once the store is open: what waits there is the first daemon's to tell. Raises StoreError, OSError."""
        if self.role is None:
            return
        role.write(self._daemon.state, self.role)
        if self.on:
            waited = self._daemon.store.stand_by().result(timeout=30)
            why = "`stressd takeover` makes it tell people"
            log.warning("standby.begun", since=iso(self.role.since), waited=waited, reason=why)
            if not self._wanted:
                log.warning("standby.kept", reason="it was started without --standby, but its state is a standby's")
        elif self._wanted:
            log.warning("standby.over", since=iso(self.role.since), author=self.role.by)

    # -- what a standby does without

    def own(self, loaded: Loaded) -> Loaded:
        """The configuration with client ids that are not the first daemon's: a broker lets each in only once."""
        if self.role is None:
            return loaded
        name = self.role.name
        feeds = [
            feed.model_copy(update={"client_id": f"{given}-{name}"})
            if (given := getattr(feed, "client_id", None)) is not None
            else feed
            for feed in loaded.feeds
        ]
        return replace(loaded, feeds=feeds)

    def sinks(self, made: dict[str, Sink]) -> dict[str, Sink]:
        return {} if self.on else made

    def heartbeats(self, configs: Sequence[HeartbeatConfig] | None) -> Sequence[HeartbeatConfig]:
        return () if self.on else configs or ()

    def probe(self, config: ProbeConfig | None) -> ProbeConfig | None:
        return None if self.on else config

    # -- takeover

    async def take_over(self, since: int, author: str) -> dict[str, Any]:
        """Tell people from now on, and of what happened in the last `since` ns once more. Raises CommandError."""
        async with self.changing:
            if not self.on and not self._unsaved:
                how = f"since {iso(self.role.since)}" if self.role is not None else "and never was a standby"
                raise CommandError(f"this daemon tells people already, {how}")
            again = await self._begin_to_tell(since, author) if self.on else 0
            assert self.role is not None
            try:
                await asyncio.wait_for(asyncio.to_thread(role.write, self._daemon.state, self.role), PATIENCE)
                self._unsaved = ""
            except (OSError, TimeoutError) as error:
                self._unsaved = str(error) or "the disk is slow"
            if self._unsaved:
                log.error("standby.unsaved", reason=self._unsaved)
            return {
                "done": "taken over",
                "time": iso(self.role.since),
                "author": author,
                "again": again,
                "detail": _said(since, again),
                "warnings": [each for each in (self.trouble(), *self._daemon.reporter.unready()) if each],
            }

    async def _begin_to_tell(self, since: int, author: str) -> int:
        """From the swap on nothing waits for anything before what is new goes out. Returns the events told again."""
        d = self._daemon
        assert self.role is not None
        try:
            sinks = make_sinks(d.loaded, d.registry)
        except BuildError as error:
            raise CommandError(f"it cannot take over: {error}") from None
        now = time.time_ns()
        self.role = Role(False, now, self.role.name, author)
        d.deliverer.admit(sinks, d.loaded.page_url, fallbacks(d.loaded), d.renderer)
        d.outbox.quiet = False
        writing = d.store.take_over(now - since, author)
        log.warning("standby.taken_over", author=author, since=iso(now - since))
        d.pump.say(partial(_note, author=author, since=since))
        await d.deliverer.replace(sinks)
        d.charts.warm(d.deliverer.sinks)
        d.probe.replace(d.loaded.model.probe)
        try:
            await d.heart.replace(d.heart.make(d.loaded.model.heartbeat or ()))
        except BuildError as error:
            log.error("heartbeat.failed", reason=str(error))
        try:
            again = await asyncio.wait_for(asyncio.wrap_future(writing), PATIENCE)
        except (StoreError, TimeoutError) as error:
            self._unsaved = str(error) or d.store.trouble or "the disk is slow"
            return 0
        await d.deliverer.rescan()
        return len({event_id for event_id, _ in again})

    # -- what is told of it

    def trouble(self) -> str:
        """What is wrong with the role, "" for nothing."""
        if not self._unsaved:
            return ""
        return (
            f"the takeover is not on disk ({self._unsaved}): after a restart this is a standby again; take over again"
        )

    def report(self) -> dict[str, Any] | None:
        """For the status; None where it never was a standby."""
        if self.role is None:
            return None
        return {"standing": self.on, "since": iso(self.role.since), "by": self.role.by or None, "name": self.role.name}


def _said(since: int, again: int) -> str:
    if not since:
        return "This daemon tells people from now on."
    many = "no event" if not again else "1 event" if again == 1 else f"{again} events"
    told = f"; {many} of the last {duration_text(since / SECOND)} told again as possible repeats" if since else ""
    return f"This daemon tells people from now on{told}."


def _note(at: int, author: str, since: int) -> FeedNote:
    """What people are told of the change. at: engine time, ns."""
    last = f": what happened in the {duration_text(since / SECOND)} before may come twice" if since else ""
    text = f"The standby has taken over, by {author}{last}; threads begin anew"
    said = FeedNote(at, at, TAKEN_OVER, "", ONCE, "standby took over", "", "", WARN, text)
    said.kind = "self"
    return said
