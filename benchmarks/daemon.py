"""stressd from the socket to the decision: its MQTT feed, mailbox, decoder, pump, engine, episodes and routes.

usage: daemon.py PORT TICKS BATCH [--recording]     With --recording every tick is written down too, as the daemon does
by default. Left out: the store and the sinks, which run on a breach and not on a tick.

All frames count as received at one moment after the last tick, so that what is decided depends on the ticks' own time
alone, and not on how the network cut the stream.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import breaches
import meter
import stream
import uvloop

from stressd.alerts.people.commands import Done
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.config.state import DiskConfig, RecordingConfig
from stressd.engine.form import FORM
from stressd.feeds import mqtt
from stressd.feeds.payload import PayloadMap
from stressd.market.tick import Tick
from stressd.runtime.mailbox import Mailbox
from stressd.runtime.pump import Pump
from stressd.runtime.recorder import Recorder


class Still:
    """A clock that stands at `at` (ns UTC)."""

    def __init__(self, at: int) -> None:
        self._at = at

    def now(self) -> int:
        return self._at

    def seconds_until(self, t: int) -> float:
        return max(0, t - self._at) / 1e9

    async def sleep_until(self, t: int) -> None:
        await asyncio.sleep(self.seconds_until(t))

    def heed(self, ticks: Sequence[Tick]) -> None:
        return

    def unheard(self, gap: int) -> int:
        return 0


class Decisions:
    """An outbox that keeps what was decided."""

    def __init__(self) -> None:
        self.routed: list[Routed] = []

    def commit(self, routed: Sequence[Routed], pipeline: Pipeline, actions: Sequence[Done] = ()) -> Future[Any]:
        self.routed += routed
        done: Future[Any] = Future()
        done.set_result(None)
        return done


def feed(port: int, ticks: int, batch: int) -> mqtt.MqttFeed:
    """The daemon's own feed, configured as in a configuration file."""
    single = batch == 1
    config = mqtt.Config(
        name="desk",
        type="mqtt",
        url=f"mqtt://127.0.0.1:{port}",
        client_id=f"bench/{ticks}/{batch}/stressd",
        topics=["yields/{market}/{tenor}"] if single else ["yields/all"],
        qos=0,
        payload=PayloadMap(value="yield", time="ts", series=None if single else "series"),
    )
    return mqtt.build(config, breaches.resolver())


async def main(port: int, ticks: int, batch: int, recording: bool, state: Path) -> None:
    clock = Still(stream.end_ns(ticks))
    decisions = Decisions()
    mailbox = Mailbox(clock.now)
    recorder = Recorder(state, RecordingConfig() if recording else None, DiskConfig(), now=clock.now)
    if recording:
        recorder.start()
    pump = Pump(mailbox, breaches.pipeline(ticks), clock, decisions, record=recorder.put)
    source = feed(port, ticks, batch)
    gc.collect()
    gc.freeze()  # as the daemon does when it is warm
    began, wall = meter.cpu(), time.perf_counter()
    tasks = [asyncio.create_task(source.run(mailbox)), asyncio.create_task(pump.run())]
    with suppress(TimeoutError):
        async with asyncio.timeout(meter.LONGEST):
            while pump.ticks + mailbox.dropped < ticks:
                await asyncio.sleep(0.005)
    seconds = time.perf_counter() - wall
    recorder.stop(timeout=meter.LONGEST)
    cpu = meter.cpu() - began
    tasks[0].cancel()
    pump.stop()
    await asyncio.gather(*tasks, return_exceptions=True)
    told = breaches.digest(one.event for one in decisions.routed)
    meter.report(
        cpu,
        seconds,
        pump.ticks,
        folded=mailbox.dropped,
        unrecorded=recorder.dropped,
        form=FORM,
        breaches=breaches.count(decisions.routed),
        told=told,
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        port, ticks, batch = map(int, sys.argv[1:4])
        uvloop.run(main(port, ticks, batch, "--recording" in sys.argv, Path(folder)))
