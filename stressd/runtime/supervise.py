"""Keeps one task alive: what crashed is started again, later each time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

FIRST: Final = 1.0
CAP: Final = 60.0
"""Seconds: the ceiling of the first wait after a crash, and of any."""

log = structlog.get_logger()


async def supervise(
    name: str,
    start: Callable[[], Awaitable[None]],
    crashed: Callable[[Exception, float], None],
    *,
    first: float = FIRST,
    cap: float = CAP,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    jitter: Callable[[float, float], float] = random.uniform,
) -> None:
    """Run `start` until it returns. After an exception: tell `crashed` (the exception, the seconds to wait) and start
    again after a full-jitter wait whose ceiling doubles up to `cap` seconds; a run longer than `cap` starts afresh."""
    loop = asyncio.get_running_loop()
    ceiling = first
    while True:
        began = loop.time()
        try:
            await start()
        except Exception as error:
            if loop.time() - began > cap:
                ceiling = first
            wait = jitter(0.0, ceiling)
            ceiling = min(cap, ceiling * 2.0)
            log.error(
                "task.crashed",
                task=name,
                error=f"{type(error).__name__}: {error}",
                retry_s=round(wait, 2),
                exc_info=error,
            )
            crashed(error, wait)
            await sleep(wait)
        else:
            return
