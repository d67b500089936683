"""What a message says that depends on its delivery: whether it is the first, late, merged, perhaps a repeat."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from stressd.alerts.event import Event
from stressd.alerts.notification import Notification, Telling
from stressd.runtime.lane import Item, Lane, Waiting
from stressd.sinks.base import SinkError
from stressd.store import Store, Told

FRESH_FOR: Final = 60_000_000_000
"""ns after its commit from which a message says that it is late."""


class Render(Protocol):
    """`alerts.render.render`."""

    def __call__(self, event: Event, telling: Telling) -> Notification: ...


async def told_of(store: Store, lane: Lane, waiting: Waiting) -> Told:
    """What the sink knows of the episode: remembered, or from the store. Raises StoreError."""
    known = lane.told.get(waiting.episode)
    if known is None:
        oldest = waiting.queue[0]
        if oldest.type == "opened" and oldest.event is not None:
            known = Told()
        else:
            known = await asyncio.to_thread(store.told, lane.name, waiting.episode)
        lane.remember(waiting.episode, known)
    return known


async def compose(
    store: Store, render: Render, lane: Lane, waiting: Waiting, item: Item, told: Told, page_url: str | None, now: int
) -> Notification:
    """The message for `item` in the place of all under way with it. now: ns UTC. Raises SinkError, StoreError."""
    event = item.event
    if event is None:
        event = await asyncio.to_thread(store.event, item.event_id)
    if event is None:
        raise SinkError("permanent", "the event is not in the store")
    age = now - item.created_at
    first = told.root is None
    telling = Telling(
        first=first,
        page_url=page_url,
        thread_root=told.root,
        thread_ref=told.root_ref,
        late_s=age / 1e9 if age > FRESH_FOR else None,
        merged=waiting.busy - 1 + (told.lost if first else 0),
        possible_repeat=any(i.repeat for i in waiting.queue[: waiting.busy]) and not lane.traits.idempotent,
    )
    return render(event, telling)
