"""The dead man's switch: watchers outside are told "all is well" while it is, so that silence is what alarms them.

Nothing is sent while anything is known that could make the daemon miss or not tell something (`runtime.health`); then
a watcher that takes it is told why, and the log and the status say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol, runtime_checkable

import structlog

from stressd import __version__
from stressd.config.doors import HeartbeatConfig, address
from stressd.config.fields import SecretError
from stressd.market.times import iso
from stressd.runtime.build import BuildError
from stressd.runtime.retry import Timing
from stressd.runtime.supervise import Crew
from stressd.sinks.base import SinkError
from stressd.sinks.http import Endpoint

SECOND: Final = 1_000_000_000
SINKS_EVERY: Final = 30 * SECOND
"""ns between two beats of sinks that pass them on, where no heartbeat is configured."""

FAIL_AFTER: Final = 60.0
"""Seconds for which something must have been wrong before a watcher is told so: a restart or a reconnect is no news."""

LONGEST: Final = 2_000
"""Bytes of reasons that a watcher is sent."""

log = structlog.get_logger()


@runtime_checkable
class Beating(Protocol):
    """A sink that passes the beat on, such as Alertmanager's watchdog alert."""

    name: str

    async def beat(self) -> None:
        """Raises SinkError."""
        ...


class Watcher:
    """One watcher. beats: those that it took; held: why the last one was not sent, empty where it was."""

    def __init__(self, name: str, every: int, beat: Callable[[], Any], fail: Callable[[bytes], Any] | None) -> None:
        self.name = name
        self.every = every
        self.beats = 0
        self.held: list[str] = []
        self.error = ""
        self.beaten: float | None = None
        self._since: float | None = None
        self.beat = beat
        self._fail = fail

    async def turn(self, wrong: Sequence[str], steady: float) -> None:
        """One beat, or the reasons against it. steady: monotonic s."""
        if list(wrong) != self.held:
            self.held = list(wrong)
            if wrong:
                log.warning("heartbeat.withheld", watcher=self.name, reasons=self.held)
            else:
                log.info("heartbeat.resumed", watcher=self.name)
        since = self._since = None if not wrong else steady if self._since is None else self._since
        try:
            if since is None:
                await self.beat()
                self.beats += 1
                self.beaten = steady
            elif self._fail is not None and steady - since >= FAIL_AFTER:
                await self._fail("\n".join(wrong).encode()[:LONGEST])
        except (SinkError, SecretError, ValueError) as error:
            if not self.error:
                log.warning("heartbeat.failed", watcher=self.name, error=str(error))
            self.error = str(error)
        else:
            self.error = ""

    def report(self, now: int, steady: float) -> dict[str, Any]:
        """For the status. now: ns UTC; steady: monotonic s."""
        age = None if self.beaten is None else steady - self.beaten
        return {
            "watcher": self.name,
            "every_s": self.every / SECOND,
            "beats": self.beats,
            "last_beat": None if age is None else iso(now - int(age * SECOND)),
            "age_s": age,
            "withheld": self.held,
            "error": self.error or None,
        }


Made = tuple[Watcher, list[Endpoint]]
"""A watcher, with what its beats go through."""


class Heart:
    """Beats for every watcher at its own pace, none of which waits for another. wrong: what is wrong now; sinks: those
    at work."""

    def __init__(
        self,
        wrong: Callable[[], Sequence[str]],
        sinks: Callable[[], Sequence[object]],
        timing: Timing | None = None,
        crew: Crew | None = None,
    ) -> None:
        self._wrong = wrong
        self._sinks = sinks
        self._timing = timing or Timing()
        self._crew = crew or Crew(self._timing.sleep)
        self._tasks: list[asyncio.Task[None]] = []
        self._endpoints: list[Endpoint] = []
        self.watchers: list[Watcher] = []

    def make(self, configs: Sequence[HeartbeatConfig]) -> list[Made]:
        """What `replace` is to be given. Raises BuildError."""
        try:
            return [self._watcher(config) for config in configs]
        except (SecretError, OSError, ValueError) as error:
            raise BuildError(f"heartbeat: {error}") from None

    async def replace(self, made: Sequence[Made]) -> None:
        """Beat for exactly these from now on, and for the sinks that pass it on, those at the pace of the fastest."""
        await self.stop()
        self.watchers = [watcher for watcher, _ in made]
        self._endpoints = [endpoint for _, endpoints in made for endpoint in endpoints]
        keep = self._crew.keep
        self._tasks = [keep(f"heartbeat {each.name}", partial(self._keep, each)) for each in self.watchers]
        every = min((watcher.every for watcher in self.watchers), default=SINKS_EVERY)
        self._tasks.append(keep("heartbeat sinks", partial(self._keep_sinks, every)))

    async def stop(self) -> None:
        """Beat no more: at a stop watchers shall hear nothing."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for endpoint in self._endpoints:
            await endpoint.close()
        self._endpoints = []

    def report(self) -> list[dict[str, Any]]:
        """For the status, one row a watcher."""
        return [each.report(self._timing.now(), self._timing.monotonic()) for each in self.watchers]

    def _watcher(self, config: HeartbeatConfig) -> Made:
        good = Endpoint(address(config.url), config)
        bad = Endpoint(address(config.fail_url), config) if config.fail_url is not None else None

        async def fail(reasons: bytes) -> None:
            assert bad is not None
            await _send(bad, "POST", reasons)

        watcher = Watcher(
            good.host, config.every, lambda: _send(good, config.method, None), None if bad is None else fail
        )
        return watcher, [good, bad] if bad is not None else [good]

    async def _keep(self, watcher: Watcher) -> None:
        due = self._timing.monotonic()
        while True:
            await watcher.turn(self._wrong(), self._timing.monotonic())
            # What was missed is not made up for: a watcher counts from the last beat.
            due = max(due + watcher.every / SECOND, self._timing.monotonic())
            await self._timing.sleep(due - self._timing.monotonic())

    async def _keep_sinks(self, every: int) -> None:
        beating: dict[str, Watcher] = {}
        while True:
            wrong = self._wrong()
            sinks = [sink for sink in self._sinks() if isinstance(sink, Beating)]
            for sink in sinks:
                watcher = beating.setdefault(sink.name, Watcher(f"sink {sink.name}", every, sink.beat, None))
                watcher.beat = sink.beat
            await asyncio.gather(*(beating[sink.name].turn(wrong, self._timing.monotonic()) for sink in sinks))
            await self._timing.sleep(every / SECOND)


async def _send(endpoint: Endpoint, method: str, body: bytes | None) -> None:
    headers = {"User-Agent": f"stressd/{__version__}"} | ({"Content-Type": "text/plain; charset=utf-8"} if body else {})
    answer = await endpoint.request(method, body, headers)
    if not 200 <= answer.status < 300:
        raise SinkError("retry", f"{endpoint.host}: HTTP {answer.status}")
