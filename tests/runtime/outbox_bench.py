"""A store, sinks and a deliverer in virtual time."""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stressd.alerts.event import Event
from stressd.alerts.notification import Notification
from stressd.alerts.render import render
from stressd.runtime.delivery import DeadLetter, Deliverer, Fallback
from stressd.runtime.retry import Timing
from stressd.sinks.base import Receipt, SinkError, Traits
from stressd.store import Commit, Delivery, Store
from stressd.store.schema import connect

START = 1_800_000_000_000_000_000
JP, US = "JP-260120-aaaa", "US-260120-bbbb"


def swift(file: Path) -> sqlite3.Connection:
    """A writer's connection that does not wait for the disk: these tests never pull the plug."""
    connection = connect(file)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


class VirtualTime:
    """Time that stands still until nothing else can happen, then jumps to the next sleeper."""

    def __init__(self) -> None:
        self.at = 0.0
        self.draw = 1.0
        self.activity = 0
        self.store: Store | None = None
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def timing(self) -> Timing:
        return Timing(lambda: START + int(self.at * 1e9), lambda: self.at, self.sleep, lambda: self.draw)

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.at + seconds, self._count, future))
        await future

    async def settle(self) -> None:
        """Until the store, its readers and the loop have nothing more to do at this instant."""
        loop = asyncio.get_running_loop()
        quiet = 0
        while quiet < 3:
            before = self.activity
            if self.store is not None and self.store.trouble is None:
                await asyncio.wrap_future(self.store.flush())
                before += 1
            await loop.run_in_executor(None, int)
            for _ in range(12):
                await asyncio.sleep(0)
            quiet = quiet + 1 if self.activity == before else 0

    def watch(self, store: Store) -> None:
        """Count what the store is asked to do."""
        self.store = store
        submit, read = store._writer.submit, store._read

        def counted(call: Callable[..., Any]) -> Callable[..., Any]:
            def counting(*args: Any) -> Any:
                self.activity += 1
                return call(*args)

            return counting

        vars(store._writer)["submit"] = counted(submit)
        vars(store)["_read"] = counted(read)

    async def run(self, seconds: float) -> None:
        end = self.at + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, future = heapq.heappop(self._sleepers)
            if future.done():
                continue
            self.at = max(self.at, when)
            future.set_result(None)
            await self.settle()
        self.at = end


class FakeSink:
    """Does what `plan` says, by attempt; then accepts. "lost" and "kept": a timeout after which the message is not, or
    is, there. "hang": never answers."""

    def __init__(self, name: str, traits: Traits | None = None) -> None:
        self.name = name
        self.traits = traits or Traits()
        self.plan: list[Any] = []
        self.attempts: list[tuple[float, Notification]] = []
        self.received: list[Notification] = []
        self.under_way: list[str] = []
        self.most = 0
        self.gate: asyncio.Event | None = None
        self.closed = False
        self.time: VirtualTime | None = None

    async def send(self, notification: Notification) -> Receipt:
        assert notification.thread not in self.under_way, "two of one episode at once"
        self.attempts.append((self.time.at if self.time else 0.0, notification))
        step = self.plan.pop(0) if self.plan else "ok"
        self.under_way.append(notification.thread)
        self.most = max(self.most, len(self.under_way))
        try:
            if self.gate is not None:
                await self.gate.wait()
            if step == "hang":
                await asyncio.Event().wait()
        finally:
            self.under_way.remove(notification.thread)
        if isinstance(step, Exception):
            raise step
        if step == "lost":
            raise SinkError("ambiguous", "no answer in time")
        self.received.append(notification)
        if step == "kept":
            raise SinkError("ambiguous", "no answer in time")
        return Receipt(f"ref-{len(self.received)}")

    async def probe(self) -> str:
        return "here"

    async def close(self) -> None:
        self.closed = True


@dataclass(frozen=True)
class Sent:
    event: Event
    sinks: tuple[str, ...]
    withheld: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def make(episode: str = JP, seq: int = 1, type: str = "opened", **more: Any) -> Event:
    base: dict[str, Any] = {
        "id": f"{episode}.{seq}", "episode": episode, "seq": seq, "type": type, "kind": "market", "origin": "live",
        "time": "2026-01-20T05:30:00Z", "instance": "test", "rule": "sigma-breach", "market": "JP", "direction": "up",
        "severity": "high", "headline": "JP 30Y +20.3bp", "series": [], "version": "0", "method": "1", "config": "c",
    }  # fmt: skip
    return Event(**(base | more))


class Bench:
    """A store, sinks and a deliverer in virtual time."""

    def __init__(self, directory: Path, time: VirtualTime | None = None) -> None:
        self.directory = directory
        self.time = time or VirtualTime()
        self.dead: list[DeadLetter] = []
        self.sinks: dict[str, FakeSink] = {}
        self.fallbacks: dict[str, Fallback] = {}
        self.store = self._open()
        self.deliverer: Deliverer | None = None

    def _open(self) -> Store:
        self.store = Store.open(self.directory, now=self.time.timing().now)
        self.time.watch(self.store)
        return self.store

    def fall_back(self, sink: str, to: str, after: float = 60.0) -> None:
        self.fallbacks[sink] = Fallback(to, after)

    def sink(self, name: str, **traits: Any) -> FakeSink:
        self.sinks[name] = FakeSink(name, Traits(**traits))
        self.sinks[name].time = self.time
        return self.sinks[name]

    async def start(self) -> Deliverer:
        self.deliverer = Deliverer(
            self.store,
            self.sinks,
            page_url=None,
            fallbacks=self.fallbacks,
            on_dead=self.dead.append,
            timing=self.time.timing(),
        )
        await self.deliverer.start()
        await self.time.settle()
        return self.deliverer

    async def commit(self, *routed: Sent) -> None:
        await asyncio.wrap_future(self.store.commit(Commit(routed)))
        assert self.deliverer is not None
        self.deliverer.committed(routed)
        await self.time.settle()

    async def tell(self, *sinks: str, **more: Any) -> None:
        await self.commit(Sent(make(**more), sinks))

    async def restart(self, *, crash: bool = False) -> Deliverer:
        """crash: workers vanish where they stand."""
        assert self.deliverer is not None
        await self.deliverer.stop(0.0 if crash else 5.0)
        await self.time.settle()
        self.store.close()
        self._open()
        return await self.start()

    async def exchange(self, sinks: Mapping[str, Any], page_url: str | None = None, timeout: float = 15.0) -> None:
        """A reload, to these sinks."""
        assert self.deliverer is not None
        self.deliverer.admit(sinks, page_url, self.fallbacks, render)
        await self.deliverer.replace(sinks, timeout)

    async def reload(self, timeout: float = 15.0) -> None:
        """A reload after which every sink is another object, which goes on with the same script."""
        self.sinks = {name: copy(sink) for name, sink in self.sinks.items()}
        await self.exchange(self.sinks, None, timeout)

    async def close(self) -> None:
        if self.deliverer is not None:
            await self.deliverer.stop(0.0)
        self.store.close()

    def rows(self, **filters: Any) -> list[tuple[str, str]]:
        return [(d.event_id, d.state) for d in self.store.deliveries(**filters)]

    def row(self, event_id: str, sink: str = "slack") -> Delivery:
        (row,) = self.store.deliveries(event_id=event_id, sink=sink)
        return row
