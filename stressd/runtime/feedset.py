"""The feeds at work: each in a supervised task of its own, started, stopped and exchanged while the rest goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from stressd.feeds.base import Feed, Inbox
from stressd.feeds.offers import Beside, Resumable
from stressd.runtime.mailbox import Mailbox
from stressd.runtime.overlap import Overlap
from stressd.runtime.supervise import Crew
from stressd.runtime.vigil import Vigil

RELIEF: Final = 5.0
"""Seconds that a feed gets to connect before the one that it takes over from ends."""

LOOK_EVERY: Final = 0.02
LINGER: Final = 0.3
"""Seconds for which both are connected then."""

log = structlog.get_logger()


class FeedSet:
    """Runs feeds into one inbox. crashes: by feed. vigil: watches over what they bring."""

    def __init__(
        self,
        inbox: Inbox,
        group: asyncio.TaskGroup,
        crew: Crew | None = None,
        vigil: Vigil | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inbox = inbox
        self._group = group
        self._crew = crew or Crew()
        self._steady = steady
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.vigil = vigil or Vigil(inbox.now)
        self.feeds: dict[str, Feed] = {}
        self.crashes: dict[str, int] = {}

    async def replace(self, feeds: Mapping[str, Feed]) -> None:
        """Run exactly these feeds. One that is the same object as now keeps its connection; one that takes over from
        another of its name connects before that one ends, where both may."""
        gone = [name for name, feed in self.feeds.items() if feeds.get(name) is not feed]
        relieved = [name for name in gone if name in feeds and self._may_overlap(self.feeds[name], feeds[name])]
        await self._stop([name for name in gone if name not in relieved])
        await asyncio.gather(*(self._relieve(name, feeds[name]) for name in relieved))
        order = dict(feeds)
        for name, feed in order.items():
            if name not in self._tasks:
                self._start(name, feed)
        self.feeds = order

    def positions(self) -> dict[str, str]:
        """How far those feeds have been read that can say so."""
        said = {name: feed.position() for name, feed in self.feeds.items() if isinstance(feed, Resumable)}
        return {name: position for name, position in said.items() if position}

    async def stop(self) -> None:
        await self._stop(list(self._tasks))

    def _may_overlap(self, former: Feed, successor: Feed) -> bool:
        both = isinstance(former, Beside) and isinstance(successor, Beside) and former.beside and successor.beside
        return both and former.health.state == "connected" and isinstance(self._inbox, Mailbox)

    async def _relieve(self, name: str, successor: Feed) -> None:
        assert isinstance(self._inbox, Mailbox)
        former, task = self.feeds[name], self._tasks.pop(name)
        door = Overlap(self._inbox)
        try:
            self._start(name, successor, door)
            until = self._steady() + RELIEF
            while successor.health.state != "connected" and self._steady() < until and not self._tasks[name].done():
                await asyncio.sleep(LOOK_EVERY)
            # what was sent to the former alone, before the successor had subscribed, may still be on its way
            await asyncio.sleep(LINGER)
        finally:
            task.cancel()
            await asyncio.wait([task])
            twice = door.release(former)
            self.feeds[name] = successor
        log.info("feed.relieved", feed=name, state=successor.health.state, heard_twice=twice)

    def _start(self, name: str, feed: Feed, inbox: Inbox | None = None) -> None:
        self.vigil.begin(name, feed.health)
        self.crashes.setdefault(name, 0)

        def crashed(error: Exception) -> None:
            self.crashes[name] += 1
            feed.health.state = "waiting"
            feed.health.detail = f"crashed: {type(error).__name__}"

        async def run() -> None:
            await feed.run(inbox or self._inbox)
            log.info("feed.ended", feed=name)

        self._tasks[name] = self._crew.keep(
            f"feed {name}", run, endless=False, crashed=crashed, create=self._group.create_task
        )

    async def _stop(self, names: list[str]) -> None:
        tasks = [self._tasks.pop(name) for name in names]
        for task in tasks:
            task.cancel()
        for name, task in zip(names, tasks, strict=True):
            await asyncio.wait([task])
            self.feeds.pop(name, None)
            self._crew.forget(f"feed {name}")
            self.vigil.end(name)
