"""Keeps tasks alive: what crashed is started again, later each time, and told where it does not stop crashing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import structlog

from stressd.backoff import Backoff
from stressd.engine.spec import HIGH
from stressd.runtime.notes import TASK, Condition

FIRST: Final = 1.0
CAP: Final = 60.0
"""Seconds: the ceiling of the first wait after a crash, and of any; a run longer than the latter starts afresh."""

TOLD_AFTER: Final = 3
"""Crashes in a row after which people are told."""

log = structlog.get_logger()


class Ended(Exception):
    """A task that must go on for ever has returned, or was cancelled by nobody who may."""


async def supervise(
    name: str,
    start: Callable[[], Awaitable[None]],
    crashed: Callable[[Exception, float], None],
    *,
    endless: bool = False,
    backoff: Backoff | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    steady: Callable[[], float] = time.monotonic,
) -> None:
    """Run `start` until it returns, or for ever (`endless`). After an exception: tell `crashed` (the exception, the
    seconds to wait) and start again after a wait by `backoff`."""
    waits = backoff or Backoff(FIRST, CAP, CAP)
    while True:
        began = steady()
        try:
            await start()
            if not endless:
                return
            error: Exception = Ended("it has ended by itself")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # not ours: something below was cancelled, and its exception came up to here
            error = Ended("something that it waited for was cancelled")
        except Exception as fault:
            error = fault
        waits.lived(steady() - began)
        wait = waits.next()
        log.error(
            "task.crashed", task=name, error=f"{type(error).__name__}: {error}", retry_s=round(wait, 2), exc_info=error
        )
        crashed(error, wait)
        await sleep(wait)


@dataclass(slots=True)
class Member:
    """One task. crashes: since the start of the process; error: of the last one; running: since when
    (monotonic s), None while it waits to be started again."""

    backoff: Backoff
    crashes: int = 0
    error: str = ""
    running: float | None = None


class Crew:
    """The daemon's tasks by name. What crashes three times without a minute's health between is told."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._members: dict[str, Member] = {}

    def keep(
        self,
        name: str,
        start: Callable[[], Awaitable[None]],
        *,
        endless: bool = True,
        crashed: Callable[[Exception], None] = lambda error: None,
        create: Callable[..., asyncio.Task[None]] = asyncio.create_task,
    ) -> asyncio.Task[None]:
        """A task that runs `start`, and again where it crashes; where it may not end (`endless`), also then. crashed:
        told of each time; create: makes the task, such as a group's method."""
        member = self._members.setdefault(name, Member(Backoff(FIRST, CAP, CAP)))

        def fell(error: Exception, wait: float) -> None:
            member.crashes += 1
            member.running = None
            member.error = f"{type(error).__name__}: {error}"
            crashed(error)

        async def begin() -> None:
            member.running = time.monotonic()
            await start()

        work: Coroutine[Any, Any, None] = supervise(
            name, begin, fell, endless=endless, backoff=member.backoff, sleep=self._sleep
        )
        return create(work, name=name)

    def forget(self, name: str) -> None:
        """It is not to run any more."""
        self._members.pop(name, None)

    def names(self) -> list[str]:
        """Of all that it keeps."""
        return list(self._members)

    def crashes(self) -> dict[str, int]:
        """By task, of those that have crashed."""
        return {name: member.crashes for name, member in self._members.items() if member.crashes}

    def conditions(self) -> list[Condition]:
        """Tasks that do not stop crashing."""
        now = time.monotonic()
        return [
            Condition(
                TASK,
                "task crashing",
                f"the task `{name}` has crashed {member.backoff.failures} times in a row ({member.error[:200]}) and is "
                "started again and again",
                source=name,
                severity=HIGH,
            )
            for name, member in self._members.items()
            if member.backoff.failures >= TOLD_AFTER and (member.running is None or now - member.running < CAP)
        ]
