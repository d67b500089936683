"""From the outbox to the sinks: one lane a sink, every attempt and its end recorded, retries here and nowhere else.

Promised: from its commit on an event reaches every sink of its route at least once, or the dead letters, with the same
id on every attempt; per sink and episode in order. Updates of an episode that could not be delivered yet collapse into
the newest, which says so; opened and resolved become one message. A sink that fails is left alone for a while, and
its fallback is told in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

import structlog

from stressd.alerts.render import render
from stressd.runtime import retry
from stressd.runtime.charts import Charts
from stressd.runtime.deadletters import DeadLetter, DeadLetters, mourn_nothing, noted
from stressd.runtime.keeping import hand_over
from stressd.runtime.lane import Item, Lane, Waiting, working
from stressd.runtime.outgoing import Actions, Render, compose, no_actions, recorded, told_of
from stressd.runtime.retry import Timing
from stressd.runtime.standins import Fallback, StandIns
from stressd.runtime.supervise import Crew
from stressd.sinks.base import Receipt, Sink, SinkError
from stressd.store import Delivery, RoutedEvent, Store, StoreError, Told

__all__ = ["DeadLetter", "Deliverer", "Fallback"]

MARK_WAIT: Final = 0.25
"""Seconds that a lane waits for the disk to record an attempt: a disk in trouble must not hold up alerts."""

RESCAN: Final = 10.0
"""Seconds between two looks at what somebody put back into the queue."""

FAILING_AFTER: Final = 60.0
"""Seconds of failures before people are told that a sink fails."""

log = structlog.get_logger()


class Deliverer:
    """Runs all lanes. on_dead: told of every loss on the event loop, except that of the daemon's own alerts, which
    would raise the next one. actions: the links of one event's message to one sink."""

    def __init__(
        self,
        store: Store,
        sinks: Mapping[str, Sink],
        *,
        page_url: str | None = None,
        fallbacks: Mapping[str, Fallback] | None = None,
        on_dead: Callable[[DeadLetter], None] = mourn_nothing,
        render: Render = render,
        timing: Timing | None = None,
        actions: Actions = no_actions,
        charts: Charts | None = None,
        crew: Crew | None = None,
    ) -> None:
        self._store, self._sinks = store, dict(sinks)
        self._page_url, self._render = page_url, render
        self._timing = timing or Timing()
        self._crew = crew or Crew(self._timing.sleep)
        self._fallbacks = fallbacks or {}
        self._actions, self._charts = actions, charts or Charts()
        self._lanes: dict[str, Lane] = {}
        self._standins = StandIns(store, self._timing, self._accept, self._crew)
        self._letters = DeadLetters(store, self._standins, on_dead)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rescanner: asyncio.Task[None] | None = None

    # -- life

    async def start(self) -> None:
        """Take up what the store holds, and begin. Raises StoreError."""
        self._loop = asyncio.get_running_loop()
        self._lanes = {name: self._lane(name, sink) for name, sink in self._sinks.items()}
        pending = await asyncio.to_thread(self._store.pending)
        await self._standins.start(self._lanes, self._fallbacks)
        await hand_over(self._store, self._render, self._lanes.values(), self._page_url)
        self._take_rows(pending)
        for lane in self._lanes.values():
            self._man(lane)
        self._rescanner = self._crew.keep("delivery-rescan", self._rescan_for_ever)

    def committed(self, routed: Sequence[RoutedEvent]) -> None:
        """These are on disk: deliver them. From any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._take, routed)

    async def stop(self, timeout: float = 10.0) -> None:
        """Finish what is under way within `timeout` seconds, then close the sinks. The rest stays pending; an attempt
        that was cut off is repeated after the next start and says so."""
        self._loop = None
        if self._rescanner is not None:
            self._rescanner.cancel()
        self._standins.stop()
        await self._dismiss(self._lanes.values(), timeout)
        for lane in self._lanes.values():
            await lane.sink.close()

    def admit(
        self, sinks: Mapping[str, Sink], page_url: str | None, fallbacks: Mapping[str, Fallback], render: Render
    ) -> None:
        """From now on messages may be for these sinks too, and are worded like this; `replace` is to follow."""
        self._page_url, self._render = page_url, render
        self._lanes |= {name: self._lane(name, sink) for name, sink in sinks.items() if name not in self._lanes}
        self._standins.use(self._lanes, fallbacks)

    async def replace(self, sinks: Mapping[str, Sink], timeout: float = 15.0) -> None:
        """Go on with these sinks. One that is the same object as now is left alone with all that is under way, unless
        it was disabled: then it is tried again. Queues stay; what waits for a sink that is gone goes to the dead
        letters."""
        former = {n: lane for n, lane in self._lanes.items() if sinks.get(n) is not lane.sink or lane.disabled}
        await self._dismiss(former.values(), timeout)
        lanes = {n: self._lane(n, sink) if n in former else self._lanes[n] for n, sink in sinks.items()}
        self._lanes = lanes
        self._standins.use(lanes)
        for name, old in former.items():
            if name in lanes:
                lanes[name].adopt(old)
            else:
                self._letters.bury_lane(old, "permanent", f"sink `{name}` is no longer configured")
        idle = [lane for lane in lanes.values() if not lane.workers]
        await hand_over(self._store, self._render, idle, self._page_url)
        for lane in idle:
            self._man(lane)
        for name, old in former.items():
            if sinks.get(name) is not old.sink:
                await old.sink.close()

    @property
    def sinks(self) -> list[Sink]:
        """Those at work."""
        return [lane.sink for lane in self._lanes.values()]

    async def idle(self) -> None:
        """Until nothing waits for any sink, retries included; nor for the disk, unless that is in trouble."""
        while self._standins.busy or any(
            lane.waiting or (lane.unsettled and not self._store.trouble) for lane in self._lanes.values()
        ):
            await self._timing.sleep(0.02)

    def report(self) -> list[dict[str, Any]]:
        """Per sink: outcomes, pending, ages, latencies, the newest trouble."""
        monotonic, of = self._timing.monotonic(), self._standins.of
        return [{**lane.report(monotonic), "fallback": of(lane.name)} for lane in self._lanes.values()]

    def working(self) -> list[str]:
        """Sinks that have taken a message since the first of those that fail began to, and do not fail."""
        return working(self._lanes.values())

    def troubled(self) -> list[tuple[str, str, bool]]:
        """(sink, one sentence, whether it is too early to tell) of each that takes no messages. Early: within a minute,
        unless it is disabled."""
        now, of = self._timing.monotonic(), self._standins.of
        lanes = [lane for lane in self._lanes.values() if lane.fails(now)]
        return [(each.name, each.complaint(of(each.name)), not each.fails(now - FAILING_AFTER)) for each in lanes]

    def _lane(self, name: str, sink: Sink) -> Lane:
        return Lane(name, sink, self._timing.random)

    def _man(self, lane: Lane) -> None:
        lane.workers = [
            self._crew.keep(f"delivery {lane.name} {n}", partial(self._work, lane), endless=False)
            for n in range(lane.traits.concurrency)
        ]

    async def _dismiss(self, lanes: Iterable[Lane], timeout: float) -> None:
        workers = [worker for lane in lanes for worker in lane.workers]
        for lane in lanes:
            lane.retired = True
            lane.wake.set()
        if workers:
            _, late = await asyncio.wait(workers, timeout=timeout)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    # -- what comes in

    def _take(self, routed: Sequence[RoutedEvent]) -> None:
        now = self._timing.monotonic()
        for one in routed:
            event = one.event
            for sink in one.sinks:
                lines = tuple(one.withheld.get(sink, ()))
                self._accept(
                    sink, event.episode, Item(event.id, event.seq, event.type, event.kind, now, event, None, lines)
                )

    def _accept(self, sink: str, episode: str, item: Item, due: float = 0.0) -> None:
        self._standins.came(sink, episode, item)
        lane = self._lanes.get(sink)
        if lane is None or lane.disabled is not None:
            self._letters.refuse(sink, lane, episode, item)
            return
        lane.accept(episode, item, due)

    def _take_rows(self, rows: Sequence[Delivery]) -> None:
        now, monotonic = self._timing.now(), self._timing.monotonic()
        lost: dict[str, list[Delivery]] = {}
        for row in rows:
            if row.sink not in self._lanes:
                lost.setdefault(row.sink, []).append(row)
                continue
            since = monotonic - max(0.0, (now - row.created_at) / 1e9)
            item = Item(row.event_id, row.seq, row.type, row.kind, since, None, row.fallback_for, row.withheld)
            item.attempts = row.attempts
            item.repeat = row.state == "sending" or row.fault == "ambiguous"
            due = 0.0
            if row.next_at is not None and row.state == "pending":
                # Never trusted further than our own longest wait: the machine's clock may have been set meanwhile
                due = monotonic + min(max(0.0, (row.next_at - now) / 1e9), retry.RETRY_AFTER_CAP)
            self._accept(row.sink, row.episode, item, due)
        for sink, of_sink in lost.items():
            self._letters.bury_rows(sink, of_sink)

    async def _rescan_for_ever(self) -> None:
        while True:
            await self._timing.sleep(RESCAN)
            await self.rescan()

    async def rescan(self) -> None:
        """Take up dead letters that were put back into the queue, and let go of what was dropped, by this process or
        another."""
        known = self._known()
        self._standins.look_again()
        try:
            rows = await asyncio.to_thread(self._store.requeued)
            dropped = await asyncio.to_thread(self._store.dropped) if known else []
        except StoreError as error:
            log.warning("outbox.unreadable", error=str(error))
            return
        # What was known when the read began may have been delivered since
        known |= self._known()
        self._take_rows([row for row in rows if (row.sink, row.event_id) not in known])
        for name, lane in self._lanes.items():
            if ids := {event_id for event_id, sink in dropped if sink == name}:
                lane.forget(ids)

    def _known(self) -> set[tuple[str, str]]:
        return {
            (lane.name, event_id)
            for lane in self._lanes.values()
            for event_id in [*lane.unsettled, *(item.event_id for w in lane.waiting.values() for item in w.queue)]
        }

    # -- what goes out

    async def _work(self, lane: Lane) -> None:
        while not lane.retired:
            wait = lane.ready_in(self._timing.monotonic())
            if wait != 0.0:
                lane.wake.clear()
                await retry.pause(self._timing, lane.wake, wait)
                continue
            waiting = lane.take(self._timing.monotonic())
            try:
                await self._attempt(lane, waiting)
            except Exception:
                # A fault of ours: the message stays queued, and the lane goes on
                log.exception("delivery.crashed", sink=lane.name, episode=waiting.episode)
                self._put_off(lane, waiting, None)

    async def _attempt(self, lane: Lane, waiting: Waiting) -> None:
        """Send the newest event of the episode, in the place of all that wait."""
        item = waiting.queue[waiting.busy - 1]
        told = await told_of(self._store, lane, waiting)
        item.attempts += 1
        if not lane.traits.idempotent:
            await self._settle(self._store.begin_delivery(item.event_id, lane.name, item.attempts))
        age = self._timing.monotonic() - item.since
        try:
            notification = await compose(
                self._store, self._render, lane, waiting, item, told, self._page_url, age, self._actions, self._charts
            )
            receipt = await recorded(self._store, lane, item, notification, self._timing)
        except SinkError as error:
            self._heard(lane, error)
            self._failed(lane, waiting, item, error)
        except StoreError as error:
            lane.breaker.abandon()
            self._failed(lane, waiting, item, SinkError("retry", str(error)))
        except Exception as error:
            lane.breaker.abandon()
            log.exception("delivery.unsendable", sink=lane.name, event_id=item.event_id)
            self._failed(lane, waiting, item, SinkError("permanent", f"cannot be rendered or sent: {error!r}"))
        else:
            self._heard(lane, None)
            await self._delivered(lane, waiting, item, told, receipt)

    def _heard(self, lane: Lane, error: SinkError | None) -> None:
        """What the other side's answer, or its silence, says of the other side."""
        if error is None or error.fault not in ("retry", "ambiguous"):
            if lane.breaker.passed():
                log.info("sink.recovered", sink=lane.name)
                lane.release()
                self._standins.look_again()
        elif lane.breaker.failed(self._timing.monotonic()):
            log.error("sink.failing", sink=lane.name, error=str(error), fallback=self._standins.of(lane.name))
            self._standins.failing(lane)

    async def _delivered(self, lane: Lane, waiting: Waiting, item: Item, told: Told, receipt: Receipt) -> None:
        merged = waiting.busy - 1
        lane.tally.outcomes["delivered"] += 1
        lane.tally.outcomes["merged"] += merged
        lane.tally.latencies.append(self._timing.monotonic() - item.since)
        lane.tally.failing_since, lane.tally.delivered_at = None, self._timing.monotonic()
        known = Told(told.root or item.event_id, receipt.remote_ref or told.root_ref, max(told.seq, item.seq))
        lane.remember(waiting.episode, known)
        log.info(
            "delivery.delivered", sink=lane.name, event_id=item.event_id, attempts=item.attempts, merged=merged,
            detail=receipt.detail or None,
        )  # fmt: skip
        ids = [each.event_id for each in waiting.queue[: waiting.busy]]
        lane.unsettled.update(ids)
        del waiting.queue[: waiting.busy]
        waiting.busy = 0
        mark = self._store.complete_delivery(
            item.event_id,
            lane.name,
            attempts=item.attempts,
            remote_ref=receipt.remote_ref,
            detail=receipt.detail,
            merged=merged,
        )
        await self._settle(mark, lambda: lane.unsettled.difference_update(ids))
        waiting.failures, waiting.due = 0, 0.0
        lane.push(waiting)

    def _failed(self, lane: Lane, waiting: Waiting, item: Item, error: SinkError) -> None:
        lane.tally.outcomes["failed"] += 1
        lane.tally.last_error = str(error)
        if lane.tally.failing_since is None:
            lane.tally.failing_since = self._timing.monotonic()
        log.warning(
            "delivery.failed", sink=lane.name, event_id=item.event_id, attempts=item.attempts, fault=error.fault,
            error=str(error),
        )  # fmt: skip
        if error.fault == "disable":
            lane.disabled = str(error)
            log.error("sink.disabled", sink=lane.name, error=str(error))
            waiting.busy = 0
            self._standins.failing(lane)
            self._letters.bury_lane(lane, "disable", str(error))
        elif lane.disabled is not None:
            self._letters.bury(lane, waiting, waiting.busy, "disable", lane.disabled)
        elif error.fault == "permanent":
            self._letters.bury(lane, waiting, waiting.busy, "permanent", str(error))
        else:
            item.repeat = item.repeat or error.fault == "ambiguous"
            self._put_off(lane, waiting, error)
            return
        lane.push(waiting)

    def _put_off(self, lane: Lane, waiting: Waiting, error: SinkError | None) -> None:
        """Another attempt later; what is too old by now is given up."""
        now, monotonic = self._timing.now(), self._timing.monotonic()
        fault, text = (error.fault, str(error)) if error else ("retry", "a fault of stressd; see its log")
        waiting.failures += 1
        if waiting.failures == 1:
            waiting.failing_since = monotonic
        delay = retry.wait(
            waiting.failures,
            monotonic - waiting.failing_since,
            error.retry_after if error else None,
            self._timing.random(),
        )
        waiting.due = monotonic + delay
        if fault == "rate_limited":
            lane.paused_until = max(lane.paused_until, waiting.due)
        if waiting.busy:
            item = waiting.queue[waiting.busy - 1]
            kept = "ambiguous" if item.repeat else fault
            noted(
                self._store.fail_delivery(
                    item.event_id,
                    lane.name,
                    attempts=item.attempts,
                    next_at=now + int(delay * 1e9),
                    fault=kept,
                    error=text,
                )
            )
        old = sum(1 for item in waiting.queue if monotonic - item.since > retry.GIVE_UP)
        if old:
            self._letters.bury(lane, waiting, old, fault, f"given up after three days: {text}")
        lane.push(waiting)

    async def _settle(self, mark: Future[Any], then: Callable[[], None] | None = None) -> None:
        wrapped = noted(mark)
        if then is not None:
            wrapped.add_done_callback(lambda _: then())
        await asyncio.wait([wrapped], timeout=MARK_WAIT)
