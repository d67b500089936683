"""What people try out with real sinks: a test message, and a drill, which runs in a process of its own, so that the
pump never waits for it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog

from stressd.alerts.people.commands import CommandError
from stressd.config.load import load
from stressd.market.times import iso
from stressd.runtime.build import BuildError
from stressd.runtime.refusal import Refused, refusing
from stressd.runtime.sendtest import send_test
from stressd.sinks.base import SinkError
from stressd.web.doors import Unknown

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

TEST_LIMIT: Final = 20.0
"""Seconds that the other side of a sink has to answer: less than a request may take."""

DRILL_LIMIT: Final = 300.0
"""Seconds for a drill, its deliveries included."""

NICE: Final = 10
"""By how much a drill gives way to everything else on the machine."""

log = structlog.get_logger()


@dataclass(slots=True)
class Drill:
    """One, from its beginning on. began: ns UTC; at: monotonic s; rows: its deliveries; error: why there are none, or
    why not all of them came."""

    author: str
    began: int
    at: float
    state: str = "running"
    name: str = ""
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    error: str = ""
    took: float | None = None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "state": self.state,
            "author": self.author,
            "began": iso(self.began),
            "exercise": self.name or None,
            "deliveries": list(self.rows),
            "error": self.error or None,
            "took_s": round(time.monotonic() - self.at if self.took is None else self.took, 1),
        }


class Exercises:
    """Test messages and drills. One test a sink at once, and one drill."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._testing: set[str] = set()
        self._drill: Drill | None = None
        self._task: asyncio.Task[None] | None = None

    async def test(self, sink: str, author: str) -> dict[str, Any]:
        """One attempt through a sink, whatever waits for it. Raises Unknown, CommandError."""
        loaded = self._daemon.loaded
        names = [each.name for each in loaded.sinks]
        if sink not in names:
            raise Unknown(f"no sink is named `{sink}`; the configured ones are {', '.join(names) or 'none'}")
        if sink in self._testing:
            raise CommandError(f"a test of {sink} is under way")
        self._testing.add(sink)
        began = time.monotonic()
        told: dict[str, Any] = {"sink": sink, "delivered": False, "fault": None, "error": None, "receipt": None}
        try:
            async with asyncio.timeout(TEST_LIMIT):
                receipt = await send_test(
                    loaded, self._daemon.registry, sink, time.time_ns(), f"{author} asked for it on the page"
                )
            told |= {"delivered": True, "receipt": receipt.remote_ref, "detail": receipt.detail}
        except SinkError as error:
            told |= {"fault": error.fault, "error": str(error)}
        except TimeoutError:
            told |= {"fault": "retry", "error": f"no answer in {TEST_LIMIT:g} s"}
        except BuildError as error:
            told |= {"fault": "permanent", "error": str(error)}
        finally:
            self._testing.discard(sink)
        log.info("sink.tested", sink=sink, author=author, delivered=told["delivered"], error=told["error"])
        return {**told, "author": author, "took_s": round(time.monotonic() - began, 3)}

    async def drill(self, series: str | None, author: str) -> dict[str, Any]:
        """Begin one, by the file that the configuration was read from. Raises Unknown, CommandError."""
        loaded = self._daemon.loaded
        known = [each.id for each in loaded.engine.series if not each.legs]
        if series is not None and series not in known:
            raise Unknown(f"no series `{series}` is configured; a drill moves one of {', '.join(known[:20])}")
        self._free()
        try:
            with refusing():
                there = await asyncio.to_thread(load, loaded.path, self._daemon.registry)
        except Refused as refused:
            raise CommandError(
                f"a drill goes by {loaded.path.name}, which cannot be used: {'; '.join(refused.faults)}"
            ) from None
        if there.digest != loaded.digest:
            raise CommandError(
                f"{loaded.path.name} has changed since it was loaded, and a drill goes by the file: `stressd reload` "
                "first"
            )
        self._free()
        drill = self._drill = Drill(author, time.time_ns(), time.monotonic())
        words = ["drill", "-c", str(loaded.path), "--json", *(["--series", series] if series else [])]
        self._task = asyncio.create_task(self._follow(drill, words), name="drill")
        log.info("drill.begun", author=author, series=series)
        return drill.plain()

    def drilled(self) -> dict[str, Any] | None:
        """How the last one stands; None before the first."""
        return None if self._drill is None else self._drill.plain()

    async def stop(self) -> None:
        """End the one that is under way."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _free(self) -> None:
        if self._drill is not None and self._drill.state == "running":
            raise CommandError(f"a drill is under way: {self._drill.author} began it at {iso(self._drill.began)[:19]}Z")

    async def _follow(self, drill: Drill, words: list[str]) -> None:
        """Keep the drill's own words until it is over."""
        try:
            code, out, err = await _run(words)
            drill.rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
            told = [line.removeprefix("stressd: ") for line in err.splitlines() if line.startswith("stressd: ")]
            drill.name = next((line.split("`")[1] for line in told if line.startswith("the exercise is `")), "")
            if code != 0:
                drill.error = "not all of its messages were delivered" if drill.rows else (told or ["it has ended"])[-1]
            drill.state = "failed" if code else "done"
        except (OSError, ValueError) as error:
            drill.state, drill.error = "failed", f"it could not be run: {error}"
        except TimeoutError:
            drill.state, drill.error = "failed", f"given up after {DRILL_LIMIT:g} s"
        finally:
            if drill.state == "running":
                drill.state, drill.error = "failed", "stressd was stopped meanwhile"
            drill.took = time.monotonic() - drill.at
            log.info("drill.ended", author=drill.author, state=drill.state, error=drill.error or None)


async def _run(words: list[str]) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `stressd WORDS`. Raises OSError, TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "stressd", *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        async with asyncio.timeout(DRILL_LIMIT):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")
