"""What is given up: recorded in the store with its reason, told to whoever stands in, and mourned once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import structlog

from stressd.runtime.lane import Item, Lane, Waiting
from stressd.runtime.standins import StandIns
from stressd.store import Delivery, Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Messages given up: `count` of one sink, the newest of them `event_id`. instead: who was told in its place."""

    sink: str
    event_id: str
    kind: str
    fault: str
    error: str
    count: int
    instead: str | None = None

    def __str__(self) -> str:
        many = "1 message" if self.count == 1 else f"{self.count} messages"
        told = f"{self.instead} was told instead; " if self.instead else ""
        return f"{self.sink}: {many} could not be delivered ({self.error}); {told}`stressd deliveries list` shows them"


def mourn_nothing(letter: DeadLetter) -> None:
    """Until somebody listens."""


def noted(mark: Future[Any]) -> asyncio.Future[Any]:
    """A record that nobody waits for; the store keeps it in order and repeats it while the disk is in trouble."""
    wrapped = asyncio.wrap_future(mark)
    wrapped.add_done_callback(_heard)
    return wrapped


def _heard(mark: asyncio.Future[Any]) -> None:
    if not mark.cancelled() and (error := mark.exception()) is not None:
        log.error("delivery.unrecorded", error=str(error))


class DeadLetters:
    """on_dead: told of every loss on the event loop, except that of the daemon's own alerts, which would raise the next
    one; for those another sink is found."""

    def __init__(self, store: Store, standins: StandIns, on_dead: Callable[[DeadLetter], None]) -> None:
        self._store = store
        self._standins = standins
        self._on_dead = on_dead

    def bury(self, lane: Lane, waiting: Waiting, count: int, fault: str, error: str) -> None:
        """The oldest `count` of an episode."""
        if count == 0:
            return
        lost = waiting.queue[:count]
        self._standins.place(lane.name, waiting.episode, lost)
        del waiting.queue[:count]
        lane.lose(waiting.episode, count)
        last = lost[-1]
        noted(self._store.bury_delivery(last.event_id, lane.name, attempts=last.attempts, fault=fault, error=error))
        self._mourn(lane.name, lane, lost, fault, error)

    def bury_lane(self, lane: Lane, fault: str, error: str) -> None:
        """Everything that waits for the sink, and is not under way in another worker."""
        items = lane.clear()
        if items:
            noted(self._store.bury_sink(lane.name, fault=fault, error=error))
            self._mourn(lane.name, lane, items, fault, error)

    def bury_rows(self, sink: str, rows: Sequence[Delivery]) -> None:
        """What waits in the store for a sink that there is no more."""
        error = f"sink `{sink}` is no longer configured"
        noted(self._store.bury_sink(sink, fault="permanent", error=error))
        self._mourn(sink, None, rows, "permanent", error)

    def refuse(self, sink: str, lane: Lane | None, episode: str, item: Item) -> None:
        """What comes for a sink that takes nothing any more, or that there is not."""
        why = "is not configured" if lane is None else f"is disabled: {lane.disabled}"
        fault = "permanent" if lane is None else "disable"
        error = f"sink `{sink}` {why}"
        noted(self._store.bury_delivery(item.event_id, sink, attempts=item.attempts, fault=fault, error=error))
        self._mourn(sink, lane, [item], fault, error)
        if lane is not None:
            lane.lose(episode, 1)

    def _mourn(self, sink: str, lane: Lane | None, lost: Sequence[Item | Delivery], fault: str, error: str) -> None:
        newest = next((one for one in reversed(lost) if one.kind != "self"), lost[-1])
        instead = None if newest.fallback_for is not None else self._standins.of(sink)
        letter = DeadLetter(sink, newest.event_id, newest.kind, fault, error, len(lost), instead)
        if lane is not None:
            lane.tally.outcomes["dead"] += letter.count
        log.error(
            "delivery.dead", sink=sink, event_id=letter.event_id, count=letter.count, fault=fault, error=error,
            instead=instead,
        )  # fmt: skip
        if letter.kind != "self":
            self._on_dead(letter)
