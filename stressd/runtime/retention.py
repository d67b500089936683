"""Lets go of closed episodes and of deliveries that are done, when they are old enough and the markets are closed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog

from stressd.store import StoreError

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

EVERY: Final = 600.0
"""Seconds between two looks."""

LATEST: Final = 86_400.0
"""Seconds after which it is done though a market is open."""

PAUSE: Final = 0.1
"""Seconds between two slices."""

log = structlog.get_logger()


class Retention:
    """gone: rows that this process has let go of."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._done = time.monotonic()
        self.gone = 0

    async def run(self) -> None:
        """Look regularly."""
        while True:
            await asyncio.sleep(EVERY)
            if self._daemon.calm() or time.monotonic() - self._done > LATEST:
                await self.turn()

    async def turn(self) -> int:
        """Everything that is due now, in slices. How many rows went."""
        d = self._daemon
        bounds, now = d.loaded.model.retention, d.clock.now()
        gone = 0
        try:
            while slice_ := await asyncio.wrap_future(d.store.prune(now - bounds.episodes, now - bounds.deliveries)):
                gone += slice_
                await asyncio.sleep(PAUSE)
        except StoreError as error:
            log.warning("retention.failed", error=str(error))
        self._done = time.monotonic()
        self.gone += gone
        if gone:
            log.info("retention.done", rows=gone)
        return gone
