"""A recording played through the daemon at a speed that people choose: as it would have come, and nobody is told.

Time never overtakes a tick: those up to a moment are in the mailbox before the clock is let go there, so that the same
is decided as off line. A pump that falls behind makes the replay slower, never another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from stressd.alerts.people.commands import CommandError
from stressd.config.fields import FeedConfig
from stressd.feeds.base import FeedHealth, Frame, Inbox
from stressd.feeds.tally import Tally
from stressd.market.tick import Tick
from stressd.market.times import iso
from stressd.runtime.clock import SECOND, SteeredClock
from stressd.runtime.mailbox import Mailbox
from stressd.runtime.pump import CHUNK

TURN: Final = 0.02
"""Seconds between two looks at the clock."""

LATE: Final = 0.001
"""The same where it is late, so that the pump has its turn."""

BEHIND: Final = 1.0
"""Seconds of real time that the daemon may lag until the replay becomes slower."""

SLOWEST: Final = 0.1
FASTEST: Final = 100_000.0
"""Times real time."""


class Playback:
    """What is played, and how fast. file: as people know it; begins, ends: ns UTC. hurried: up to when it
    goes as fast as it can."""

    def __init__(self, clock: SteeredClock, file: str, begins: int, ends: int) -> None:
        self.clock = clock
        self.file = file
        self.begins = begins
        self.ends = ends
        self.hurried = begins

    @property
    def over(self) -> bool:
        return self.clock.now() >= self.ends

    def steer(self, paused: bool | None, speed: float | None, to: int | None) -> None:
        """Change what is not None. Raises CommandError."""
        if speed is not None and not SLOWEST <= speed <= FASTEST:
            raise CommandError(f"the speed is from {SLOWEST:g} to {FASTEST:,.0f} times real time")
        if to is not None and not self.clock.now() <= to <= self.ends:
            raise CommandError(
                f"a replay goes on to a time from {iso(self.clock.now())[:19]}Z to {iso(self.ends)[:19]}Z; begin it "
                "again for one that is over"
            )
        if speed is not None:
            self.clock.pace(speed)
        if paused is not None:
            self.clock.pause(paused)
            self.hurried = self.clock.now()
        if to is not None:
            self.clock.hurry(to)
            self.hurried = to

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "file": self.file,
            "speed": self.clock.speed,
            "paused": self.clock.paused,
            "from": iso(self.begins),
            "to": iso(self.ends),
            "at": iso(min(self.clock.now(), self.ends)),
            "over": self.over,
        }


async def play(playback: Playback, mailbox: Mailbox, ticks: Sequence[Tick], feeds: Mapping[str, PlayedFeed]) -> None:
    """Put each tick into the mailbox at its time; returns at the end of the playback. ticks: in order of receipt;
    feeds: by the source that they play."""
    clock, sent = playback.clock, 0
    while not playback.over:
        if len(mailbox) < CHUNK:
            target = min(clock.wanted(), playback.ends)
            first = sent
            while sent < len(ticks) and ticks[sent].received <= target and sent - first < CHUNK:
                feeds[ticks[sent].source].put(ticks[sent], mailbox)
                sent += 1
            if sent < len(ticks) and ticks[sent].received <= target:
                target = ticks[sent].received - 1
            clock.let(target)
        behind = clock.wanted() - clock.now() > BEHIND * SECOND * clock.speed
        if behind and clock.now() >= playback.hurried:
            clock.relent()
        await asyncio.sleep(LATE if behind else TURN)


class Config(FeedConfig):
    """A feed of a recording."""

    type: Literal["played"] = "played"
    """Its kind."""


class PlayedFrame(Frame):
    """One tick of a recording."""

    __slots__ = ("tick",)

    def __init__(self, feed: PlayedFeed, tick: Tick) -> None:
        super().__init__(feed, tick.series, b"", tick.received)
        self.tick = tick


class PlayedFeed:
    """One source of a recording, as the daemon sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.health = FeedHealth()
        self._tally = Tally(name, self.health)

    async def run(self, inbox: Inbox) -> None:
        """Until it is cancelled: `play` puts what comes."""
        self.health.state = "connected"
        self.health.connects += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.health.state = "stopped"

    def put(self, tick: Tick, inbox: Inbox) -> None:
        self.health.messages += 1
        self.health.last_received = tick.received
        inbox.put(PlayedFrame(self, tick))

    def decode(self, frame: Frame) -> Sequence[Tick]:
        assert isinstance(frame, PlayedFrame)
        self._tally.settle([frame.tick], [], frame.received, frame.topic)
        return (frame.tick,)

    def processed(self, frames: Sequence[Frame]) -> None:
        """Nobody waits for an acknowledgement."""
