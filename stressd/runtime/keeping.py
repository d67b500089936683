"""What is open, for the sinks whose other side forgets it: they keep telling it by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from stressd.alerts.event import Event
from stressd.alerts.notification import Telling
from stressd.runtime.lane import Lane
from stressd.runtime.outgoing import Render
from stressd.sinks.base import Keeping
from stressd.store import Store, StoreError

log = structlog.get_logger()


async def hand_over(store: Store, render: Render, lanes: Iterable[Lane], page_url: str | None) -> None:
    """Each such sink learns what it was told of every episode that is open; without it, it begins with what comes."""
    for lane in lanes:
        if not isinstance(lane.sink, Keeping):
            continue
        try:
            events = await asyncio.to_thread(_open_events, store, lane.name)
            told = [render(event, Telling(first=False, page_url=page_url)) for event in events]
        except StoreError as error:
            log.warning("standing.unreadable", sink=lane.name, error=str(error))
            continue
        await lane.sink.keep(told)


def _open_events(store: Store, sink: str) -> list[Event]:
    return [event for name in store.open_told(sink) if (event := store.event(name)) is not None]
