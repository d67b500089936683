"""A process that has everything imported and forks one life of a deliverer per line of its input.

A line is a JSON object: directory, sinks (configurations), fallbacks, label and occurrence of the point at which the
life ends by SIGKILL, upto: how far into the script this life gets, epoch. The answers are lines too: the child's pid,
then how it ended. `main` runs only when this file is run as a program; tests import the names of the points.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stressd.alerts.event import Event
from stressd.alerts.render import render
from stressd.runtime.delivery import Deliverer, Fallback
from stressd.runtime.registry import registry
from stressd.runtime.retry import Timing
from stressd.sinks.base import Receipt, Traits
from stressd.store import Commit, Store, outbox
from stressd.store.schema import FILE, connect

POINTS = (
    "writing", "committed", "begun", "sending", "arrived", "accepted", "marking", "recorded", "reloading",
    "checkpoint", "any time",
)  # fmt: skip
"""writing: in the transaction of a commit. committed: it is on disk, and nobody was told. begun: the attempt is
recorded. sending: before the sink has done anything. arrived: the other side has it and has not answered (after the dot
of a mail). accepted: the sink knows. marking: in the transaction that records it. recorded: that is on disk. reloading:
between the old sinks and the new. checkpoint: while the log is written back into the store's file. any time: after some
milliseconds."""

HANDING_OVER = "handing over"
"""Another sink is written down to stand in, and does not know yet. Only where one fails."""

EPISODES = tuple(f"{market}-260120-{name}" for name in ("aaaa", "bbbb") for market in ("JP", "US", "UK", "DE"))
LIFE = ("opened", "escalated", "widened", "propagated", "resolved")
SCRIPT = [(episode, seq, kind) for seq, kind in enumerate(LIFE, 1) for episode in EPISODES]
SPEED = 200.0
"""Seconds of retries and pauses in one of real time."""


@dataclass(frozen=True)
class Sent:
    event: Event
    sinks: tuple[str, ...]
    withheld: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def told(episode: str, seq: int, kind: str) -> Event:
    """An event whose headline says which it is, on whatever wire."""
    return Event(
        id=f"{episode}.{seq}", episode=episode, seq=seq, type=kind, kind="market", origin="live",  # type: ignore[arg-type]
        time="2026-01-20T05:30:00Z", instance="test", rule="sigma-breach", market=episode[:2], direction="up",
        severity="high", headline=f"told:{episode}.{seq}", series=[], version="0", method="1", config="c",
    )  # fmt: skip


class Deadly:
    """Ends the process when it comes to a point for the given time."""

    def __init__(self, label: str, occurrence: int) -> None:
        self._label = label
        self._left = occurrence
        if label == "any time":
            threading.Timer(random.uniform(0.0, 0.12) * occurrence, die).start()

    def point(self, label: str) -> None:
        if label == self._label:
            self._left -= 1
            if self._left == 0:
                die()

    def after(self, label: str, statement: Callable[..., Any]) -> Callable[..., Any]:
        """A statement of the outbox that dies with its transaction open."""

        def deadly(*args: Any, **more: Any) -> Any:
            result = statement(*args, **more)
            self.point(label)
            return result

        return deadly

    def when_done(self, label: str, write: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        """A write of the store that dies once it is on disk."""

        def deadly(*args: Any, **more: Any) -> Future[Any]:
            mark = write(*args, **more)
            mark.add_done_callback(lambda _: self.point(label))
            return mark

        return deadly


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlySink:
    """A sink that may die before it sends, or right after the other side has accepted."""

    def __init__(self, inner: Any, deadly: Deadly) -> None:
        self.inner, self.name, self._deadly = inner, inner.name, deadly
        self.traits: Traits = getattr(inner, "traits", Traits())

    async def send(self, notification: Any) -> Receipt:
        self._deadly.point("sending")
        receipt: Receipt = await self.inner.send(notification)
        self._deadly.point("accepted")
        return receipt

    async def probe(self) -> str:
        return str(await self.inner.probe())

    async def close(self) -> None:
        await self.inner.close()
        self._deadly.point("reloading")


def timing(epoch: float) -> Timing:
    """Time that runs SPEED times as fast, over all lives."""

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)

    return Timing(
        now=lambda: int((epoch + (time.time() - epoch) * SPEED) * 1e9),
        monotonic=lambda: time.monotonic() * SPEED,
        sleep=sleep,
    )


async def live(request: dict[str, Any]) -> None:
    """Deliver what waits, then the rest of the script; or die on the way."""
    deadly = Deadly(request["label"], request["occurrence"])
    outbox.write = deadly.after("writing", outbox.write)
    outbox.deliver = deadly.after("marking", outbox.deliver)
    clock = timing(request["epoch"])
    store = Store.open(request["directory"], now=clock.now)
    store.begin_delivery = deadly.when_done("begun", store.begin_delivery)  # type: ignore[method-assign]
    store.complete_delivery = deadly.when_done("recorded", store.complete_delivery)  # type: ignore[method-assign]
    store.stand_in = deadly.when_done(HANDING_OVER, store.stand_in)  # type: ignore[method-assign]
    types = registry().sinks

    def sinks() -> dict[str, Any]:
        made = {}
        for written in request["sinks"]:
            config = types[written["type"]].config.model_validate(written)
            made[config.name] = DeadlySink(types[written["type"]].build(config, "test"), deadly)
        return made

    fallbacks = {sink: Fallback(to, 20.0) for sink, to in request["fallbacks"].items()}
    deliverer = Deliverer(store, sinks(), timing=clock, fallbacks=fallbacks)
    await deliverer.start()
    known = sum(len(store.events_of(episode)) for episode in EPISODES)
    for number, (episode, seq, kind) in enumerate(SCRIPT[known : request["upto"]], known):
        routed = [Sent(told(episode, seq, kind), ("out",))]
        await asyncio.wrap_future(store.commit(Commit(routed)))
        deadly.point("committed")
        deliverer.committed(routed)
        await asyncio.sleep(0)
        if request["label"] == "checkpoint":
            await asyncio.to_thread(checkpoint, request["directory"], deadly)
        if request["label"] == "reloading":
            successors = sinks()
            deliverer.admit(successors, None, fallbacks, render)
            await deliverer.replace(successors, 0.02)
        if number % 2:
            await deliverer.idle()
    await deliverer.idle()
    await deliverer.stop()
    store.close()


def checkpoint(directory: str, deadly: Deadly) -> None:
    """Write the log back, and perhaps die in the middle of it."""
    connection = connect(Path(directory) / FILE)
    timer = threading.Timer(random.uniform(0.0, 0.003), lambda: deadly.point("checkpoint"))
    timer.start()
    for _ in range(4):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    timer.join()
    connection.close()


def fork(request: dict[str, Any]) -> int:
    """The pid of one life."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        output = os.open(request["output"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(request["environment"])
        random.seed(request["seed"])
        asyncio.run(live(request))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        pid = fork(json.loads(line))
        print(json.dumps({"pid": pid}), file=answers)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), file=answers)


if __name__ == "__main__":
    main()
