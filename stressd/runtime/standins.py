"""Who is told in the place of a sink that fails.

A sink with a fallback hands over what it cannot deliver (it fails, was disabled, refused the message, or lets it wait
for too long); of that episode both are told from then on, so that "resolved" goes where "opened" went. Of an alert
about stressd itself, whatever sink is well hears where none of its own is. Nobody stands in for a stand-in.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import structlog

from stressd.runtime.lane import Item, Lane
from stressd.runtime.retry import Timing
from stressd.runtime.supervise import Crew
from stressd.store import Store, StoreError

PATIENCE: Final = 0.25
"""Seconds that the disk gets to record who stands in: a disk in trouble must not hold up alerts."""

SELF_AFTER: Final = 60.0
"""Seconds that an alert about stressd itself may wait for a sink before another hears of it."""

LEAST_WAIT: Final = 0.25
"""Seconds between two looks for what waits for too long."""

REMEMBERED: Final = 10_000
"""Episodes that are told in two places."""

NOBODYS_FIRST: Final = ("resolved", "corrected", "acknowledged")
"""What says nothing to whoever was not told of the episode."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Fallback:
    """The sink that stands in, and for how many seconds a message may wait before it does."""

    sink: str
    after: float = 60.0


@dataclass(frozen=True, slots=True)
class Errand:
    """Items of one episode on their way to another sink. place: that sink, None where one must be found first; mark:
    being done once it is in the store which of them are news there."""

    sink: str
    episode: str
    items: list[Item]
    place: str | None = None
    mark: Future[list[str]] | None = None


class StandIns:
    """deliver: queues an item for a sink, of an episode."""

    def __init__(self, store: Store, timing: Timing, deliver: Callable[[str, str, Item], None], crew: Crew) -> None:
        self._store = store
        self._timing = timing
        self._crew = crew
        self._deliver = deliver
        self._lanes: Mapping[str, Lane] = {}
        self._fallbacks: Mapping[str, Fallback] = {}
        self._standing: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._queue: asyncio.Queue[Errand] = asyncio.Queue()
        self._open = 0
        self._came = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, lanes: Mapping[str, Lane], fallbacks: Mapping[str, Fallback]) -> None:
        """Take up who stood in before. Raises StoreError."""
        for sink, episode, place in await asyncio.to_thread(self._store.standing, REMEMBERED):
            self._standing[sink, episode] = place
        self.use(lanes, fallbacks)
        self._tasks = [
            self._crew.keep("stand-ins", self._hand_over_for_ever),
            self._crew.keep("stand-ins-watch", self._watch),
        ]

    def use(self, lanes: Mapping[str, Lane], fallbacks: Mapping[str, Fallback] | None = None) -> None:
        """Go on with these; fallbacks as before where None is given."""
        self._lanes = lanes
        self._fallbacks = self._fallbacks if fallbacks is None else fallbacks
        self._came.set()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    @property
    def busy(self) -> bool:
        """Whether something is on its way from one sink to another."""
        return self._open > 0

    def of(self, sink: str) -> str | None:
        """The configured fallback."""
        fallback = self._fallbacks.get(sink)
        return None if fallback is None else fallback.sink

    # -- what happens to messages

    def came(self, sink: str, episode: str, item: Item) -> None:
        """It is queued for the sink, or would be if that took any."""
        lane = self._lanes.get(sink)
        about = item.kind == "self" and item.event is not None and sink in item.event.data.sources
        if about or (sink, episode) in self._standing or lane is None or not lane.healthy:
            self.place(sink, episode, [item])
        self._came.set()

    def look_again(self) -> None:
        """Somebody may be well again, or wait for too long."""
        self._came.set()

    def failing(self, lane: Lane) -> None:
        """The sink takes nothing at present: what waits for it is told elsewhere too."""
        for waiting in lane.waiting.values():
            self.place(lane.name, waiting.episode, waiting.queue)

    def place(self, sink: str, episode: str, items: Iterable[Item]) -> None:
        """See to it that somebody else hears of these."""
        todo = [item for item in items if not item.placed and item.fallback_for is None]
        ours = [item for item in todo if item.kind == "self" and (sink, episode) not in self._standing]
        for item in ours:
            item.placed = True
            self._put(Errand(sink, episode, [item]))
        rest = [item for item in todo if not item.placed]
        standing = self._standing.get((sink, episode))
        if not rest or (standing is None and self.of(sink) is None):
            return
        for item in rest:
            item.placed = True
        if standing is None and all(item.type in NOBODYS_FIRST for item in rest):
            return
        place = standing or self.of(sink) or ""
        self._stand(sink, episode, place)
        self._put(Errand(sink, episode, rest, place, self._write_down(sink, rest, place)))

    def _write_down(self, sink: str, items: list[Item], place: str) -> Future[list[str]]:
        """At once, before the sink itself may deliver them: a crash in between must not lose who else is told."""
        return self._store.stand_in([item.event_id for item in items], place, sink)

    def _stand(self, sink: str, episode: str, place: str) -> None:
        self._standing[sink, episode] = place
        self._standing.move_to_end((sink, episode))
        while len(self._standing) > REMEMBERED:
            self._standing.popitem(last=False)

    def _put(self, errand: Errand) -> None:
        self._open += 1
        self._queue.put_nowait(errand)

    # -- one after the other, so that an episode's order holds

    async def _hand_over_for_ever(self) -> None:
        while True:
            errand = await self._queue.get()
            try:
                await self._hand_over(errand)
            except Exception:
                # A fault of ours: the message still waits for its own sink
                log.exception("fallback.crashed", sink=errand.sink, episode=errand.episode)
            finally:
                self._open -= 1

    async def _hand_over(self, errand: Errand) -> None:
        sink, episode, items = errand.sink, errand.episode, errand.items
        place, mark = errand.place, errand.mark
        if place is None:
            place = await self._somebody_for(sink, episode, items[0])
            if place is None:
                return
            self._stand(sink, episode, place)
        wrapped = asyncio.wrap_future(mark or self._write_down(sink, items, place))
        await asyncio.wait([wrapped], timeout=PATIENCE)
        ids = [item.event_id for item in items]
        if wrapped.done():
            try:
                ids = wrapped.result()
            except StoreError as error:
                log.error("delivery.unrecorded", error=str(error))
        else:
            wrapped.add_done_callback(lambda done: done.cancelled() or done.exception())
        if ids:
            log.warning("delivery.handed_over", sink=sink, to=place, episode=episode, event_ids=ids)
        for item in items:
            if item.event_id in ids:
                self._deliver(place, episode, item.for_another(sink))

    async def _somebody_for(self, sink: str, episode: str, item: Item) -> str | None:
        """The sink that must hear of this alert about stressd itself too. Where one must and none can, it is looked for
        again."""
        try:
            event = item.event or await asyncio.to_thread(self._store.event, item.event_id)
            about = set(event.data.sources) if event is not None else set()
            # In memory first: what is neither queued nor on its way into the store by now is in the store
            holders = {name for name, lane in self._lanes.items() if lane.holds(episode, item.event_id)}
            settling = {name for name, lane in self._lanes.items() if item.event_id in lane.unsettled}
            if settling - about or any(name not in about and self._well(name, item) for name in holders - {sink}):
                return None
            rows = await asyncio.to_thread(self._store.deliveries, event_id=item.event_id)
        except StoreError as error:
            log.warning("outbox.unreadable", error=str(error))
            item.placed = False
            return None
        # That the one it is about took it proves nothing: what it says may be that messages get lost there
        if any(row.state in ("delivered", "superseded") and row.sink not in about for row in rows):
            return None
        if sink not in about and sink in holders and self._well(sink, item):
            item.placed = False
            return None
        if item.type in NOBODYS_FIRST:
            return None
        tried = holders | {row.sink for row in rows} | about | {sink}
        wanted = [name for name in (self.of(sink), *map(self.of, sorted(about)), *self._lanes) if name is not None]
        place = next((name for name in wanted if name not in tried and self._well(name, item, fresh=True)), None)
        item.placed = place is not None
        return place

    def _well(self, name: str, item: Item, fresh: bool = False) -> bool:
        """Whether the sink takes messages, and has not let this one wait for too long."""
        lane = self._lanes.get(name)
        if lane is None or not lane.healthy:
            return False
        return fresh or self._timing.monotonic() - item.since < self._after(name, item)

    def _after(self, name: str, item: Item) -> float:
        """Seconds that the item may wait for this sink; without end where nobody would stand in."""
        fallback = self._fallbacks.get(name)
        if fallback is not None:
            return fallback.after
        return SELF_AFTER if item.kind == "self" else float("inf")

    # -- what waits for too long

    async def _watch(self) -> None:
        while True:
            self._came.clear()
            wait = self._look()
            if wait is None:
                await self._came.wait()
            else:
                await self._timing.sleep(max(wait, LEAST_WAIT))

    def _look(self) -> float | None:
        """Hand over what is due. Seconds until the next will be; None where nothing can be."""
        now = self._timing.monotonic()
        soonest: float | None = None
        for lane in self._lanes.values():
            for waiting in list(lane.waiting.values()):
                for item in waiting.queue:
                    if item.placed or item.fallback_for is not None:
                        continue
                    left = item.since + self._after(lane.name, item) - now
                    if left <= 0.0:
                        self.place(lane.name, waiting.episode, waiting.queue)
                        break
                    if left != float("inf"):
                        soonest = left if soonest is None else min(soonest, left)
        return soonest
