"""What every feed must do, as checks: give your feed a `FeedTrial`, and run each of CHECKS on a new one.

@pytest.mark.parametrize("check", CHECKS)
async def test_contract(check): ...; await check(trial)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

from stressd.feeds.base import DecodeError, Feed
from stressd.market.tick import Tick
from stressd.testing.feeds import KeepingInbox, feed_state

PATIENCE: Final = 10.0
"""s for anything to happen."""


class FeedTrial(Protocol):
    """A feed, and the other end of its wire."""

    @property
    def feed(self) -> Feed:
        """The feed under test, not yet running."""
        ...

    async def ready(self) -> None:
        """Returns when what is sent from now on arrives."""
        ...

    async def send(self, value: float) -> None:
        """Sends one live value in percent."""
        ...

    async def garbage(self) -> None:
        """Sends one message that nobody can read."""
        ...

    async def cut(self) -> None:
        """Breaks the connection; nothing where the wire has none."""
        ...


async def values_arrive_in_order(trial: FeedTrial) -> None:
    """Finite percent, a series, own and receive time, in the order in which they were sent."""
    async with _running(trial) as inbox:
        for value in (3.5, -0.25, 0.0):
            await trial.send(value)
        ticks = await _ticks(trial, inbox, 3)
        assert [tick.value for tick in ticks] == [3.5, -0.25, 0.0]
        assert all(tick.series and tick.time > 0 and tick.received > 0 for tick in ticks)


async def a_bad_message_costs_only_itself(trial: FeedTrial) -> None:
    """Only DecodeError is raised, it is counted and kept for people, and the next message is read."""
    async with _running(trial) as inbox:
        await trial.send(1.0)
        await trial.garbage()
        await trial.send(2.0)
        assert [tick.value for tick in await _ticks(trial, inbox, 2)] == [1.0, 2.0]
        await feed_state(trial.feed, lambda feed: feed.health.malformed >= 1, PATIENCE)
        assert len(trial.feed.health.rejects) >= 1
        assert trial.feed.health.state == "connected"


async def a_cut_connection_comes_back(trial: FeedTrial) -> None:
    """Without help, and with what it was subscribed to."""
    async with _running(trial) as inbox:
        await trial.send(1.0)
        await _ticks(trial, inbox, 1)
        await trial.cut()
        await trial.ready()
        await trial.send(2.0)
        assert [tick.value for tick in await _ticks(trial, inbox, 1)] == [2.0]


async def acknowledging_twice_is_harmless(trial: FeedTrial) -> None:
    """The pump may say twice, or after a new connection, that it is done with a frame."""
    async with _running(trial) as inbox:
        await trial.send(1.0)
        frames = list(await inbox.frame_count(1))
        trial.feed.processed(frames)
        trial.feed.processed(frames)
        await trial.cut()
        await trial.ready()
        trial.feed.processed(frames)
        inbox.frames.clear()
        await trial.send(2.0)
        assert [tick.value for tick in await _ticks(trial, inbox, 1)] == [2.0]


async def a_cancelled_feed_has_stopped(trial: FeedTrial) -> None:
    """Soon, and it says so."""
    async with _running(trial):
        assert trial.feed.health.state == "connected"
    assert trial.feed.health.state == "stopped"


CHECKS: Final[tuple[Callable[[FeedTrial], Awaitable[None]], ...]] = (
    values_arrive_in_order,
    a_bad_message_costs_only_itself,
    a_cut_connection_comes_back,
    acknowledging_twice_is_harmless,
    a_cancelled_feed_has_stopped,
)


@asynccontextmanager
async def _running(trial: FeedTrial) -> AsyncIterator[KeepingInbox]:
    inbox = KeepingInbox()
    task = asyncio.create_task(trial.feed.run(inbox))
    try:
        async with asyncio.timeout(PATIENCE):
            await trial.ready()
            yield inbox
    finally:
        task.cancel()
        _, late = await asyncio.wait([task], timeout=PATIENCE)
        assert not late, "the feed does not stop when it is cancelled"


async def _ticks(trial: FeedTrial, inbox: KeepingInbox, count: int) -> list[Tick]:
    """Plays the pump until so many ticks have come."""
    ticks: list[Tick] = []
    while len(ticks) < count:
        frames = list(await inbox.frame_count(1))
        inbox.frames.clear()
        for frame in frames:
            try:
                ticks.extend(trial.feed.decode(frame))
            except DecodeError:
                continue
        trial.feed.processed(frames)
    return ticks
