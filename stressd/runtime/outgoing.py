"""A message on its way out: what it says that depends on its delivery (whether it is the first, late, merged, perhaps a
repeat, told in another's place), and the record of the attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from stressd.alerts.event import Event
from stressd.alerts.notification import Action, Notification, Telling
from stressd.runtime.charts import Charts
from stressd.runtime.lane import Item, Lane, Waiting
from stressd.runtime.retry import Timing
from stressd.sinks.base import Receipt, SinkError
from stressd.sinks.exchange import Exchange, listening
from stressd.store import Attempt, Store, StoreError, Told

FRESH_FOR: Final = 60.0
"""Seconds after its commit from which a message says that it is late."""


class Render(Protocol):
    """`alerts.render.render`."""

    def __call__(self, event: Event, telling: Telling) -> Notification: ...


async def told_of(store: Store, lane: Lane, waiting: Waiting) -> Told:
    """What the sink knows of the episode: remembered, or from the store. A store that cannot be read must not hold up
    what is to be told: then as if it knew nothing."""
    known = lane.told.get(waiting.episode)
    if known is None:
        oldest = waiting.queue[0]
        if oldest.type == "opened" and oldest.event is not None:
            known = Told()
        else:
            try:
                known = await asyncio.to_thread(store.told, lane.name, waiting.episode)
            except StoreError:
                return Told()
        lane.remember(waiting.episode, known)
    return known


Actions = Callable[[Event, str], tuple[Action, ...]]
"""The links of one event's message to one sink."""


def no_actions(event: Event, sink: str) -> tuple[Action, ...]:
    """Where nothing can be done by links."""
    return ()


async def compose(
    store: Store,
    render: Render,
    lane: Lane,
    waiting: Waiting,
    item: Item,
    told: Told,
    page_url: str | None,
    age: float,
    actions: Actions,
    charts: Charts,
) -> Notification:
    """The message for `item` in the place of all under way with it. age: s since its commit. Raises SinkError and
    StoreError."""
    event = item.event
    if event is None:
        event = await asyncio.to_thread(store.event, item.event_id)
    if event is None:
        raise SinkError("permanent", "the event is not in the store")
    first = told.root is None
    telling = Telling(
        first=first,
        page_url=page_url,
        thread_root=told.root,
        thread_ref=told.root_ref,
        late_s=age if age > FRESH_FOR else None,
        merged=waiting.busy - 1 + (told.lost if first else 0),
        possible_repeat=any(i.repeat for i in waiting.queue[: waiting.busy]) and not lane.traits.idempotent,
        fallback_for=item.fallback_for,
        withheld=tuple(line for each in waiting.queue[: waiting.busy] for line in each.withheld),
        actions=actions(event, lane.name),
        sink=lane.name,
        cause_root=await _cause_root(store, lane, event),
    )
    notification = render(event, telling)
    if not lane.traits.charts:
        return notification
    return replace(notification, chart=await charts.of(event))


async def _cause_root(store: Store, lane: Lane, event: Event) -> str | None:
    """Where this sink's thread of the source begins; None where it was told of no source: a reference to a message that
    never was threads nothing."""
    if event.source is None:
        return None
    known = lane.told.get(event.source.episode)
    if known is None:
        try:
            known = await asyncio.to_thread(store.told, lane.name, event.source.episode)
        except StoreError:
            return None
    return known.root


async def recorded(store: Store, lane: Lane, item: Item, notification: Notification, timing: Timing) -> Receipt:
    """One attempt, with a line in the delivery log on how it ended. Raises what the sink raises."""
    at, began = timing.now(), timing.monotonic()
    with listening() as heard:
        try:
            receipt = await lane.sink.send(notification)
        except Exception as error:
            fault = error.fault if isinstance(error, SinkError) else "permanent"
            text = str(error) if isinstance(error, SinkError) else repr(error)
            _log(store, lane, item, heard, at, timing.monotonic() - began, fault, text)
            raise
        _log(store, lane, item, heard, at, timing.monotonic() - began)
        return receipt


def _log(store: Store, lane: Lane, item: Item, heard: Sequence[Exchange], at: int, took: float, *trouble: str) -> None:
    fault, error = trouble or (None, None)
    store.log_attempt(
        Attempt(
            event_id=item.event_id,
            sink=lane.name,
            attempt=item.attempts,
            at=at,
            took_ms=round(took * 1e3, 3),
            outcome="failed" if fault else "delivered",
            fault=fault,
            error=error,
            request="\n".join(exchange.request for exchange in heard) or None,
            response="\n".join(exchange.response for exchange in heard if exchange.response) or None,
        )
    )
